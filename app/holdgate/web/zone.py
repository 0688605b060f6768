"""In whose time zone a page's times are written: the person's setting, else their browser's, else UTC."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from holdgate.core.principal import Principal
from holdgate.core.text.zones import UTC, is_zone, show
from holdgate.web.http.request import WebRequest, is_api, principal

COOKIE = "hg_zone"  # written by static/js/clock.js; tells nothing but the zone, and is believed only when it is one


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
        raise ValueError(f"That time doesn’t exist in {zone}: the clocks skip it.")
    return there


def zone_middleware(app: ASGIApp) -> ASGIApp:
    """Stands behind the one that finds out who is signed in. Programs are told times in UTC."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            show(UTC if is_api(scope) else zone_of(principal(scope), WebRequest(scope).cookies))
        await app(scope, receive, send)

    return choose
