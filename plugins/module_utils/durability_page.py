"""The page of a durability test: what ``<name>.json`` holds, to look at.

The verdict stands on top with what was asked and answered; underneath the cluster and its clients on one time
axis, with every event on it; then the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.page import Grid, Judged, Page, Plot
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result
from ansible_collections.barevm.kafka.plugins.module_utils.timeline import Mark, Shade, Timeline

QUESTIONS = {
    "a": "Topic and brokers keep what is acknowledged: replication, min.insync.replicas, no unclean election",
    "b": "The ledger is complete: each record sent is acknowledged, failed or unknown, and few are unknown",
    "c": "Every partition was read back from its start to its end",
    "d": "Every acknowledged record is there, once, whole, in its order and at its offset",
    "e": "What was done to the cluster has really happened",
    "f": "Records were acknowledged before and after, and meanwhile where they had to be",
    "scenario": "What this run had to show beyond that",
}
"""The rules, by their letters."""

DAMAGE = {
    "acked_lost": "lost",
    "unseen": "unseen",
    "corrupt": "corrupt",
    "duplicates": "twice",
    "aborted_reads": "aborted, read",
    "nonmonotonic_sends": "out of order",
    "inconsistent_offsets": "at another offset",
}

# Colour and weight of an event; a label of more weight stays where not all of them have room.
KINDS = {
    "error": ("#dc2626", 9),
    "failed": ("#dc2626", 9),
    "strike": ("#dc2626", 8),
    "healed": ("#059669", 8),
    "clock": ("#dc2626", 7),
    "deregistered": ("#d97706", 6),
    "leader": ("#7c3aed", 3),
    "controller": ("#7c3aed", 5),
    "registered": ("#0891b2", 6),
    "isr": ("#059669", 2),
    "full_isr": ("#059669", 5),
    "zookeeper": ("#0891b2", 4),
    "proof": ("#0d9488", 3),
    "task": ("#2563eb", 4),
    "note": ("#4b5563", 2),
    "started": ("#4b5563", 1),
    "stopped": ("#4b5563", 1),
}
OTHER_KIND = ("#4b5563", 2)
# What was observed tells its kind by its words.
OBSERVED = {
    "deregistered": "deregistered",
    "registered": "registered",
    "full ISR": "full_isr",
    "ISR": "isr",
    "controller": "controller",
    "lead": "leader",
    "ZooKeeper": "zookeeper",
}
STRUCK = "rgba(220,38,38,0.05)"
THROUGH_ALL = 200
"""Above this number of events only those of some weight are lines through all plots."""
COLUMNS_ONLY = {"series", "cluster", "events", "findings", "warnings", "parameters", "proofs"}


def html(result: Result) -> str:
    """The whole page for the result of a durability test."""
    found = result.figures
    events: Sequence[Mapping[str, Any]] = found.get("events") or ()
    return Page(
        title=_title(result),
        result=result,
        highlights=highlights(found),
        judged=judged(result),
        notes=found.get("warnings") or (),
        plots=[
            Timeline(
                "What clients saw, and what the cluster did",
                "seconds since the start",
                [*client_plots(found), *cluster_plots(found.get("cluster") or {})],
                marks(events),
                shades(events),
                hosts(found),
            )
        ],
        tables={
            "Figures": {name: text(value) for name, value in found.items() if name not in COLUMNS_ONLY},
            "Parameters": parameters(found.get("parameters") or {}),
        },
        grids=[
            Grid(
                "Findings",
                ("rule", "result", "figure", "count", "words"),
                [
                    [text(finding.get(name)) for name in ("rule", "result", "figure", "count", "words")]
                    for finding in found.get("findings") or ()
                ],
            ),
            Grid("What shows that it happened", ("proof", "holds", "words"), _proofs(found.get("proofs"))),
            Grid(
                "Events",
                ("second", "took", "host", "kind", "what"),
                [
                    [
                        f"{event['second']:,.1f}",
                        _took(event),
                        str(event.get("host") or ""),
                        str(event["kind"]),
                        str(event["what"]),
                    ]
                    for event in events
                ],
            ),
        ],
    ).html()


def parameters(given: Mapping[str, Any]) -> dict[str, str]:
    """What the test was started with, as a person would say it."""
    machines = ("brokers", "zookeeper_servers")
    clocks = ("started_ns", "wall_ns", "boot_id")
    shown = {name: value for name, value in given.items() if name not in (*machines, *clocks, "options")}
    for name in machines:
        shown[name] = [f"{each['host']} (id {each['id']})" for each in given.get(name) or ()]
    shown |= given.get("options") or {}
    # An empty line is what a payload's records are separated by, usually.
    return {name: repr(value) if value == "\n" else text(value) for name, value in shown.items()}


def _title(result: Result) -> str:
    options = (result.figures.get("parameters") or {}).get("options") or {}
    return str(options.get("title") or result.verb.replace("_", " ").capitalize())


def highlights(found: Mapping[str, Any]) -> dict[str, str]:
    """What a reader wants to know first, as far as it is known."""
    damage = [f"{found[name]:,} {word}" for name, word in DAMAGE.items() if found.get(name)]
    lost = all(found.get(name) == 0 for name in DAMAGE)
    wanted = {
        "records acknowledged": _number(found.get("records_acked")),
        "of them damaged or lost": ", ".join(damage) or ("0" if lost else None),
        "failed / unknown": _both(found.get("records_failed"), found.get("records_unknown")),
        "longest gap without an acknowledgement": _seconds(found.get("longest_gap_s")),
        "the same, worst partition": _seconds(found.get("worst_partition_gap_s")),
        "produce p99": _ms(found.get("produce_p99_ms")),
        "produce p99 before / during / after": _three(found),
        "until deregistered": _seconds(found.get("time_to_deregister_s")),
        "until there were new leaders": _seconds(found.get("time_to_leader_s")),
        "until the ISR was full": _seconds(found.get("time_to_full_isr_s")),
        "under min ISR / offline, at most": _both(found.get("max_under_min_isr"), found.get("max_offline")),
        "records/s acknowledged": _number(found.get("records_per_s")),
    }
    return {label: value for label, value in wanted.items() if value is not None}


def judged(result: Result) -> list[Judged]:
    """Each rule with what was found; nothing where there are no findings to tell them by."""
    findings = result.figures.get("findings")
    if findings is None:
        return []
    asked = [*QUESTIONS, *sorted({finding["rule"] for finding in findings} - QUESTIONS.keys())]
    answers = []
    for rule in asked:
        own = [finding for finding in findings if finding["rule"] == rule]
        results = [finding["result"] for finding in own]
        answers.append(
            Judged(
                question=f"{rule}. {QUESTIONS[rule]}" if len(rule) == 1 else QUESTIONS.get(rule, rule),
                result=next((one for one in ("FAIL", "INCONCLUSIVE") if one in results), "PASS"),
                words=[finding["words"] for finding in own if finding["result"] != "PASS"],
            )
        )
    # A reason that no finding stands behind must not be lost.
    told = {words for answer in answers for words in answer.words}
    rest = [reason for reason in result.reasons if not any(words in reason for words in told)]
    return [*([Judged("The run", result.result, rest)] if rest else []), *answers]


def client_plots(found: Mapping[str, Any]) -> list[Plot]:
    """Throughput and latency over time, as the clients saw them."""
    series = found.get("series") or {}
    seconds = series.get("second") or []
    lines = {
        f"{name} {percentile}": (seconds, series[f"{kind}_{percentile}_ms"])
        for kind, name in (("produce", "produce"), ("end_to_end", "end to end"))
        for percentile in ("p50", "p99")
        if any(value is not None for value in series.get(f"{kind}_{percentile}_ms") or [])
    }
    return [
        Plot(
            "Throughput",
            "",
            "records/s",
            {"acknowledged records/s": (seconds, series.get("acked_per_s") or [])} if seconds else {},
            height=190,
        ),
        Plot(
            "Latency",
            "",
            "ms",
            lines,
            # An outage is a thousand times a usual latency; both are to be seen.
            y_axis={"type": "log", "rangemode": "normal", "dtick": 1, "tickformat": "~s"},
            height=190,
            colours=("#93c5fd", "#1d4ed8", "#fcd34d", "#b45309"),
        ),
    ]


def cluster_plots(cluster: Mapping[str, Any]) -> list[Plot]:
    """Partitions, brokers and the controller over time; nothing where nobody looked."""
    seconds = cluster.get("second") or []
    if not seconds:
        return []
    partitions = {
        "under-replicated": cluster.get("under_replicated") or [],
        "under min ISR": cluster.get("under_min_isr") or [],
        "offline": cluster.get("offline") or [],
    }
    most = max((value for line in partitions.values() for value in line if value is not None), default=0)
    whole = {"tickformat": ",d", "nticks": 5, "rangemode": "tozero"}
    brokers = [_count(value) for value in cluster.get("brokers") or []]
    return [
        Plot(
            "Partitions",
            "",
            "partitions",
            {name: (seconds, values) for name, values in partitions.items() if values},
            y_axis={**whole, **({} if most else {"range": [-0.05, 1]})},
            steps=True,
            height=120,
            colours=("#d97706", "#dc2626", "#111827"),
        ),
        Plot(
            "Brokers",
            "",
            "brokers",
            {"registered brokers": (seconds, brokers)},
            y_axis={
                **whole,
                "range": [-0.2, max((value for value in brokers if value is not None), default=1) + 0.4],
            },
            steps=True,
            height=84,
            colours=("#0891b2",),
        ),
        Plot(
            "Controller",
            "",
            "id",
            {"controller (broker id)": (seconds, cluster.get("controller") or [])},
            y_axis=_ids(cluster.get("controller") or []),
            steps=True,
            height=70,
            colours=("#7c3aed",),
        ),
    ]


def marks(events: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """The events as a timeline draws them."""
    drawn = []
    for event in events:
        host, what = str(event.get("host") or ""), str(event["what"])
        kind = "failed" if event.get("failed") else str(event["kind"])
        if kind == "observed":
            kind = next((name for words, name in OBSERVED.items() if words in what), kind)
        colour, weight = KINDS.get(kind, OTHER_KIND)
        drawn.append(
            Mark(
                at=event["second"],
                label=what if not host or host in what or "broker" in what else f"{host}: {what}",
                colour=colour,
                lane=host,
                until=event.get("until"),
                weight=weight,
                line=len(events) <= THROUGH_ALL or weight > KINDS["task"][1],
            )
        )
    return drawn


def shades(events: Sequence[Mapping[str, Any]]) -> list[Shade]:
    """From a strike until all that was struck is healed; what is not lasts to the end."""
    struck = [event for event in events if event["kind"] in ("strike", "healed")]
    found: list[Shade] = []
    begun, depth = 0.0, 0
    for event in struck:
        if event["kind"] == "strike":
            begun = event["second"] if depth == 0 else begun
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                found.append(Shade(begun, event["second"], STRUCK))
    if depth:
        found.append(Shade(begun, max(event["second"] for event in events), STRUCK))
    return found


def hosts(found: Mapping[str, Any]) -> list[str]:
    """The cluster's hosts in the order of its inventory."""
    parameters = found.get("parameters") or {}
    named = [each.get("host") for each in parameters.get("brokers") or []]
    named += [each.get("host") for each in parameters.get("zookeeper_servers") or []]
    return [host for host in dict.fromkeys(named) if host]


def _ids(values: Sequence[Any]) -> dict[str, Any]:
    ids = sorted({value for value in values if value is not None})
    around = [min(ids) - 0.5, max(ids) + 0.5] if ids else [0, 1]
    # By rank, were there a thousand between two ids, nothing would be gained: they are labelled alone.
    return {"tickvals": ids, "ticktext": [str(value) for value in ids], "range": around}


def _count(value: Any) -> int | None:
    return value if value is None or isinstance(value, int) else len(value)


def _proofs(proofs: Any) -> list[list[str]]:
    """A proof is an event, or its name with one."""
    if isinstance(proofs, Mapping):
        proofs = [{"name": name, **each} for name, each in proofs.items()]
    return [
        [text(proof.get("name")), text(proof.get("holds")), text(proof.get("words") or proof.get("what"))]
        for proof in proofs or ()
    ]


def _took(event: Mapping[str, Any]) -> str:
    until = event.get("until")
    return "" if until is None else f"{until - event['second']:,.1f} s"


def text(value: Any) -> str:
    """A figure as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value)) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {text(each)}" for name, each in value.items()) or "none"
    return str(value) if value not in (None, "") else "none"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def _both(one: float | None, other: float | None) -> str | None:
    return None if one is None and other is None else f"{_number(one) or '?'} / {_number(other) or '?'}"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:,.2f} s"


def _ms(value: float | None) -> str | None:
    return None if value is None else f"{value:,.1f} ms"


def _three(found: Mapping[str, Any]) -> str | None:
    values = [found.get(f"produce_p99_{when}_ms") for when in ("before", "during", "after")]
    if all(value is None for value in values):
        return None
    return " / ".join("-" if value is None else f"{value:,.0f}" for value in values) + " ms"
