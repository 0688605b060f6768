"""Payloads of earlier code: how each older form becomes the next, until it is the present one.

A payload is kept as it was sent. Whether it is an older one is seen by its not fitting the kind's present type, so the
same holds for tasks that wait, for schedules, and for programs that still send the older form.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar

P = TypeVar("P")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
U = TypeVar("U", bound=Upgrade)

_UPGRADES: dict[str, dict[int, Upgrade]] = {}


def on_payload(kind: str, version: int) -> Callable[[U], U]:
    """Declare how a payload of `version` of this kind becomes one of the next version.

    The function takes and returns plain data. It is called for a payload that does not fit the present type: of the
    newest version first, so that as few changes as possible are made. Give a field whose meaning changes another name,
    since a payload that fits is believed.

    Args:
        kind: the kind's name.
        version: 1 for the first form that was ever used, then 2 …; the present form has no upgrade.

    Raises:
        ValueError: the version is no positive number, or is declared twice.
    """
    if type(version) is not int or version < 1:
        raise ValueError(f"The payload of {kind!r} can't have the version {version!r}. Count from 1.")

    def declare(upgrade: U) -> U:
        known = _UPGRADES.setdefault(kind, {})
        there = known.get(version)
        if there is not None and (there.__module__, there.__qualname__) != (upgrade.__module__, upgrade.__qualname__):
            raise ValueError(f"The payload of {kind!r} is upgraded from version {version} twice.")
        known[version] = upgrade
        return upgrade

    return declare


def read_older(kind: str, payload: Any, read: Callable[[Any], P]) -> P | None:
    """The payload, brought to the present form. None: it is of no version that is known.

    Args:
        read: reads the present form; raises ValueError (msgspec's ValidationError is one) for another one.
    """
    known = sorted(_UPGRADES.get(kind, {}).items())
    for place in reversed(range(len(known))):
        made = deepcopy(payload)
        try:
            for _, upgrade in known[place:]:
                made = upgrade(made)
            return read(made)
        except (KeyError, TypeError, ValueError):  # of another version
            continue
    return None
