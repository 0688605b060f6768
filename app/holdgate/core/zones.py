"""The time zones there are, by their IANA names. Read off the system once: each look-up walks its files."""

from functools import cache
from zoneinfo import available_timezones

# Other names of the same zones, for old systems.
_DATED = ("Etc/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/", "SystemV/", "posix/", "right/")


@cache
def names() -> tuple[str, ...]:
    """The zones to choose from."""
    return ("UTC", *sorted(name for name in _all() if "/" in name and not name.startswith(_DATED)))


def is_zone(name: str) -> bool:
    """Also one of those that are not offered."""
    return name in _all()


@cache
def _all() -> frozenset[str]:
    return frozenset(available_timezones())
