"""The one exception that means "say this and stop"."""

from __future__ import annotations


class LabError(Exception):
    """Something the person at the keyboard has to know; the message says what, where and what to do."""
