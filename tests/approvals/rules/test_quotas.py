"""Counting by groups: the matching against trying every way there is."""

from collections.abc import Mapping, Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from holdgate.approvals.rules.quotas import filled

NAMES = ("a", "b", "c")


def best(needed: Mapping[str, int], people: Sequence[Sequence[str]]) -> int:
    """The most places that can be filled, by trying all ways to place each person or nowhere."""
    return max(
        sum(min(number, way.count(group)) for group, number in needed.items())
        for way in product(*[("", *groups) for groups in people])
    )


@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 2), min_size=1),
    st.lists(st.lists(st.sampled_from(NAMES), unique=True), max_size=5),
)
def test_as_many_places_are_filled_as_can_be_and_none_twice(needed: dict[str, int], people: list[list[str]]) -> None:
    found = filled(needed, people)
    assert sum(found.values()) == best(needed, people)
    assert all(found[group] <= number for group, number in needed.items())
