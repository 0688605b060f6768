"""What the task of an application notes here on its way: prepared, begun, sent, put aside."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from holdgate.applications import queries
from holdgate.applications.copies import ApplicationCopy
from holdgate.applications.models import Application
from holdgate.applications.states import ApplicationChannel, ApplicationVerb
from holdgate.core.db import Session, WriteSession


class AppliedFor(msgspec.Struct, frozen=True, kw_only=True):
    """What an application is for."""

    posting_id: UUID
    title: str
    company: str
    location: str
    url: str


class SentByHand(msgspec.Struct, frozen=True):
    """A person has said that they have sent it."""

    receipt: str
    at: datetime
    cover_letter: str


async def prepare(
    session: WriteSession,
    task_id: UUID,
    owner_id: UUID,
    target: AppliedFor,
    channel: ApplicationChannel,
    copy: ApplicationCopy,
    resume: bytes | None,
) -> None:
    """The task has composed this, to be approved. Composed again, it takes the place of what was before; an application
    that was put aside is under way again."""
    prepared = await queries.put_prepared(
        session,
        {
            "owner_id": owner_id,
            "task_id": task_id,
            "channel": channel,
            "copy": msgspec.to_builtins(copy),
            **msgspec.structs.asdict(target),
        },
    )
    if prepared is None:
        return
    await queries.move(session, ApplicationVerb.PREPARE, Application.id == prepared, values={"reason": ""})
    if resume is not None:
        await queries.put_file(session, owner_id, copy.resume_sha256, resume)


async def begin(
    session: WriteSession,
    task_id: UUID,
    owner_id: UUID,
    letter: str,
    *,
    host: str,
    most: int,
    now: datetime | None = None,
) -> timedelta | None:
    """The letter was approved as it stands, and the application goes to `host`; or it has to wait so long, because
    `most` of this person's have gone there within a day.

    Args:
        most: 0 for as many as there are.
    """
    found = await queries.application_of(session, task_id)
    if found is None:  # composed by a release that noted nothing
        return None
    if most:
        until = await queries.busy_until(session, owner_id, host, task_id, most, now=now)
        if until is not None:
            return until - await queries.database_time(session, now)
    values = {"host": host, "begun_at": queries.at(now)} if most else {"host": host}
    await queries.change(session, found.id, copy=_with_letter(found, letter), **values)
    return None


def _with_letter(found: Application, letter: str) -> dict[str, object]:
    return {**(found.copy or {}), "cover_letter": letter}


async def record_sent(
    session: WriteSession, task_id: UUID, *, channel: ApplicationChannel, receipt: str, sent_at: datetime, letter: str
) -> None:
    """It has been sent. Said again, nothing changes."""
    found = await queries.application_of(session, task_id)
    if found is None:
        return
    values = {"channel": channel, "receipt": receipt, "sent_at": sent_at, "reason": ""}
    if letter:
        values["copy"] = _with_letter(found, letter)
    await queries.move(session, ApplicationVerb.SEND, Application.id == found.id, values=values)


async def record_put_aside(session: WriteSession, task_id: UUID, reason: str) -> None:
    await queries.move(session, ApplicationVerb.PUT_ASIDE, Application.task_id == task_id, values={"reason": reason})


async def take_up(session: WriteSession, task_id: UUID) -> None:
    await queries.move(session, ApplicationVerb.PREPARE, Application.task_id == task_id, values={"reason": ""})


async def application_id(session: Session, task_id: UUID) -> UUID | None:
    found = await queries.application_of(session, task_id)
    return found.id if found else None


async def sent_by_hand(session: Session, task_id: UUID) -> SentByHand | None:
    """What a person has said of the task's application beside the task, if it is that they have sent it."""
    found = await queries.application_of(session, task_id)
    if found is None or found.sent_at is None or found.channel != ApplicationChannel.BY_HAND:
        return None
    return SentByHand(found.receipt, found.sent_at, str((found.copy or {}).get("cover_letter", "")))
