"""What site.yml costs: a first deploy, and a run that has nothing to do, beside an all-builtin play."""

from __future__ import annotations

import statistics

from tests.bench import hosts
from tests.bench.table import Row
from tests.integration.conftest import release_in_cache

RUNS = 3
REFERENCE = "tests/bench/reference.yml"
REFERENCE_MODULES = 46

# The most-used public roles took 21.7 s where the reference play took 20 s (their second run), and 38.9 s
# for a first deploy. Held to 0.30 of 22 s and 0.7 of 39 s, so, beside the reference play:
NO_OP_SHARE = 0.30 * 22 / 20
DEPLOY_SHARE = 0.7 * 39 / 20
MODULES_LIMIT = 8


def modules_per_host(verbose_output: str) -> float:
    """Module executions on managed hosts, for each of them; those on the controller do not count."""
    lines = verbose_output.splitlines()
    everywhere = sum(line.startswith("Using module file") for line in lines)
    here = sum(line.startswith("<localhost> PUT") and "AnsiballZ_" in line for line in lines)
    return (everywhere - here) / len(hosts.facts()["members"])


def measure(deploy: bool) -> list[Row]:
    """Deploy onto hosts that have Java and nothing else if ``deploy``, then run with nothing to do."""
    # A deploy is measured, not a download.
    release_in_cache("kafka", "3.9.2")
    release_in_cache("zookeeper", "3.9.5")
    deploy_s = hosts.play("site.yml")[0]
    hosts.play(REFERENCE)
    modules = modules_per_host(hosts.play("site.yml", "-vvv")[1])
    reference_modules = modules_per_host(hosts.play(REFERENCE, "-vvv")[1])
    if reference_modules != REFERENCE_MODULES:
        raise SystemExit(f"{REFERENCE} has {reference_modules:g} module executions a host, not 46")
    ours_s, reference_s = [], []
    for _ in range(RUNS):
        reference_s.append(hosts.play(REFERENCE)[0])
        took_s, said = hosts.play("site.yml")
        if said.count("changed=0 ") != len(hosts.facts()["members"]):
            raise SystemExit(f"site.yml had something to do:\n{said[-1000:]}")
        ours_s.append(took_s)
    reference, ours = statistics.median(reference_s), statistics.median(ours_s)
    beside = "46 builtin modules a host"
    rows = [
        Row("site.yml, nothing to do", ours, "s", beside, reference, at_most=NO_OP_SHARE),
        Row("module executions a host", modules, "", "limit", MODULES_LIMIT, at_most=1),
    ]
    if not deploy:
        return rows
    return [Row("first deploy, to verified", deploy_s, "s", beside, reference, at_most=DEPLOY_SHARE), *rows]
