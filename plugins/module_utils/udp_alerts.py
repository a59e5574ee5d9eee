"""The thresholds of the Prometheus rules about lost UDP datagrams (templates/prometheus_udp_rules.yml.j2)."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

DEFAULTS: Mapping[str, Any] = {
    "loss_ratio": 0.01,
    "window": "5m",
    "hold": "10m",
    "severity": "warning",
    "burst_loss_ratio": 0.001,
    "burst_window": "1h",
    "burst_severity": "info",
    "least_per_s": 10,
}
"""What each of them means is said in docs/udp_alerts.md."""
DURATION = re.compile(r"[1-9][0-9]*(s|m|h|d)")
"""Of Prometheus' durations (its documentation, "Time durations") those of one unit."""
LABEL = re.compile(r"[A-Za-z0-9_.-]+")


class ThresholdError(Exception):
    """A threshold that there is none of, or a value that it cannot have; the message says what it may be."""


def thresholds(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All thresholds: those asked for, and the defaults of the others. Raises ThresholdError."""
    for name, value in asked.items():
        if name not in DEFAULTS:
            near = difflib.get_close_matches(str(name), list(DEFAULTS), n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(DEFAULTS)}"
            raise ThresholdError(f"udp_alerts: there is no threshold {name}; {meant}")
        if wrong := _wrong(name, value):
            raise ThresholdError(f"udp_alerts: {name} = {value!r}: {wrong}")
    found = {**DEFAULTS, **asked}
    window, burst = found["window"], found["burst_window"]
    if _seconds(burst) <= _seconds(window):
        # Both of one length would record the same series, which Prometheus refuses only when it evaluates it.
        raise ThresholdError(f"udp_alerts: burst_window = {burst} is not longer than window = {window}")
    return found


def _wrong(name: str, value: Any) -> str:
    """What is wrong with a threshold's value; "" where nothing is."""
    if name.endswith("ratio"):
        return "" if _number(value) and 0 < value < 1 else "give a share between 0 and 1: 0.01 is one percent"
    if name == "least_per_s":
        # With 0 an idle host would have a share of 0 / 0.
        return "" if _number(value) and value > 0 else "give a number of datagrams a second above 0"
    if name.endswith("severity"):
        return "" if LABEL.fullmatch(str(value)) else "give one word, the value of the alert's label severity"
    return "" if DURATION.fullmatch(str(value)) else "give a time as Prometheus writes it: 30s, 5m, 1h"


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
