"""What a change to a file means: its settings, its diff without secrets, and what waits for a restart."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import file_changes


def test_settings_are_named_for_files_made_of_settings_alone() -> None:
    assert file_changes.settings("properties.j2", "a=1\nb=1\n", "a=2\nb=1\nc=1\n") == ["a", "c"]
    assert file_changes.settings("environment.j2", 'A="1"\n', 'A="2"\n') == ["A"]
    assert file_changes.settings("logback.xml.j2", "a", "b") is None
    assert file_changes.settings(None, "a=1", "a=2") is None


def test_values_are_those_before_and_after_with_secrets_hidden() -> None:
    assert file_changes.values("properties.j2", "a=1\nb=x y\nk=1\n", "b=z\nk=1\nc=\n") == {
        "a": {"before": "1", "after": None},
        "b": {"before": "x y", "after": "z"},
        "c": {"before": None, "after": ""},
    }
    assert file_changes.values("properties.j2", "x.password=a\n", "x.password=b\nsasl.jaas.config=c\n") == {
        "sasl.jaas.config": {"before": None, "after": "<hidden>"},
        "x.password": {"before": "<hidden>", "after": "<hidden, changed>"},
    }
    assert file_changes.values(
        "environment.j2", 'O="-Da.password=1 -Db=1"\n', 'O="-Da.password=2 -Db=1"\n'
    ) == {
        "O": {"before": '"-Da.password=<hidden> -Db=1"', "after": '"-Da.password=<hidden, changed> -Db=1"'},
    }
    assert file_changes.values("logback.xml.j2", "a=1", "a=2") == {}
    assert file_changes.values(None, "a=1", "a=2") == {}


def test_values_of_a_unit_leave_its_own_digest_out() -> None:
    def unit(limit: int, digest: str) -> str:
        return (
            "# Ansible managed\n\n[Service]\nExecStartPre=/bin/a\n"
            f"ExecStartPre=/bin/sh -c 'echo {digest * 64} /opt/x-1 >/run/x'\nLimitNOFILE={limit}\n"
            "[Install]\nAlias=b\n"
        )

    assert file_changes.values("systemd_unit.j2", unit(1, "a"), unit(2, "b")) == {
        "Service.LimitNOFILE": {"before": "1", "after": "2"}
    }
    more = unit(1, "a").replace("/bin/a", "/bin/a\nExecStartPre=/bin/c")
    (change,) = file_changes.values("systemd_unit.j2", unit(1, "a"), more).items()
    assert change[0] == "Service.ExecStartPre"
    assert change[1]["before"] == "/bin/a; /bin/sh -c 'echo DIGEST /opt/x-1 >/run/x'"
    assert change[1]["after"] == "/bin/a; /bin/c; /bin/sh -c 'echo DIGEST /opt/x-1 >/run/x'"


def test_a_diff_hides_secrets_of_settings_and_shows_other_text() -> None:
    shown = file_changes.text_diff(
        "/x", "properties.j2", "ssl.key.password=a\nk=1\n", "ssl.key.password=b\nk=2\n"
    )
    assert shown == {
        "before_header": "/x",
        "after_header": "/x",
        "before": "ssl.key.password=<hidden>\nk=1\n",
        "after": "ssl.key.password=<hidden, changed>\nk=2\n",
    }
    assert file_changes.text_diff("/x", "systemd_unit.j2", "a\n", "b\n")["after"] == "b\n"


def test_a_diff_of_attributes_names_them() -> None:
    assert file_changes.attribute_diff("/x", ["owner", "mode"])["before"] == "owner: differs\nmode: differs\n"
    assert (
        file_changes.attribute_diff("/x", ["owner", "mode"])["after"] == "owner: as asked\nmode: as asked\n"
    )
    assert file_changes.attribute_diff("/x", ["created"])["before"] == "absent\n"
    assert file_changes.attribute_diff("/x", ["created"])["after"] == "present\n"


def test_pending_names_each_setting_the_text_or_the_unit() -> None:
    assert file_changes.pending("/f", "properties.j2", "a=1\n", "a=1\n") == []
    assert file_changes.pending("/f", "properties.j2", "a=1\n", "a=2\nb=1\n") == ["/f: a", "/f: b"]
    # A comment is no setting, yet the started copy differs.
    assert file_changes.pending("/f", "properties.j2", "# x\na=1\n", "a=1\n") == ["/f: content"]
    assert file_changes.pending("/f", "logback.xml.j2", "old", "new") == ["/f: content"]
    assert file_changes.pending_values("/f", "properties.j2", "a=1\n", "a=2\nb=1\n") == {
        "/f: a": {"before": "1", "after": "2"},
        "/f: b": {"before": None, "after": "1"},
    }
    assert file_changes.pending_values("/f", "logback.xml.j2", "a=1", "a=2") == {}
    assert file_changes.pending_values("/u", "systemd_unit.j2", "abd\n", "[S]\nk=1\n") == {}
    carried = "ExecStartPre=/bin/sh -c 'echo abc >x'\n"
    assert file_changes.pending("/u", "systemd_unit.j2", "abc\n", carried) == []
    assert file_changes.pending("/u", "systemd_unit.j2", "abd\n", carried) == ["unit: definition"]


def test_a_unit_of_another_release_names_both() -> None:
    written = "ExecStartPre=/bin/sh -c 'echo abc /opt/kafka/kafka_2.13-3.9.2 >/run/kafka/unit'\n"
    old = "abd /opt/kafka/kafka_2.13-3.9.1\n"
    assert file_changes.pending("/u", file_changes.UNIT, old.replace("abd", "abc"), written) == [
        "unit: definition",
        "release: kafka_2.13-3.9.1 -> kafka_2.13-3.9.2",
    ]
    assert file_changes.pending("/u", file_changes.UNIT, "abc /opt/kafka/kafka_2.13-3.9.2\n", written) == []
    assert file_changes.pending("/u", file_changes.UNIT, "abd /opt/kafka/kafka_2.13-3.9.2\n", written) == [
        "unit: definition"
    ]
    # One that was started by a unit which did not name its release yet.
    assert file_changes.pending("/u", file_changes.UNIT, "abc\n", written) == ["unit: definition"]
