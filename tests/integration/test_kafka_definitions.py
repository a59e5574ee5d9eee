"""What we write and hide, against what Kafka itself says of its settings."""

from __future__ import annotations

import re
import subprocess

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import kafka_settings, properties

from tests.described import broker
from tests.integration.conftest import ReleaseOf


@pytest.mark.parametrize("version", ["3.9.2", "2.6.0"])
def test_every_setting_is_known_to_kafka_and_its_passwords_to_us(release_of: ReleaseOf, version: str) -> None:
    libraries = release_of("kafka", version) / "libs" / "*"
    printed = subprocess.run(
        ["java", "-cp", str(libraries), "kafka.server.KafkaConfig"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    types = dict(re.findall(r'<h4><a id="([^"]+)".*?<th>Type:</th><td>(\w+)', printed, re.DOTALL))
    assert len(types) > 200
    written = kafka_settings.broker_settings(broker(1, "192.0.2.1", kafka_rack="a"), "192.0.2.1:2181")
    assert set(written) | set(kafka_settings.OWNED) <= set(types)
    passwords = {name for name, kind in types.items() if kind == "password"}
    assert {name for name in types if properties.is_secret(name)} == passwords
