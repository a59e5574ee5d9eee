"""server.properties as people have them: nothing of what works is refused, or warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import judged, server_properties


def test_there_are_many_of_both_lines() -> None:
    versions = [server_properties.version(path) for path in server_properties.FILES]
    assert len(versions) >= 20
    assert set(versions) == {"2.6.0", "3.9.2"}
    assert versions.count("2.6.0") >= 7


@pytest.mark.parametrize("path", server_properties.FILES, ids=lambda path: path.stem)
def test_what_works_is_accepted(path: Path) -> None:
    judged.accepted(server_properties.described(path))


@pytest.mark.parametrize("path", server_properties.FILES, ids=lambda path: path.stem)
def test_one_wrong_letter_in_any_name_is_found(path: Path) -> None:
    described = server_properties.described(path)
    for host in described[0]["kafka"]:
        given = described[1][host]["kafka_properties"]
        described[1][host]["kafka_allow_unknown_properties"] = []
        described[1][host]["kafka_properties"] = {
            name if name.startswith(("config.providers", "rsm.", "rlmm.")) else f"{name}x": value
            for name, value in given.items()
        }
    told = {finding.variable for finding in judged.errors(described)}
    assert told >= {
        f"kafka_properties[{name}]"
        for name in described[1]["n1"]["kafka_properties"]
        if not name.startswith(("config.providers", "rsm.", "rlmm."))
    }
