"""Statements about the people of an approval request, their links and their mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Insert, ScalarSelect, case, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.rules import turn_queries
from holdgate.approvals.rules.digest_queries import within
from holdgate.approvals.rules.links import parts_of
from holdgate.approvals.rules.models import ApprovalLink, Digest, DigestLink
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState
from holdgate.approvals.values import AskOutcome
from holdgate.core.db import WriteSession, said
from holdgate.tasks.models import Task
from holdgate.tasks.requests import CheckedTask

T = TypeVar("T")


class Person(NamedTuple):
    """Somebody to be asked, and why (models.py); `undelivered` for the `problem` named when there is no use in mailing
    them."""

    id: UUID
    email: str
    state: str = "waiting"
    problem: str | None = None
    groups: Sequence[str] = ()
    substitute_for: str | None = None
    escalated: bool = False


class AskedBefore(NamedTuple):
    """What the step has asked last, as the caller knows it. `replaced`: its decision counts no longer."""

    id: UUID | None = None
    replaced: bool = False


class PersonMail(NamedTuple):
    """The email that tells somebody of a request."""

    recipient: UUID
    task: CheckedTask


_ASK = text(
    """
    SELECT outcome, mailed FROM approvals_ask(
      CAST(:attempt AS int), CAST(:request AS json), CAST(:people AS json), CAST(:told AS jsonb), CAST(:mails AS json),
      CAST(:before AS uuid), :replaces, :few, CAST(:actor AS text), CAST(:traceparent AS text))
    """
)


async def ask(
    session: WriteSession,
    request: dict[str, Any],
    people: Sequence[Person],
    *,
    attempt: int | None,
    told: dict[str, Any],
    mails: Sequence[PersonMail],
    before: AskedBefore,
    pace: int,
    few: int,
) -> AskOutcome:
    """A question (`request` are its columns), those asked, the line of its timeline and the emails of those who are
    told at once, as one statement.

    Args:
        attempt: whose task holds from now on; None: it holds already.
    """
    rows = [{**one._asdict(), "turn": _turn(one), "pace": pace} for one in people]
    letters = [
        {
            "recipient": one.recipient,
            **msgspec.structs.asdict(one.task),
            "payload": msgspec.Raw(one.task.payload.encode()),
        }
        for one in mails
    ]
    values: dict[str, Any] = {"request": request, "people": rows, "told": told, "mails": letters}
    values = {name: msgspec.json.encode(value).decode() for name, value in values.items()}
    values |= {"attempt": attempt, "before": before.id, "replaces": before.replaced, "few": few, **said(session)}
    row = (await session.execute(_ASK, values)).one()
    for queue in {one.task.queue for one in mails} if row.mailed else ():
        session.announce(f"queue:{queue}")
    return AskOutcome(row.outcome)


def _turn(one: Person) -> str | None:
    """Those who can be told wait for their turn, and a trigger gives it to who has room."""
    return "waiting" if one.state == "waiting" else None


def insert_people(approval_id: UUID, task_id: UUID, people: Sequence[Person], *, pace: int) -> Insert:
    """The statement that makes them recipients of a request that is there, for who has more to write with it."""
    urgency = select(Task.priority).where(Task.id == task_id).scalar_subquery()
    rows = [
        {
            "approval_id": approval_id,
            **one._asdict(),
            "groups": list(one.groups),
            "turn": _turn(one),
            "urgency": urgency,
            "pace": pace,
        }
        for one in people
    ]
    return insert(Recipient).values(rows)


class Asked(NamedTuple):
    """A link's question and the person it was sent to."""

    recipient: Recipient
    approval: Approval
    task: Task


async def by_link(session: AsyncSession, key: bytes) -> Asked | None:
    """Args:
    key: of the link of a request, or of a request in a review session (rules/links.py).
    """
    token_hash, item = parts_of(key)
    if item is not None:
        return await _in_session(session, token_hash, item)
    found = await session.execute(
        select(Recipient, Approval, Task)
        .join(ApprovalLink, ApprovalLink.recipient_id == Recipient.id)
        .join(Approval, Approval.id == Recipient.approval_id)
        .join(Task, Task.id == Approval.task_id)
        .where(ApprovalLink.token_hash == token_hash)
        .execution_options(populate_existing=True)
    )
    row = found.first()
    return None if row is None else Asked(*row)


async def _in_session(session: AsyncSession, token_hash: bytes, recipient_id: UUID) -> Asked | None:
    found = await session.execute(
        select(Recipient, Approval, Task)
        .join(Digest, within(Digest))
        .join(DigestLink, DigestLink.digest_id == Digest.id)
        .join(Approval, Approval.id == Recipient.approval_id)
        .join(Task, Task.id == Approval.task_id)
        .where(DigestLink.token_hash == token_hash, Recipient.id == recipient_id)
        .execution_options(populate_existing=True)
    )
    row = found.first()
    return None if row is None else Asked(*row)


async def by_recipient(session: AsyncSession, recipient_id: UUID) -> Asked | None:
    found = await session.execute(
        select(Recipient, Approval, Task)
        .join(Approval, Approval.id == Recipient.approval_id)
        .join(Task, Task.id == Approval.task_id)
        .where(Recipient.id == recipient_id)
    )
    row = found.first()
    return None if row is None else Asked(*row)


async def store_link(session: WriteSession, token_hash: bytes, recipient_id: UUID) -> None:
    await session.execute(insert(ApprovalLink).values(token_hash=token_hash, recipient_id=recipient_id))


async def mark_recipient(
    session: WriteSession, recipient_id: UUID, state: str, problem: str | None = None, *, now: datetime | None = None
) -> UUID | None:
    """`sent` or `undelivered`; a mail that arrived once stays sent. Returns the approval's id.

    Whom no mail reaches makes room: what waits behind it would never be tried. Reached after all, they are asked again.
    """
    # The request before its people, as a decision takes them: that moves the turns of all of them.
    its = select(Approval.state, Recipient.state).join(Recipient, Recipient.approval_id == Approval.id)
    its = its.where(Recipient.id == recipient_id).with_for_update(of=Approval, key_share=True)
    before = (await session.execute(its)).first()
    rows = await session.execute(
        update(Recipient)
        .where(Recipient.id == recipient_id)
        .values(
            state=state if state == "sent" else case((Recipient.state == "sent", "sent"), else_=state),
            sent_at=at(now) if state == "sent" else Recipient.sent_at,
            told_at=func.coalesce(Recipient.told_at, at(now)) if state == "sent" else Recipient.told_at,
            problem=problem,
            turn=Recipient.turn if state == "sent" else case((Recipient.state == "sent", Recipient.turn)),
        )
        .returning(Recipient.approval_id, Recipient.person)
        .execution_options(synchronize_session=False)
    )
    row = rows.first()
    if row is not None and state == "undelivered":
        await turn_queries.give(session, [row.person])
    elif before == (ApprovalState.PENDING, "undelivered"):
        await turn_queries.ask_again(session, [recipient_id])
    return row.approval_id if row else None


async def note_delay(session: WriteSession, recipient_id: UUID, problem: str) -> None:
    """Their first mail is still being delivered, and why it was not accepted so far; also one that is tried anew."""
    await session.execute(
        update(Recipient)
        .where(Recipient.id == recipient_id, Recipient.state.in_(("waiting", "undelivered")))
        .values(state="waiting", problem=problem)
        .execution_options(synchronize_session=False)
    )


async def grant_fresh_link(
    session: WriteSession, recipient_id: UUID, *, most: int, now: datetime | None = None
) -> bool:
    """Count one more mail to this person: at most one a minute and `most` in all."""
    rows = await session.execute(
        update(Recipient)
        .where(
            Recipient.id == recipient_id,
            Recipient.fresh_links < most,
            or_(
                Recipient.fresh_link_at.is_(None),
                Recipient.fresh_link_at < at(now) - func.make_interval(0, 0, 0, 0, 0, 1),
            ),
        )
        .values(fresh_links=Recipient.fresh_links + 1, fresh_link_at=at(now))
        .returning(Recipient.id)
        .execution_options(synchronize_session=False)
    )
    return rows.first() is not None


async def recipients_of(session: AsyncSession, approval_ids: Sequence[UUID]) -> list[Recipient]:
    found = await session.execute(
        select(Recipient).where(Recipient.approval_id.in_(approval_ids)).order_by(Recipient.email)
    )
    return list(found.scalars())


async def recipients_with(
    session: AsyncSession, approval_id: UUID, beside: ScalarSelect[T]
) -> tuple[list[Recipient], T | None]:
    """Those of one request, and what else is to be read; that is None if there are none."""
    query = select(Recipient, beside).where(Recipient.approval_id == approval_id).order_by(Recipient.email)
    rows = (await session.execute(query.execution_options(populate_existing=True))).all()
    return [row[0] for row in rows], rows[0][1] if rows else None
