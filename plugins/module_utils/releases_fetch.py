"""The process behind ``release_fetch``: fills the controller's cache while the action shows its progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.child import serve
from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding
from ansible_collections.barevm.kafka.plugins.module_utils.releases import Release, ReleaseError
from ansible_collections.barevm.kafka.plugins.module_utils.releases_cache import fetch_all


def main(request: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    """Answer ``{releases, cache_dir, check_only}`` with what was fetched and every finding."""
    wanted: list[Release] = []
    findings: list[Finding] = []
    for fields in request["releases"]:
        try:
            wanted.append(Release.from_dict(fields))
        except ReleaseError as problem:
            findings.append(problem.finding)
    had, refused = fetch_all(wanted, Path(request["cache_dir"]).expanduser(), progress, request["check_only"])
    findings += [problem.finding for problem in refused]
    return {"releases": had, "findings": [finding.as_dict() for finding in findings]}


if __name__ == "__main__":
    serve(main)
