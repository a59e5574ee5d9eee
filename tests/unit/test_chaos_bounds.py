"""Bounds are arithmetic over a cluster's time-outs, and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import chaos_bounds
from ansible_collections.barevm.kafka.plugins.module_utils.chaos_bounds import WrongBound

NAMES = {"session_s": 18.0, "tick_s": 2.0, "lag_s": 30.0}


@pytest.mark.parametrize(
    ("bound", "figure"),
    [
        (5, 5.0),
        (0.05, 0.05),
        ("session_s + tick_s + 3", 23.0),
        ("lag_s * 1.5", 45.0),
        ("max(60, session_s / 2)", 60.0),
        ("min(lag_s, 2 * (session_s - 1))", 30.0),
        ("-1", -1.0),
    ],
)
def test_figures(bound: float | str, figure: float) -> None:
    assert chaos_bounds.value(bound, NAMES) == figure


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ("sesion_s + 3", "there is no sesion_s; a bound may use lag_s, session_s, tick_s"),
        ("__import__('os')", "is no arithmetic"),
        ("session_s.real", "is no arithmetic"),
        ("session_s ** 9", "is no arithmetic"),
        ("'5'", "is no arithmetic"),
        ("5 if True else 6", "is no arithmetic"),
        ("max(key=1)", "is no arithmetic"),
        ("max()", "max()"),
        ("3 +", "invalid syntax"),
        ("1 / 0", "zero"),
        (True, "neither a number nor an expression"),
        (None, "neither a number nor an expression"),
    ],
)
def test_what_is_no_bound_is_refused(bound: object, words: str) -> None:
    with pytest.raises(WrongBound) as refused:
        chaos_bounds.value(bound, NAMES)  # type: ignore[arg-type]
    assert words in str(refused.value)


def test_the_cluster_is_as_slow_as_its_slowest_host() -> None:
    brokers = {"a": {"zookeeper.session.timeout.ms": 9000}, "b": {"replica.lag.time.max.ms": 10000}}
    assert chaos_bounds.of_cluster(brokers, {"a": {"tickTime": 2000}, "b": {"tickTime": 3000}}) == {
        "session_s": 18.0,
        "tick_s": 3.0,
        "lag_s": 30.0,
    }


@pytest.mark.parametrize(("asked_ms", "granted_s"), [(1000, 4.0), (6000, 6.0), (90_000, 40.0)])
def test_zookeeper_grants_no_session_shorter_or_longer_than_its_own_limits(
    asked_ms: int, granted_s: float
) -> None:
    brokers = {"a": {"zookeeper.session.timeout.ms": asked_ms}}
    assert chaos_bounds.of_cluster(brokers, {"a": {"tickTime": 2000}})["session_s"] == granted_s
