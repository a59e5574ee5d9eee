"""What we keep, write and hide, against what Kafka itself says of its settings."""

from __future__ import annotations

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import (
    kafka_settings,
    properties,
    setting_definitions,
)

from tests import definitions
from tests.described import broker


@pytest.mark.parametrize("version", definitions.RELEASES)
def test_the_definitions_that_are_kept_are_the_releases_own(version: str) -> None:
    kept = setting_definitions.definitions_file(version).read_text(encoding="utf-8")
    assert kept == definitions.document(version), "run `make schema`"


@pytest.mark.parametrize("version", definitions.RELEASES)
def test_every_setting_is_known_to_kafka_and_its_passwords_to_us(version: str) -> None:
    _version, known = setting_definitions.load(version)
    assert len(known) > 200
    written = kafka_settings.broker_settings(broker(1, "192.0.2.1", kafka_rack="a"), "192.0.2.1:2181")
    assert set(written) <= set(known)
    # Of other lines, too: a name that is owned is refused before it is unknown.
    everything = {name for release in definitions.RELEASES for name in setting_definitions.load(release)[1]}
    assert set(kafka_settings.OWNED) <= everything
    passwords = {name for name, definition in known.items() if definition.type == "password"}
    assert {name for name in known if properties.is_secret(name)} == passwords
