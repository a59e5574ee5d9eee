"""Bounds of chaos scenarios: numbers, or expressions over the cluster's own time-outs.

``session_s + tick_s + 3`` holds on a cluster with a session of six seconds as on one with eighteen. An
expression is arithmetic over numbers and known names, with ``min`` and ``max``; it can do nothing else.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

NAMES = ("session_s", "tick_s", "lag_s")
"""zookeeper.session.timeout.ms, tickTime and replica.lag.time.max.ms of the cluster, in seconds."""

OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS: Mapping[str, Callable[..., float]] = {"min": min, "max": max}

SESSION_MS = 18_000
"""Kafka's default of zookeeper.session.timeout.ms since 2.5 (KIP-537)."""
LAG_MS = 30_000
"""Kafka's default of replica.lag.time.max.ms since 2.5 (KIP-537)."""


class WrongBound(ValueError):
    """An expression that is none; the text says what is wrong with it."""


def value(bound: float | str, names: Mapping[str, float]) -> float:
    """The figure of a bound; raises WrongBound."""
    if isinstance(bound, bool) or not isinstance(bound, int | float | str):
        raise WrongBound(f"{bound!r} is neither a number nor an expression")
    if not isinstance(bound, str):
        return float(bound)
    try:
        return _value(ast.parse(bound, mode="eval").body, names)
    except (SyntaxError, ZeroDivisionError, TypeError) as error:
        raise WrongBound(f"{bound!r}: {error}") from None


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise WrongBound(f"there is no {node.id}; a bound may use {', '.join(sorted(names))}")
        return float(names[node.id])
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        return OPERATIONS[type(node.op)](_value(node.left, names), _value(node.right, names))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise WrongBound(f"{node.func.id}() is no arithmetic; there are {', '.join(FUNCTIONS)}")
        return FUNCTIONS[node.func.id](*(_value(one, names) for one in node.args))
    raise WrongBound(f"{ast.unparse(node)!r} is no arithmetic: numbers, + - * /, min(), max() and names are")


def of_cluster(
    broker_settings: Mapping[str, Mapping[str, Any]], server_settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """What an expression may use, the slowest of all hosts: settings by host, as the inventory resolves them.

    ZooKeeper's server grants a session of at least 2 and at most 20 ticks, unless it is told otherwise
    (ZooKeeper administrator's guide, minSessionTimeout and maxSessionTimeout).
    """
    tick_ms = max((float(one["tickTime"]) for one in server_settings.values()), default=2000.0)
    least_ms = max(
        (float(one.get("minSessionTimeout", 2 * tick_ms)) for one in server_settings.values()), default=0
    )
    most_ms = min(
        (float(one.get("maxSessionTimeout", 20 * tick_ms)) for one in server_settings.values()),
        default=float("inf"),
    )
    asked_ms = max(
        float(one.get("zookeeper.session.timeout.ms", SESSION_MS)) for one in broker_settings.values()
    )
    lag_ms = max(float(one.get("replica.lag.time.max.ms", LAG_MS)) for one in broker_settings.values())
    return {
        "session_s": min(max(asked_ms, least_ms), most_ms) / 1000,
        "tick_s": tick_ms / 1000,
        "lag_s": lag_ms / 1000,
    }
