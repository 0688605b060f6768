"""In whose time zone a page's times are written: the person's setting, else their browser's, else UTC.

The zone of the page being rendered is kept beside the rendering, so that every template writes times alike without
being handed it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from app.core.principal import Principal
from app.core.zones import is_zone

COOKIE = "hp_zone"  # written by static/js/clock.js; tells nothing but the zone, and is believed only when it is one
UTC = ZoneInfo("UTC")
_SHOWN: ContextVar[ZoneInfo] = ContextVar("zone", default=UTC)


def zone_of(user: Principal | None, cookies: Mapping[str, str]) -> ZoneInfo:
    """Of the person who is shown the page."""
    for name in (user.time_zone if user else "", unquote(cookies.get(COOKIE, ""))):
        if name and is_zone(name):
            return ZoneInfo(name)
    return UTC


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A date and time as `<input type="datetime-local">` sends it, in the zone of whoever wrote it.

    Raises:
        ValueError: with a sentence; also for an hour that a change of the clocks leaves out.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("Write a date and a time such as 2026-11-23T09:00.") from None
    if at.tzinfo is not None:
        return at
    there = at.replace(tzinfo=zone)
    try:
        real = there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
    except OverflowError:
        raise ValueError("From 1970 to 9000.") from None
    if not real:
        raise ValueError(f"There is no such time in {zone}: the clocks are put forward over it.")
    return there


def shown() -> ZoneInfo:
    """The zone of the page that is being rendered."""
    return _SHOWN.get()


@contextmanager
def showing(zone: ZoneInfo) -> Iterator[None]:
    """Times rendered inside are of `zone`."""
    token = _SHOWN.set(zone)
    try:
        yield
    finally:
        _SHOWN.reset(token)
