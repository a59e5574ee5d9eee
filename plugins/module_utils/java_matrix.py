"""Which Java runs which release: what its documentation names, and what was seen to run it here.

Sources: "Java Version" in the operations chapter of each Kafka line's documentation; "Required Software" in
ZooKeeper's administrator's guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.findings import Finding, errors


@dataclass(frozen=True)
class Line:
    """From version ``since`` on (until the next line): major versions of Java."""

    since: tuple[int, int]
    documented: frozenset[int]
    tested: frozenset[int] = frozenset()


LINES = {
    "kafka": (
        Line((2, 6), frozenset({8, 11}), frozenset({17, 21})),
        Line((2, 7), frozenset({8, 11})),
        Line((3, 1), frozenset({8, 11, 17})),
        Line((3, 9), frozenset({8, 11, 17, 21}), frozenset({17, 21})),
    ),
    "zookeeper": (
        Line((3, 6), frozenset({8, 11, 12}), frozenset({17, 21})),
        Line((3, 7), frozenset({8, 11, 12})),
        Line((3, 9), frozenset({8, 11, 12}), frozenset({17, 21})),
    ),
}


def line(product: str, version: str) -> Line | None:
    """The matrix's line for a version, None for one older than all of them."""
    major, minor = (int(part) for part in version.split(".")[:2])
    fitting = [one for one in LINES[product] if one.since <= (major, minor)]
    return fitting[-1] if fitting else None


def check(host: str, product: str, version: str, present: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with Java ``present`` ({version, major}) for a product on a host.

    Older than any that is documented, or newer than any that is documented or tested, is an error; one
    between that is neither is a warning.
    """
    known = line(product, version)
    if known is None:
        return []
    fitting = known.documented | known.tested
    major = int(present["major"])
    if major in fitting:
        return []
    name = f"{'Kafka' if product == 'kafka' else 'ZooKeeper'} {version}"
    documented = ", ".join(map(str, sorted(known.documented)))
    tested = ", ".join(map(str, sorted(known.tested))) or "none"
    outside = major < min(fitting) or major > max(fitting)
    return [
        Finding(
            host,
            "java_runtime_home",
            f"Java {present['version']}",
            f"{name} documents Java {documented}, and was tested here on {tested}",
            f"Give the JAVA_HOME of one of these (Java {max(known.tested or fitting)} is the best choice), "
            "or leave java_runtime_home empty and name its package in java_runtime_package",
            "error" if outside else "warning",
        )
    ]


def refusals(present: Mapping[str, Any] | None, host: str, cluster: Mapping[str, Any]) -> list[str]:
    """Why Java ``present`` on ``host`` cannot run what the host is to run, empty where it can.

    ``cluster`` is what preflight resolved; ``present`` is None where there is no Java at all.
    """
    if present is None:
        return [f"{host}: java_runtime_package: it was installed, but there is still no /usr/bin/java"]
    variables = cluster["hosts"][host]
    members = {
        "zookeeper": [server["host"] for server in cluster["zookeeper"]["servers"]],
        "kafka": [broker["host"] for broker in cluster["kafka"]["brokers"]],
    }
    findings = [
        finding
        for product, hosts in members.items()
        if host in hosts
        for finding in check(host, product, variables[f"{product}_version"], present)
    ]
    return [str(finding) for finding in errors(findings)]
