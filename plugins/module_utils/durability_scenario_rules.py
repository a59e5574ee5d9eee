"""What a scenario asks of a durability test beyond rules a to f: ``expect``.

``unknown`` (0, a number, or "in_flight") is rule b's bound, ``proofs`` rule e's names and ``acks_during``
rule f's; what is judged here is the rest: ``at_most`` and ``at_least`` by figure, ``rate_within`` (a share
of the rate that was asked for) and ``checks`` (name, holds, words) that the scenario made by itself.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils.durability_findings import Finding, Result

KEYS = ("unknown", "acks_during", "proofs", "at_most", "at_least", "rate_within", "checks")


def check(expect: Mapping[str, Any]) -> None:
    """Raise ValueError where ``expect`` says what it cannot say."""
    if odd := sorted(set(expect) - set(KEYS)):
        raise ValueError(f"expect knows {', '.join(KEYS)}, and not {', '.join(odd)}")
    unknown = expect.get("unknown", 0)
    if unknown != "in_flight" and (not isinstance(unknown, int) or isinstance(unknown, bool) or unknown < 0):
        raise ValueError(f"expect.unknown is a number of records or in_flight, not {unknown!r}")
    if expect.get("acks_during") not in (None, True, False):
        raise ValueError(f"expect.acks_during is true, false or null, not {expect['acks_during']!r}")
    for key, kind, what in (
        ("at_most", Mapping, "figures with a number each"),
        ("at_least", Mapping, "figures with a number each"),
        ("proofs", (list, tuple), "a list of names"),
        ("checks", (list, tuple), "a list"),
        ("rate_within", (int, float), "a share, such as 0.05"),
    ):
        if expect.get(key) is not None and (not isinstance(expect[key], kind) or expect[key] is True):
            raise ValueError(f"expect.{key} is {what}, not {expect[key]!r}")
    for key in ("at_most", "at_least"):
        for figure, bound in (expect.get(key) or {}).items():
            if isinstance(bound, bool) or not isinstance(bound, (int, float)):
                raise ValueError(f"expect.{key}.{figure} is a number, not {bound!r}")
    for one in expect.get("checks") or ():
        if not {"name", "holds", "words"} <= set(one) or one["holds"] not in (None, True, False):
            raise ValueError(
                f"each of expect.checks has name, holds (true, false or null) and words: {one!r}"
            )


def findings(expect: Mapping[str, Any], figures: Mapping[str, Any], target_per_s: float) -> Iterator[Finding]:
    """What of it is false, or cannot be known."""
    for key, must, wrong in (
        ("at_most", "at most", operator.gt),
        ("at_least", "at least", operator.lt),
    ):
        for figure, bound in (expect.get(key) or {}).items():
            value = figures.get(figure)
            if not isinstance(value, (int, float)):
                words = f"{figure} is not known, and must be {must} {bound:,}"
                yield Finding("scenario", "INCONCLUSIVE", figure, None, words)
            elif wrong(value, bound):
                words = f"{figure} is {value:,}, and must be {must} {bound:,}"
                yield Finding("scenario", "FAIL", figure, value, words)
    yield from _rate(expect, figures, target_per_s)
    for one in expect.get("checks") or ():
        if one["holds"] is not True:
            result: Result = "INCONCLUSIVE" if one["holds"] is None else "FAIL"
            yield Finding("scenario", result, one["name"], None, one["words"])


def _rate(expect: Mapping[str, Any], figures: Mapping[str, Any], target_per_s: float) -> Iterator[Finding]:
    within, value = expect.get("rate_within"), figures.get("records_per_s")
    if within is None:
        return
    if value is None or not target_per_s:
        what = "the rate is not known" if value is None else "no rate was asked for (records_per_s)"
        yield Finding("scenario", "INCONCLUSIVE", "records_per_s", None, f"{what}, and must be met")
    elif abs(value - target_per_s) > within * target_per_s:
        words = (
            f"records_per_s is {value:,}, and must be within {within:.0%} of {target_per_s:,}. Lower the "
            "rate, or find what holds the producers or the cluster back"
        )
        yield Finding("scenario", "FAIL", "records_per_s", value, words)
