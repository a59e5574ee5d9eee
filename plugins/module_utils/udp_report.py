"""The page of a UDP test: loss against rate for each profile, and where it was lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.page import Grid, Page, Plot
from ansible_collections.barevm.kafka.plugins.module_utils.results import Result

COUNTERS = {
    "tap_packets": "packets given to the host's port",
    "tap_dropped": "packets dropped at the port (tap)",
    "nic_packets": "packets received by the interface",
    "nic_dropped": "packets dropped by the interface",
    "softnet_dropped": "packets dropped from the backlog (softnet)",
    "softnet_squeezed": "times the backlog was not emptied in one go",
    "ip_reassembly_failed": "fragmented datagrams not put together",
    "udp_in_datagrams": "UDP datagrams read by programs",
    "udp_receive_buffer_errors": "UDP datagrams dropped, receive buffer full",
    "udp_no_port": "UDP datagrams to a port without a socket",
    "port_drops": "datagrams dropped by the port's sockets",
    "received": "datagrams received by imudp",
    "submitted": "messages submitted by imudp",
    "parse_enqueued": "messages that entered the queue before parsing",
    "parse_discarded_full": "messages discarded there, queue full",
    "enqueued": "messages that entered the queue before Kafka",
    "discarded_full": "messages discarded there, queue full",
    "kafka_submitted": "messages given to Kafka's client, each try",
    "kafka_failures": "tries that failed",
    "acked": "records acknowledged by Kafka, as noted by then",
    "distinct": "numbers read back",
    "duplicates": "second copies read back",
    "foreign": "other records in the topic",
}
"""What the second table shows, in the order of the way."""


def html(result: Result) -> str:
    """The whole page for the result of a UDP test."""
    found = result.figures
    measured = [one for one in found["steps"] if "places" in one]
    profiles = found["profiles"]
    # A step that could send nothing has no rate, and no share of it.
    drawn = [one for one in measured if one["sent"]]
    return Page(
        title="UDP test",
        result=result,
        highlights={
            **{f"{name}: where loss begins": _begin(about) for name, about in profiles.items()},
            **{
                f"{name}: receive buffer, as the kernel counts it": _bytes(about["receive_buffer_bytes"])
                for name, about in profiles.items()
            },
            "datagrams sent": f"{sum(one['sent'] for one in measured):,}",
            "acknowledged and lost": f"{sum(one['acked_lost'] for one in measured):,}",
        },
        plots=_plots(drawn, profiles),
        tables={
            "Parameters": {name: _text(value) for name, value in found["parameters"].items()},
            **{
                f"Kernel, {name}": {each: _text(value) for each, value in about["kernel"].items()}
                for name, about in profiles.items()
                if about["kernel"]
            },
        },
        notes=found["notes"],
        grids=[
            *(_places(name, [one for one in measured if one["profile"] == name]) for name in profiles),
            *(_counters(name, [one for one in measured if one["profile"] == name]) for name in profiles),
        ],
    ).html()


def _plots(steps: Sequence[Mapping[str, Any]], profiles: Mapping[str, Any]) -> list[Plot]:
    """Loss against rate, and by place where there was any."""
    if not steps:
        return []
    where = _where(steps, profiles)
    return [_curves(steps, profiles), *([where] if where.lines else [])]


def _curves(steps: Sequence[Mapping[str, Any]], profiles: Mapping[str, Any]) -> Plot:
    lines = {}
    for name in profiles:
        own = sorted((one for one in steps if one["profile"] == name), key=lambda one: one["rate_per_s"])
        lines[name] = ([one["rate_per_s"] for one in own], [100 * one["loss_share"] for one in own])
    return Plot(
        "Loss against rate",
        "datagrams/s sent",
        "% lost",
        lines,
        x_axis=_rates(steps),
        y_axis={"range": [0, _top(lines)]},
    )


def _where(steps: Sequence[Mapping[str, Any]], profiles: Mapping[str, Any]) -> Plot:
    """Loss by place; a place that lost nothing anywhere has no line."""
    lines: dict[str, tuple[list[float], list[float | None]]] = {}
    for name in profiles:
        own = sorted((one for one in steps if one["profile"] == name), key=lambda one: one["rate_per_s"])
        for place in dict.fromkeys(place["name"] for one in own for place in one["places"]):
            values = [_share(one, place) for one in own]
            if any(values):
                lines[f"{name}, {place}"] = ([one["rate_per_s"] for one in own], values)
    return Plot(
        # One line alone has no legend.
        f"Loss by place: {next(iter(lines))}" if len(lines) == 1 else "Loss by place",
        "datagrams/s sent",
        "% lost there",
        lines,
        x_axis=_rates(steps),
    )


def _rates(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A logarithmic axis with round marks: 1, 2 and 5 of each power of ten."""
    rates = [one["rate_per_s"] for one in steps]
    powers = range(int(math.log10(min(rates))) - 1, int(math.log10(max(rates))) + 2)
    marks = [digit * 10**power for power in powers for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": marks, "ticktext": [f"{mark:,g}" for mark in marks]}


def _share(one: Mapping[str, Any], place: str) -> float | None:
    """What a place lost of what was sent, in percent; None where the step has no such place."""
    found = [each["lost"] for each in one["places"] if each["name"] == place]
    return 100 * found[0] / one["sent"] if found and one["sent"] else None


def _places(name: str, steps: Sequence[Mapping[str, Any]]) -> Grid:
    """A row a place and one for each remainder, a column a step."""
    rows = [["sent", *(f"{one['sent']:,}" for one in steps)]]
    for place in dict.fromkeys(place["name"] for one in steps for place in one["places"]):
        own = [next((each for each in one["places"] if each["name"] == place), None) for one in steps]
        rows.append([f"lost at: {place}", *("-" if each is None else f"{each['lost']:,}" for each in own)])
        for reason in dict.fromkeys(reason for each in own if each for reason in each["explained"]):
            told = [f"{each['explained'].get(reason, 0):,}" if each else "-" for each in own]
            rows.append([f"of it {reason}", *told])
        if any(each and each["unexplained"] for each in own):
            told = ["-" if each is None else f"{each['unexplained']:,}" for each in own]
            rows.append(["of it unexplained", *told])
    rows.append(["read back", *(f"{one['read_back']:,}" for one in steps)])
    rows.append(["lost in all", *(f"{one['lost']:,} ({_percent(one['loss_share'])})" for one in steps)])
    return Grid(f"{name}: by place, datagrams", _heads(steps), rows if steps else [])


def _counters(name: str, steps: Sequence[Mapping[str, Any]]) -> Grid:
    rows = [
        [words, *(_seen(one["counters"].get(counter)) for one in steps)]
        for counter, words in COUNTERS.items()
        if steps
    ]
    rows += [
        [f"also: {each.replace('_', ' ')}", *(_seen(one["elsewhere"][each]) for one in steps)]
        for each in (steps[0]["elsewhere"] if steps else {})
    ]
    return Grid(f"{name}: every counter, by how much it rose", _heads(steps), rows)


def _heads(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return ["", *(f"{one['rate_per_s']:,.0f}/s" for one in steps)]


def _begin(about: Mapping[str, Any]) -> str:
    clean, lossy = about["none_up_to_per_s"], about["loss_from_per_s"]
    if lossy is None:
        return f"above {clean:,.0f}/s" if clean is not None else "-"
    return f"{clean:,.0f} to {lossy:,.0f}/s" if clean is not None else f"below {lossy:,.0f}/s"


def _top(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> float:
    return max([1.0, *(1.08 * value for _, values in lines.values() for value in values)])


def _seen(value: int | None) -> str:
    return "not seen" if value is None else f"{value:,}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _bytes(value: int | None) -> str:
    return "-" if value is None else f"{value:,} bytes"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,g}" if isinstance(value, float) else f"{value:,}"
    return "not shown here" if value is None else str(value)
