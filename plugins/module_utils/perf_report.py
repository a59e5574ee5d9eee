"""The page of a perf test: what ``perf.json`` holds, to look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.page import Page, Plot
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

KINDS = {"produce": "produce", "end_to_end": "end to end"}

PERCENTILE_MARKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)


def html(result: Result) -> str:
    """The whole page for the result of a perf test."""
    found = result.figures
    kinds = [kind for kind in KINDS if f"{kind}_p99_ms" in found]
    workload = found["parameters"]
    size = (
        f"records of {workload['payload_file']}"
        if workload["payload_file"]
        else f"{workload['record_size']} bytes a record"
    )
    return Page(
        title="Perf test",
        result=result,
        highlights={
            "records/s acknowledged": f"{found['records_per_s']:,.0f}",
            "MB/s (1 MB = 1,000,000 bytes)": f"{found['mb_per_s']:,.1f}",
            **{
                f"{KINDS[kind]} p{name.strip('p')}": _ms(found[f"{kind}_{name}_ms"])
                for kind in kinds
                for name in ("p50", "p99")
            },
            "longest gap without acknowledgement": _ms(found["longest_gap_without_ack_ms"]),
            "records failed": f"{found['records_failed']:,}",
        },
        plots=[*_over_time(found["series"], kinds), _distribution(found, kinds)],
        tables={
            "Result": _rows(found, skip={"parameters", "warnings", "series", "baseline"}),
            f"Parameters ({size})": {name: _text(value) for name, value in workload.items()},
            **({"Against the baseline": _rows(found["baseline"])} if "baseline" in found else {}),
        },
        notes=found["warnings"],
    ).html()


def _over_time(series: Mapping[str, Sequence[Any]], kinds: Sequence[str]) -> list[Plot]:
    seconds = series["second"]
    names = {"produce": "acknowledged", "end_to_end": "read back"}
    return [
        Plot(
            "Throughput over time",
            "seconds since the start",
            "records/s",
            {names[kind]: (seconds, series.get(f"{kind}_records_per_s", [])) for kind in kinds},
        ),
        Plot(
            "Latency over time",
            "seconds since the start",
            "ms",
            {
                f"{KINDS[kind]} {percentile}": (seconds, series.get(f"{kind}_{percentile}_ms", []))
                for kind in kinds
                for percentile in ("p50", "p99")
            },
        ),
    ]


def _distribution(found: Mapping[str, Any], kinds: Sequence[str]) -> Plot:
    # HdrHistogram's usual picture: each tenth of what is left gets the same width, so the tail is seen.
    # Only 100 % itself has no place on it; it stands where the last part of the records does.
    lines: dict[str, tuple[Sequence[float], Sequence[float | None]]] = {}
    for kind in kinds:
        distribution = found[f"{kind}_distribution"]
        below = [percentile for percentile in distribution["percentile"] if percentile < 100]
        last = 100 / (100 - below[-1]) * 2 if below else 1
        lines[KINDS[kind]] = (
            [*(100 / (100 - p) for p in below), *([last] if below else [])],
            distribution["latency_ms"],
        )
    return Plot(
        "Latency distribution",
        "percentile",
        "ms",
        lines,
        x_axis={
            "type": "log",
            "tickvals": [100 / (100 - mark) for mark in PERCENTILE_MARKS],
            "ticktext": [f"{mark:g}%" for mark in PERCENTILE_MARKS],
        },
    )


def _rows(values: Mapping[str, Any], skip: Collection[str] = ()) -> dict[str, str]:
    return {
        name: _text(value)
        for name, value in values.items()
        if name not in skip and not name.endswith("_distribution")
    }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(each)}" for name, each in value.items()) or "none"
    return "none" if value is None else (repr(value) if value == "\n" else str(value) or "none")


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:,.1f} ms"
