"""Properties text: what is written is what is read back, and what is shown holds no secret."""

from __future__ import annotations

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import properties
from hypothesis import example, given
from hypothesis import strategies as st

# Every character but lone surrogates, which no Unicode text holds.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# What the format itself gives a meaning, so that short examples meet it often.
TRICKY = st.text(alphabet="ab \t\f\n\r\\=:#!u0041é😀\u2028\x85")
SETTINGS = st.dictionaries(TEXT | TRICKY, TEXT | TRICKY)

# The settings that Kafka 3.9.2's own definition types as a password (kafka.server.KafkaConfig prints it).
KAFKA_SECRETS = [
    "delegation.token.master.key",
    "delegation.token.secret.key",
    "password.encoder.old.secret",
    "password.encoder.secret",
    "sasl.jaas.config",
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.password",
    "ssl.truststore.certificates",
    "ssl.truststore.password",
    "zookeeper.ssl.keystore.password",
    "zookeeper.ssl.truststore.password",
]
OTHER_SECRETS = [
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config",
    "listener.name.internal.ssl.keystore.password",
    "ssl.quorum.keyStore.password",
    "ssl.trustStore.password",
    "confluent.license.token",
    "aws.credentials",
    "CLIENT_SECRET",
]
PUBLIC = [
    "delegation.token.expiry.check.interval.ms",
    "delegation.token.expiry.time.ms",
    "delegation.token.max.lifetime.ms",
    "password.encoder.cipher.algorithm",
    "password.encoder.iterations",
    "password.encoder.key.length",
    "password.encoder.keyfactory.algorithm",
    "sasl.oauthbearer.token.endpoint.url",
    "ssl.keymanager.algorithm",
    "ssl.keystore.location",
    "ssl.keystore.type",
    "ssl.truststore.location",
    "ssl.keyStore.passwordPath",
    "zookeeper.ssl.keystore.location",
    "broker.id",
]


@given(SETTINGS)
@example({"": "", "a b": " leading", "k=e:y": "trailing ", "#c": "\\", "!": "a\nb\r\n", "😀": "\x00\x7f"})
def test_what_is_written_is_read_back(settings: dict[str, str]) -> None:
    rendered = properties.render(settings)
    assert properties.parse(rendered) == settings
    assert rendered.isascii()
    assert rendered.count("\n") == len(settings)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "k=true"),
        (False, "k=false"),
        (None, "k="),
        (536870912, "k=536870912"),
        (["a", 1, True], "k=a,1,true"),
        ([], "k="),
        ("\ud83d", "k=\\ud83d"),
    ],
)
def test_values_are_written_as_kafka_does(value: object, written: str) -> None:
    assert properties.render_line("k", value) == written


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("a=1\na=2\n", {"a": "2"}),
        ("a 1\nb:2\nc\t=\t3\nd", {"a": "1", "b": "2", "c": "3", "d": ""}),
        ("# a=1\n  ! b=2\n\n", {}),
        ("a=1,\\\n   2,\\\r\n   3\n", {"a": "1,2,3"}),
        # A comment is not continued, and an even number of backslashes continues nothing.
        ("# a\\\nb=1\n", {"b": "1"}),
        ("a=C:\\\\\nb=1\n", {"a": "C:\\", "b": "1"}),
        ("\\\n#a=1\n", {}),
        ("a=\\u0041\\uD83D\\uDE00\n", {"a": "A😀"}),
        # Java refuses these; a file on a host must still be comparable.
        ("a=C:\\users\\u12\n", {"a": "C:\\users\\u12"}),
        ("a=1\\", {"a": "1"}),
    ],
)
def test_foreign_text_is_read_as_java_does(source: str, settings: dict[str, str]) -> None:
    assert properties.parse(source) == settings


def test_differing_names_what_was_added_changed_and_removed() -> None:
    before = "same=1\nchanged=1\nremoved=1\n# comment\n"
    after = "# other comment\nadded=1\nchanged=2\nsame: 1\n"
    assert properties.differing(before, after) == ["added", "changed", "removed"]


@pytest.mark.parametrize("key", KAFKA_SECRETS + OTHER_SECRETS)
def test_secret_names_are_known(key: str) -> None:
    assert properties.is_secret(key)
    assert properties.is_secret(f"kafka_properties[{key}]")


@pytest.mark.parametrize("key", PUBLIC)
def test_public_names_are_not_taken_for_secrets(key: str) -> None:
    assert not properties.is_secret(key)


@given(
    st.lists(st.sampled_from(KAFKA_SECRETS + OTHER_SECRETS), unique=True, min_size=1),
    st.data(),
)
def test_every_secret_is_hidden_one_by_one_and_a_change_shows(
    secret_keys: list[str], data: st.DataObject
) -> None:
    changed = data.draw(st.sets(st.sampled_from(secret_keys)))
    public = {key: f"shown {position}" for position, key in enumerate(PUBLIC)}
    old = {key: f"hunter-{position} \\=#é\nx" for position, key in enumerate(secret_keys)}
    new = {key: f"{value}2" if key in changed else value for key, value in old.items()}
    before, after = properties.masked(
        properties.render({**public, **old}), properties.render({**public, **new})
    )
    assert properties.parse(before) == {**public, **dict.fromkeys(old, "<hidden>")}
    assert properties.parse(after) == {
        **public,
        **{key: "<hidden, changed>" if key in changed else "<hidden>" for key in new},
    }
    assert "hunter" not in before + after


@pytest.mark.parametrize(
    "source",
    [
        # A value over several lines, whichever line end.
        "ssl.key.password=hun\\\n   ter2\n",
        "ssl.key.password=hun\\\r\n\tter2\r\n",
        "ssl.key.password=hun\\\rter2\r",
        "ssl.key.\\\n  password=hunter2\n",
        # Its neighbours end in a backslash without continuing.
        "log.dirs=C:\\\\\nssl.key.password=hunter2\n",
        "# comment \\\nssl.key.password=hunter2\n",
        "\\\nssl.key.password=hunter2\n",
        # Characters at which Python, but not Java, ends a line.
        "ssl.key.password=a\u2028hunter2\n",
        "ssl.key.password=a\x0bhunter2\n",
        "ssl.key.password=a\x85hunter2\n",
        "  ssl.key.password : hunter2",
        "ssl.key.passwor\\u0064=hunter2\n",
        "#ssl.key.password=hunter2\n",
        'KAFKA_OPTS="-Dx=1 -Djavax.net.ssl.keyStorePassword=hunter2 -Dy=2"\n',
        'KAFKA_OPTS="-Djavax.net.ssl.keyStorePassword=a\\"hunter2"\n',
    ],
)
def test_no_part_of_a_secret_is_left(source: str) -> None:
    shown = "".join(properties.masked(source, "")) + "".join(properties.masked("", source))
    for part in ("hunter2", "hun", "ter2"):
        assert part not in shown
    assert "<hidden>" in shown


def test_flags_within_a_value_are_hidden_and_their_neighbours_stay() -> None:
    before, after = properties.masked(
        'KAFKA_OPTS="-Dzookeeper.ssl.keyStore.password=old -Djava.io.tmpdir=/tmp -Da.token=same"\n',
        'KAFKA_OPTS="-Dzookeeper.ssl.keyStore.password=new -Djava.io.tmpdir=/var -Da.token=same"\n',
    )
    head = 'KAFKA_OPTS="-Dzookeeper.ssl.keyStore.password='
    assert before == f'{head}<hidden> -Djava.io.tmpdir=/tmp -Da.token=<hidden>"\n'
    assert after == f'{head}<hidden, changed> -Djava.io.tmpdir=/var -Da.token=<hidden>"\n'


def test_comments_and_plain_settings_stay_readable() -> None:
    text = "# Managed by Ansible\nbroker.id=1\nssl.keystore.location=/etc/kafka/keystore.jks\n"
    assert properties.masked(text, text) == (text, text)
