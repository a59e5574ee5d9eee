"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and a busy machine is no failure.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
