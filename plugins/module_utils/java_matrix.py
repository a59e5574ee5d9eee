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


PACKAGES = {"bookworm": "openjdk-17-jre-headless", "trixie": "openjdk-21-jre-headless"}
"""The package of a Java that runs everything here, by the distribution's code name."""

OLDEST = 11
"""The services' own JVM flags need it: -Xlog, for the garbage collection log, is younger than Java 8."""

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


def package(variables: Mapping[str, Any], system: Mapping[str, Any]) -> str:
    """The package that brings Java to a host: its own choice, or that of its ``system`` (host_state)."""
    chosen = str(variables["java_runtime_package"])
    return chosen or PACKAGES.get(system.get("version_codename", ""), "default-jre-headless")


def missing(variables: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Whether Java is to be installed on the host that host_state answered for."""
    return not variables["java_runtime_home"] and state["java"][""] is None


def line(product: str, version: str) -> Line | None:
    """The matrix's line for a version, None for one older than all of them."""
    major, minor = (int(part) for part in version.split(".")[:2])
    fitting = [one for one in LINES[product] if one.since <= (major, minor)]
    return fitting[-1] if fitting else None


def check(host: str, product: str, version: str, present: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with Java ``present`` ({version, major}) for a product on a host.

    Too old for the services' own flags, or newer than any Java that any line of the product was documented
    or seen to run on, is an error; one that this line does not name is a warning.
    """
    major = int(present["major"])
    known = line(product, version)
    newest = max(max(one.documented | one.tested) for one in LINES[product])
    if major < OLDEST:
        rule = f"the services' JVM flags need Java {OLDEST} or newer"
    elif known is None or major in known.documented | known.tested:
        return []
    else:
        name = f"{'Kafka' if product == 'kafka' else 'ZooKeeper'} {version}"
        documented = ", ".join(map(str, sorted(known.documented)))
        tested = ", ".join(map(str, sorted(known.tested))) or "none"
        rule = f"{name} documents Java {documented}, and was tested here on {tested}"
    best = max((known.tested or known.documented) if known else {newest})
    return [
        Finding(
            host,
            "java_runtime_home",
            f"Java {present['version']}",
            rule,
            f"Give the JAVA_HOME of another (Java {best} is the best choice), "
            "or leave java_runtime_home empty and name its package in java_runtime_package",
            "warning" if OLDEST <= major <= newest else "error",
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
