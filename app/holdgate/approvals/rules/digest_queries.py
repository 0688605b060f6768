"""Statements about digests: one email for many requests, and the review session behind its link."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.rules.models import Digest, DigestLink
from holdgate.approvals.rules.queries import at
from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task

# While somebody acts in a session, what is new waits for them there; so long after, it is mailed.
_RECENTLY = text(
    """
    WITH t AS (SELECT coalesce(CAST(:now AS timestamptz), now()) AS at)
    SELECT (SELECT count(*) FROM approval_recipients
            WHERE person = :person AND lower(email) = lower(:email) AND told_at > t.at - interval '1 minute'),
           max(d.used_at) FILTER (WHERE d.used_at > t.at - interval '5 minutes') + interval '5 minutes',
           max(d.created_at) FILTER (WHERE d.created_at > t.at - interval '1 minute') + interval '1 minute'
    FROM t LEFT JOIN approval_digests d
      ON d.person = :person AND lower(d.email) = lower(:email)
    GROUP BY t.at
    """
)
_INSERT = text(
    """
    INSERT INTO approval_digests (id, person, email, starts_at, ends_at, created_at)
    SELECT :id, :person, :email, min(asked_at), at + interval '1 day', at
    FROM approval_recipients, (SELECT coalesce(CAST(:now AS timestamptz), now()) AS at) AS t
    WHERE person = :person AND lower(email) = lower(:email) AND turn IS NOT NULL
    GROUP BY at
    """
)
_PRUNE = text(
    """
    DELETE FROM approval_digests d
    WHERE d.ends_at < now() AND NOT EXISTS (
      SELECT FROM approval_recipients r
      WHERE r.person = d.person AND r.asked_at >= d.starts_at AND r.asked_at < d.ends_at)
    """
)


class DigestRequest(NamedTuple):
    """A request of a review session, without the large columns."""

    recipient: Recipient
    approval: Approval

    @property
    def open(self) -> bool:
        return self.recipient.turn == "open"


class Recently(NamedTuple):
    """What somebody was told within the last minute, and until when no further email is due."""

    n: int
    busy_until: datetime | None
    mailed_until: datetime | None


async def recently(session: AsyncSession, person: str, email: str, *, now: datetime | None) -> Recently:
    found = await session.execute(_RECENTLY, {"person": person, "email": email, "now": now})
    return Recently(*found.one())


async def insert_digest(
    session: WriteSession, digest_id: UUID, person: str, email: str, *, now: datetime | None
) -> None:
    """About all that the person has open or that waits for its turn with them."""
    await session.execute(_INSERT, {"id": digest_id, "person": person, "email": email, "now": now})


async def newest(session: AsyncSession, person: str, email: str, *, now: datetime | None = None) -> Digest | None:
    """The session that somebody has at present."""
    found = await session.execute(
        select(Digest)
        .where(Digest.person == person, func.lower(Digest.email) == email.lower(), Digest.ends_at > at(now))
        .order_by(Digest.created_at.desc())
        .limit(1)
    )
    return found.scalars().first()


async def store_digest_link(session: WriteSession, token_hash: bytes, digest_id: UUID) -> None:
    await session.execute(insert(DigestLink).values(token_hash=token_hash, digest_id=digest_id))


async def by_link(session: AsyncSession, token_hash: bytes) -> Digest | None:
    found = await session.execute(
        select(Digest).join(DigestLink, DigestLink.digest_id == Digest.id).where(DigestLink.token_hash == token_hash)
    )
    return found.scalars().first()


def within(digest: type[Digest] | Digest) -> ColumnElement[bool]:
    """The requests of a session: what its address was asked in its time, and has been told of or will be."""
    return and_(
        Recipient.person == digest.person,
        func.lower(Recipient.email) == func.lower(digest.email),
        Recipient.asked_at >= digest.starts_at,
        Recipient.asked_at < digest.ends_at,
        or_(Recipient.turn.is_not(None), Recipient.told_at.is_not(None)),
    )


async def items(session: AsyncSession, digest: Digest) -> list[DigestRequest]:
    """All requests of the session, in the order in which they were asked."""
    found = await session.execute(
        select(Recipient, Approval)
        .join(Approval, Approval.id == Recipient.approval_id)
        .where(within(digest))
        .order_by(Recipient.asked_at, Recipient.id)
        .options(*(defer(column) for column in (Approval.shown, Approval.form, Approval.answer)))
        .execution_options(populate_existing=True)
    )
    return [DigestRequest(*row) for row in found]


async def load_whole(session: AsyncSession, approvals: Iterable[Approval]) -> None:
    """With the large columns, which `items` leaves out."""
    ids = [approval.id for approval in approvals]
    whole = await session.execute(
        select(Approval).where(Approval.id.in_(ids)).execution_options(populate_existing=True)
    )
    whole.all()


async def told_by(session: AsyncSession, digest_id: UUID) -> list[DigestRequest]:
    """What a digest tells of and is still open."""
    found = await session.execute(
        select(Recipient, Approval)
        .join(Approval, Approval.id == Recipient.approval_id)
        .where(Recipient.digest_id == digest_id, Recipient.turn == "open")
        .order_by(Recipient.asked_at, Recipient.id)
        .options(*(defer(column) for column in (Approval.shown, Approval.form, Approval.answer)))
    )
    return [DigestRequest(*row) for row in found]


async def mark_used(session: WriteSession, digest_id: UUID, *, now: datetime | None = None) -> None:
    await session.execute(update(Digest).where(Digest.id == digest_id).values(used_at=at(now)))


async def mark_shown(session: WriteSession, recipient_id: UUID, *, now: datetime | None = None) -> None:
    """The next page of their session shows it: no email is needed."""
    await session.execute(
        text(
            """
            UPDATE approval_recipients
            SET state = CASE state WHEN 'sent' THEN state ELSE 'shown' END, tell_at = NULL,
                told_at = coalesce(told_at, CAST(:now AS timestamptz), now())
            WHERE id = :id
            """
        ),
        {"id": recipient_id, "now": now},
    )


async def prune(session: WriteSession) -> None:
    """Sessions that are over and of which no request is stored any more."""
    await session.execute(_PRUNE)


async def postpone(session: WriteSession, ids: Sequence[UUID], until: datetime) -> None:
    await session.execute(update(Recipient).where(Recipient.id.in_(ids)).values(tell_at=until))


async def join(session: WriteSession, ids: Sequence[UUID], digest_id: UUID) -> None:
    values: dict[str, Any] = {"digest_id": digest_id}
    await session.execute(update(Recipient).where(Recipient.id.in_(ids)).values(values))


async def tasks_of(session: AsyncSession, approval_ids: Sequence[UUID]) -> dict[UUID, tuple[str, UUID | None]]:
    """The kind of the task that each of these requests holds, and its run."""
    query = select(Approval.id, Task.kind, Task.run_id).join(Task, Task.id == Approval.task_id)
    return {
        id: (kind, run_id) for id, kind, run_id in await session.execute(query.where(Approval.id.in_(approval_ids)))
    }
