"""Hypothesis judges by what holds: never by time, and by the same examples in every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("checks", deadline=None, derandomize=True, database=None)
settings.load_profile("checks")
