"""Whether what was approved may still be sent: nobody has applied since; and the résumé that goes with it."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from holdgate.applications import recording
from holdgate.core.db import Session, WriteSession
from holdgate.kinds.application.noting import counted_host
from holdgate.kinds.application.packet import Packet, Refusal
from holdgate.postings import service as postings
from holdgate.postings.errors import PostingNotFound
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError, RetryAfter
from holdgate.tasks.artifacts import read_artifact

ANOTHER = timedelta(minutes=1)  # how long an application waits for another one of the same posting


class DayIsFull(Exception):
    """As many of this person's applications as may be have gone to that host within a day."""

    def __init__(self, host: str, most: int, wait: timedelta) -> None:
        super().__init__(f"{most} applications have gone to {host} within a day; this one waits for its turn.")
        self.wait = wait


async def check_fresh(
    session: WriteSession, ctx: Context, packet: Packet, letter: str, posting_id: UUID
) -> Refusal | None:
    """None when the packet is still right; storing that begins the sending.

    Raises:
        RetryAfter: as `_begin`. DayIsFull
    """
    await _begin(session, ctx, posting_id)
    if await _applied_since(session, ctx, packet, posting_id):
        reason = "Somebody has applied for this posting since you approved the application, so nothing was sent."
        return Refusal(round=ctx.task.round, reason=reason, outdated=True)
    assert ctx.owner_id is not None
    host = counted_host(packet)
    most = ctx.settings.applications_per_host if host else 0
    wait = await recording.begin(session, ctx.task_id, ctx.owner_id, letter, host=host, most=most)
    if wait is not None:
        raise DayIsFull(host, most, wait)
    return None


async def _applied_since(session: Session, ctx: Context, packet: Packet, posting_id: UUID) -> bool:
    try:
        posting = await postings.load(session, posting_id, ctx.owner_id)
    except PostingNotFound as error:
        raise PermanentError(str(error)) from error
    return posting.applied_at != packet.applied_at


async def _begin(session: WriteSession, ctx: Context, posting_id: UUID) -> None:
    """Raises RetryAfter while another task is sending: once it has, what was approved here may be out of date."""
    if not await postings.begin_sending(session, posting_id, ctx.task_id):
        raise RetryAfter(ANOTHER, "Another application for this posting is being sent, so this one waits.")


async def resume_to_send(ctx: Context, packet: Packet, posting_id: UUID) -> bytes:
    """The résumé's bytes, right before each request. Raises RetryAfter: another application of this posting is being
    sent. PermanentError: the same cannot, or must not, be sent again."""
    async with ctx.database.write("system") as session:
        await _begin(session, ctx, posting_id)  # again: this may be a retry of days later
        applied = await _applied_since(session, ctx, packet, posting_id)
    # The file that was approved is kept with the task, whatever the profile has since.
    file = packet.resume_file
    resume = await read_artifact(ctx.database, ctx.settings, ctx.task_id, file) if file else None
    if resume is None or sha256(resume).hexdigest() != packet.resume.sha256:
        raise PermanentError(
            f"The approved file {packet.resume.name} is no longer kept with the task, so the application was not sent. "
            "Retry it with the completed steps run again, and approve it anew."
        )
    if applied:
        raise PermanentError(
            "Somebody has applied for this posting since the sending began, so it is not sent once more. Nobody knows "
            f"whether {packet.company} has received this one as well. Ask them."
        )
    return resume
