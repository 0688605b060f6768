"""Statements about what programs ask. Lock order: the program's turn, then as in rules/queries.py."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, ColumnElement, and_, any_, cast, func, insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Approval
from holdgate.approvals.programs.models import ProgramRequest
from holdgate.approvals.programs.question import ProgramQuestion
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import WriteSession

HOUR = timedelta(hours=1)

_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:key AS text), 0))")


async def take_turn(session: WriteSession, asker_id: UUID) -> None:
    """Until the transaction ends no other request of this program is made: each is counted, and knows those before."""
    await session.execute(_TURN, {"key": f"holdgate asker {asker_id}"})


async def count_open(session: WriteSession, asker_id: UUID, *, most: int) -> int:
    """The program's open requests, up to `most`."""
    these = (
        select(Approval.id).where(Approval.asker_id == asker_id, Approval.state == ApprovalState.PENDING).limit(most)
    )
    return (await session.execute(select(func.count()).select_from(these.subquery()))).scalar_one()


async def next_hour(
    session: WriteSession, asker_id: UUID, *, most: int, now: datetime | None = None
) -> timedelta | None:
    """How long until there are fewer than `most` requests of the program within an hour; None: there are now."""
    wait: timedelta | None = await session.scalar(
        select(Approval.created_at + HOUR - at(now))
        .where(Approval.asker_id == asker_id, Approval.created_at > at(now) - HOUR)
        .order_by(Approval.created_at.desc())
        .offset(most - 1)
        .limit(1)
    )
    return wait


async def find_open(session: WriteSession, asker_id: UUID, digest: bytes) -> Approval | None:
    """The same request of the same program, while it is open."""
    same = (Approval.asker_id == asker_id) & (Approval.state == ApprovalState.PENDING)
    found = await session.execute(
        select(Approval)
        .join(ProgramRequest, ProgramRequest.task_id == Approval.task_id)
        .where(same, ProgramRequest.digest == digest)
        .limit(1)
    )
    return found.scalars().first()


async def insert_request(
    session: WriteSession, task_id: UUID, asked: ProgramQuestion, metadata: dict[str, Any], *, calls_back: bool
) -> None:
    await session.execute(
        insert(ProgramRequest).values(
            task_id=task_id,
            asked=msgspec.to_builtins(asked),
            digest=asked.digest,
            given=metadata,
            calls_back=calls_back,
        )
    )


async def load_asked(session: AsyncSession, task_id: UUID) -> ProgramQuestion:
    found = await session.execute(select(ProgramRequest.asked).where(ProgramRequest.task_id == task_id))
    return msgspec.convert(found.scalar_one(), ProgramQuestion)


async def metadata_of(session: AsyncSession, task_id: UUID) -> dict[str, Any] | None:
    """None: no program asks by this task."""
    found = await session.execute(select(ProgramRequest.given).where(ProgramRequest.task_id == task_id))
    return found.scalar_one_or_none()


async def take_callbacks(session: WriteSession, *, limit: int) -> list[tuple[Approval, dict[str, Any]]]:
    """Requests whose decision stands and is to be told, with their metadata; from now on they count as told."""
    due = (
        select(ProgramRequest.task_id)
        .join(Approval, Approval.task_id == ProgramRequest.task_id)
        .where(ProgramRequest.calls_back, Approval.state != ApprovalState.PENDING, ~_undoable())
        .limit(limit)
        .with_for_update(of=ProgramRequest, skip_locked=True)
    )
    rows = await session.execute(
        update(ProgramRequest)
        .where(ProgramRequest.task_id.in_(due), ProgramRequest.calls_back)
        .values(calls_back=False)
        .returning(ProgramRequest.task_id, ProgramRequest.given)
        .execution_options(synchronize_session=False)
    )
    given = {task_id: metadata for task_id, metadata in rows}
    newest = select(Approval).where(Approval.task_id.in_(given)).order_by(Approval.round, Approval.created_at)
    latest = {approval.task_id: approval for approval in (await session.execute(newest)).scalars()}
    return [(latest[task_id], metadata) for task_id, metadata in given.items()]


async def settled_among(session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    """The requests whose decision stands: decided, and past the time in which that can be undone. Or they are gone."""
    wanted = list(ids)
    among = Approval.id == any_(cast(wanted, ARRAY(Approval.id.type)))
    found = await session.execute(
        select(Approval.id).where(among, or_(Approval.state == ApprovalState.PENDING, _undoable()))
    )
    return set(wanted) - set(found.scalars())


def _undoable() -> ColumnElement[bool]:
    """Approved, and that can still be undone."""
    return and_(
        Approval.state == ApprovalState.APPROVED,
        Approval.take_back > literal(timedelta(), Approval.take_back.type),
        Approval.decided_at + Approval.take_back > func.now(),
    )
