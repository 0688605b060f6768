"""The time zones there are, by their IANA names, and the one in which times are written for who is answered.

That is kept beside a request from its beginning (web/zone.py), so that every template and every refusal writes times
alike without being handed it. Elsewhere, and for programs, it is UTC.
"""

from contextvars import ContextVar
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

UTC = ZoneInfo("UTC")
_SHOWN: ContextVar[ZoneInfo] = ContextVar("zone", default=UTC)

# Other names of the same zones, for old systems.
_DATED = ("Etc/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/", "SystemV/", "posix/", "right/")


# Read off the system once: each look-up walks its files.
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


def shown() -> ZoneInfo:
    """The zone of who is answered."""
    return _SHOWN.get()


def show(zone: ZoneInfo) -> None:
    """Times of this request are written in `zone`."""
    _SHOWN.set(zone)


def clock_of(at: datetime) -> str:
    """`10:05:12 CET`, for a sentence."""
    return f"{at.astimezone(shown()):%H:%M:%S %Z}"
