"""The deadline, written for whoever reads an email or its link's page: absolute, in their own zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from holdgate.accounts import service as accounts
from holdgate.approvals.models import Approval
from holdgate.core.db import Session
from holdgate.core.text import zones
from holdgate.core.text.zones import UTC, is_zone


async def zone_of(session: Session, email: str) -> ZoneInfo:
    """What the person has chosen; UTC for who has no account or leaves it to the browser."""
    user = await accounts.find_user_by_email(session, email)
    return ZoneInfo(user.time_zone) if user and user.time_zone and is_zone(user.time_zone) else UTC


async def show_zone_of(session: Session, email: str) -> None:
    """On a page behind a personal link neither a sign-in nor a script says where its reader is: their account does."""
    if zones.shown() == UTC:
        zones.show(await zone_of(session, email))


async def time_now(session: Session) -> datetime:
    return (await session.execute(select(func.now()))).scalar_one()


def ends_at(approval: Approval, now: datetime) -> datetime | None:
    """When its time is over if it is delivered now; None: it has no deadline, its deadline is paused, or whose working
    hours it counts is not clear before it has started."""
    if approval.stopped_at is not None or (approval.clock == "working" and approval.expires_at is None):
        return None
    return approval.expires_at or (now + approval.ttl if approval.ttl else None)


def written(moment: datetime | None, zone: ZoneInfo) -> str:
    """`29 Nov, 14:35 CET`; "" for none."""
    if moment is None:
        return ""
    there = moment.astimezone(zone)
    return f"{there.day} {there:%b, %H:%M %Z}"


def minutes(left: timedelta | None) -> int | None:
    """For `time_allowed`."""
    return max(1, round(left.total_seconds() / 60)) if left else None
