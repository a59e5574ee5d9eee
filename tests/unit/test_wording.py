"""How many things a message names."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils.wording import some


def test_the_first_are_named_and_the_rest_counted() -> None:
    assert some([]) == ""
    assert some(["a"]) == "a"
    assert some(range(5)) == "0, 1, 2, 3, 4"
    assert some(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert some(["a x", "b y"], "; ") == "a x; b y"
