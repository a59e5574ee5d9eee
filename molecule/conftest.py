"""What every scenario's checks share: they must have looked at every host that the scenario made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End the run where a platform is asked nothing: a scenario that matches no host would pass otherwise."""
    scenario = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text())
    made = {platform["name"] for platform in scenario["platforms"]}
    asked = set()
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "_testinfra_host" in parameters and hasattr(parameters["_testinfra_host"], "backend"):
            asked.add(parameters["_testinfra_host"].backend.get_pytest_id().removeprefix("ansible://"))
    if made - asked:
        raise pytest.UsageError(
            f"scenario {scenario['scenario']['name']}: {len(items)} tests, and none of them asks "
            f"{', '.join(sorted(made - asked))}"
        )
