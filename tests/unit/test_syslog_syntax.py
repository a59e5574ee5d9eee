"""What the controller refuses of a client property or a template, and what it leaves to the host."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import syslog_syntax
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from test_syslog_rules import brokers, findings

__all__ = ["brokers"]


@pytest.mark.parametrize(
    ("name", "value", "said", "near"),
    [
        ("compresion.type", "lz4", 'No such configuration property: "compresion.type"', "compression.type"),
        ("acls", "x", 'No such configuration property: "acls"', ""),
        ("compression.type", "zip", 'Invalid value "zip" for configuration property', ""),
        ("linger.ms", "soon", "Invalid value for configuration property", ""),
        ("linger.ms", "99999999", "outside allowed range 0..900000", ""),
        ("security.protocol", "TLS", 'Invalid value "TLS"', ""),
    ],
)
def test_a_property_that_no_librdkafka_takes_is_refused(name: str, value: str, said: str, near: str) -> None:
    found, nearest = syslog_syntax.client_property(name, value)
    assert said in found
    assert nearest == near


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("compression.type", "zstd"),
        ("linger.ms", "20"),
        ("enable.idempotence", "true"),
        # Files that the host alone has, and what needs other properties beside it.
        ("ssl.ca.location", "/nowhere/ca.pem"),
        ("ssl.certificate.location", "/nowhere/client.pem"),
        ("ssl.keystore.location", "/nowhere/client.p12"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.mechanism", "GSSAPI"),
        ("sasl.kerberos.keytab", "/nowhere/keytab"),
        ("plugin.library.paths", "nowhere.so"),
        # What the Python client has another use for.
        ("error_cb", "x"),
        ("default.topic.config", "x"),
        ("on_delivery", "x"),
        ("logger", "x"),
        ("debug", "all"),
    ],
)
def test_what_depends_on_the_host_is_left_to_it(
    name: str, value: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert syslog_syntax.client_property(name, value) == ("", "")
    assert capfd.readouterr() == ("", "")


def test_without_the_library_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    assert syslog_syntax.client_property.__wrapped__("compresion.type", "lz4") == ("", "")


def test_a_finding_names_key_value_and_remedy() -> None:
    [found] = findings(client_properties={"compresion.type": "lz4", "ssl.ca.location": "/nowhere/ca.pem"})
    assert found == Finding(
        "in1",
        "syslog_ingest_client_properties[compresion.type]",
        "lz4",
        'librdkafka says: No such configuration property: "compresion.type"',
        "Write compression.type",
    )


def test_true_is_written_as_librdkafka_reads_it() -> None:
    assert findings(client_properties={"enable.idempotence": True}) == []


@pytest.mark.parametrize(
    "template",
    [
        "%rawmsg%",
        "plain",
        "%rawmsg%%msg%",
        "%RawMsg%",
        "%timestamp:::date-rfc3339% %hostname% %syslogtag%%msg:::drop-last-lf%",
        "%msg:1:10%",
        "%msg:F,44:2%",
        "%msg:R,ERE,1,FIELD:100%--end% and no more is looked at %x%",
        # Open names, and those that begin with a sign: judged on the host.
        '{"a":"%$!x!y%","b":"%!all-json%","c":"%.z%","d":"%$now%","e":"%$new-in-some-version%"}',
        # Of later versions than 8.2302.
        "%fromhost-port% %timereceived%",
    ],
)
def test_a_template_that_some_rsyslog_takes_is_not_refused(template: str) -> None:
    assert syslog_syntax.template(template) == ""


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("%rawmgs%", "rsyslog has no property 'rawmgs', the nearest is rawmsg"),
        ("%no-such-thing-at-all%", "rsyslog has no property 'no-such-thing-at-all'"),
        ("%msg %", "rsyslog has no property 'msg ', the nearest is msg"),
        ("100%% %msg%", "rsyslog has no property ''"),
        ("%rawmsg", "the property that %rawmsg begins has no percent sign at its end"),
        ("rawmsg%", "the property that % begins has no percent sign at its end"),
        ("%rawmsg% %msg:1:5", "the property that %msg begins has no percent sign at its end"),
    ],
)
def test_a_template_that_rsyslog_refuses(template: str, said: str) -> None:
    """Each was refused by rsyslogd -N1 of 8.2302 too."""
    assert syslog_syntax.template(template).startswith(said)
