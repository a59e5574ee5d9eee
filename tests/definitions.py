"""Takes the definitions of Kafka's settings from each supported release and keeps them: ``make schema``."""

from __future__ import annotations

import subprocess

from ansible_collections.barevm.kafka.plugins.module_utils import setting_definitions

from tests.integration.conftest import release_in_cache

RELEASES = ("3.9.2", "2.6.0")


def document(version: str) -> str:
    """The file to keep for the line of ``version``, as that release itself prints its settings."""
    libraries = release_in_cache("kafka", version) / "libs" / "*"
    printed = subprocess.run(
        ["java", "-cp", str(libraries), "kafka.server.KafkaConfig"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return setting_definitions.document(version, setting_definitions.parse(printed))


def main() -> None:
    """Write all of them."""
    setting_definitions.FOLDER.mkdir(parents=True, exist_ok=True)
    for version in RELEASES:
        path = setting_definitions.definitions_file(version)
        path.write_text(document(version), encoding="utf-8")
        print(f"{path.relative_to(setting_definitions.FOLDER.parents[3])}: {len(path.read_bytes())} bytes")


if __name__ == "__main__":
    main()
