"""What `make lab` says at the end: addresses, times, figures, and what to type next."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lab.plan import Plan
from lab.state import CHECKOUT
from lab.verbs import how_to_use

# perf.json's name of a figure, and how it reads.
FIGURES = {
    "records_acked": "{:,.0f} records acknowledged",
    "records_per_s": "{:,.0f} records/s",
    "mb_per_s": "{:,.1f} MB/s",
    "produce_p50_ms": "produce p50 {:,.1f} ms",
    "produce_p99_ms": "produce p99 {:,.1f} ms",
    "end_to_end_p99_ms": "end to end p99 {:,.1f} ms",
    "longest_gap_without_ack_ms": "longest gap without an acknowledgement {:,.0f} ms",
}


def summary(plan: Plan, took: list[tuple[str, float]]) -> list[str]:
    """What somebody wants to know at the end.

    Args:
        plan: the lab.
        took: phases and their seconds; none where nothing was run just now.

    Returns:
        Lines.
    """
    lines = [f"Lab {plan.name}: {plan.hosts} hosts, Debian {plan.release}, {plan.backend}"]
    for host in plan.members:
        roles = f"broker {host.number}" + (f", ZooKeeper {host.number}" if host in plan.ensemble else "")
        lines.append(f"  {host.name:12} {host.address:15} {roles}")
    if took:
        width = max(len(title) for title, _ in took)
        total = ("all", sum(seconds for _, seconds in took))
        lines += [
            "",
            "Wall time",
            *(f"  {title:{width}} {seconds:7.1f} s" for title, seconds in (*took, total)),
        ]
    reports = CHECKOUT / "reports" / plan.name
    shown = os.path.relpath(reports, CHECKOUT)
    lines += ["", f"Reports in {shown}/", *verify_lines(read(reports / "verify.json"))]
    lines += perf_lines(read(reports / "perf.json"))
    if (reports / "perf.html").exists():
        lines.append(f"  to look at: {shown}/perf.html")
    return [*lines, "", "Next", *(f"  {command}" for command in how_to_use(plan))]


def read(report: Path) -> dict[str, Any]:
    """A report; empty where there is none."""
    if not report.exists():
        return {}
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def verify_lines(report: dict[str, Any]) -> list[str]:
    """The proof in a line."""
    if not report:
        return ["  verify: not run yet"]
    registration, ensemble = report.get("registration", {}), report.get("ensemble", {})
    registered = ", ".join(str(_id(broker)) for broker in registration.get("registered", [])) or "none"
    probes = report.get("records", {}).get("probes", [])
    return [
        f"  verify: {report['result']} in {report['duration_s']:.1f} s: brokers {registered} registered, "
        f"controller {_id(registration.get('controller'))}, {ensemble.get('serving', 0)} ZooKeeper servers, "
        f"{len(probes)} records written and read back"
    ]


def perf_lines(report: dict[str, Any]) -> list[str]:
    """The measurement in a line."""
    if not report:
        return ["  perf: not run yet"]
    figures = [text.format(report[name]) for name, text in FIGURES.items() if report.get(name) is not None]
    return [f"  perf: {report['result']}: {', '.join(figures)}"]


def _id(broker: Any) -> Any:
    return broker.get("id", broker) if isinstance(broker, dict) else broker
