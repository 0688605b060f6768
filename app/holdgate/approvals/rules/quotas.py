"""How many of which group have to approve, each person counting once: as many as can be placed, by a maximum matching.

Somebody in two groups fills one place, whichever leaves more room for the others.
"""

from collections.abc import Iterable, Mapping, Sequence


def filled(needed: Mapping[str, int], people: Iterable[Sequence[str]]) -> dict[str, int]:
    """How many places of each group these people fill.

    Args:
        needed: group → its places.
        people: of each person the groups they stand for.
    """
    placed: dict[str, list[Sequence[str]]] = {group: [] for group in needed}
    for groups in people:
        _place(needed, placed, groups, set())
    return {group: len(found) for group, found in placed.items()}


def _place(
    needed: Mapping[str, int], placed: dict[str, list[Sequence[str]]], groups: Sequence[str], tried: set[str]
) -> bool:
    """Give a person a place, if need be by moving others to another of their groups (an augmenting path)."""
    for group in groups:
        if group not in placed or group in tried:
            continue
        tried.add(group)
        there = placed[group]
        if len(there) < needed[group]:
            there.append(groups)
            return True
        for at, other in enumerate(there):
            if _place(needed, placed, other, tried):
                there[at] = groups
                return True
    return False
