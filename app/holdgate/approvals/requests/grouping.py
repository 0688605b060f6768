"""One decision for many: the open questions of a run that differ only in what they are about, or those one chose."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.models import Approval, Vote
from holdgate.approvals.requests import deciding
from holdgate.approvals.rules import queries
from holdgate.approvals.rules.visibility import to_decide, visible
from holdgate.approvals.states import ApprovalState, HoldType
from holdgate.approvals.values import Decision, fields_of
from holdgate.core.db import WriteSession
from holdgate.core.errors import AppError, Invalid
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address
from holdgate.runs import lookup as runs
from holdgate.tasks.models import Task

MOST = 200  # questions of one decision, and of the page
CHUNK = 25  # of one transaction
GROUPS = 20


# Decides one request, or raises what refuses it.
Decide = Callable[[UUID, Decision], Awaitable[None]]
Forms = Mapping[UUID, Mapping[str, Any]]
AS_PROPOSED: Forms = MappingProxyType({})
AS_SENT: Mapping[str, str] = MappingProxyType({})  # nothing of it is wrong


class ApprovalGroup(NamedTuple):
    """Open questions alike, at least two. `title` is one of theirs; `expires_at` the first deadline."""

    key: str
    n: int
    title: str
    expires_at: datetime | None
    run_id: UUID
    run_name: str


class Chosen(NamedTuple):
    """A question as it was shown."""

    id: UUID
    version: str


class Result(NamedTuple):
    """What became of one: `problem` is empty for a decision that counted, `status` is that of a refusal, and `fields`
    has a sentence for each part of its form that is wrong."""

    id: UUID
    title: str
    problem: str
    status: int = 200
    fields: Mapping[str, str] = AS_SENT


def _for(by: Principal, everyone: bool) -> ColumnElement[bool]:
    """Open, alike, and this person's to decide; of everyone's, what they have not voted on yet."""
    if not everyone:
        return to_decide(by) & Approval.alike.is_not(None)
    voted = select(Vote.approval_id).where(Vote.person == canonical_address(by.email)).scalar_subquery()
    return (Approval.state == ApprovalState.PENDING) & Approval.alike.is_not(None) & Approval.id.not_in(voted)


async def groups(session: AsyncSession, by: Principal, run_id: UUID | None = None) -> list[ApprovalGroup]:
    """Of one run everything that an administrator may decide, too; else only what this person was asked."""
    which = _for(by, by.is_admin and run_id is not None)
    found = await session.execute(
        select(Approval.alike, func.count(), func.min(Approval.title), func.min(Approval.expires_at), Task.run_id)
        .join(Task, Task.id == Approval.task_id)
        .where(which, true() if run_id is None else Task.run_id == run_id)
        .group_by(Approval.alike, Task.run_id)
        .having(func.count() > 1)
        .order_by(func.min(Approval.expires_at).nulls_last(), Approval.alike)
        .limit(GROUPS)
    )
    rows = list(found)
    names = await runs.names_of(session, [run for *_, run in rows if run])
    return [ApprovalGroup(key, n, title, until, run, names[run]) for key, n, title, until, run in rows if key and run]


async def members(session: AsyncSession, by: Principal, key: str) -> list[Approval]:
    """The questions of a group that this person may decide: the first MOST, oldest deadline first."""
    found = await session.execute(
        select(Approval)
        .where(_for(by, by.is_admin), Approval.alike == key)
        .order_by(Approval.expires_at.nulls_last(), Approval.id)
        .limit(MOST)
    )
    return list(found.scalars())


async def selected(session: AsyncSession, by: Principal, ids: Sequence[UUID]) -> list[Approval]:
    """Those of a selection that this person may decide, in the order of the inbox."""
    mine = Approval.state == ApprovalState.PENDING if by.is_admin else to_decide(by)
    found = await session.execute(
        select(Approval)
        .where(Approval.id.in_(ids), Approval.hold == HoldType.APPROVAL, mine)
        .order_by(Approval.expires_at.nulls_last(), Approval.id)
        .limit(MOST)
    )
    return list(found.scalars())


async def decide_chunk(
    session: WriteSession,
    by: Principal,
    key: str | None,
    chunk: Sequence[Chosen],
    decided: Decision,
    *,
    source: str,
    forms: Forms = AS_PROPOSED,
    undo: timedelta = timedelta(),
    now: datetime | None = None,
) -> list[Result]:
    """Decide each as a single one is decided. One that is refused takes no other with it.

    Args:
        key: they are all alike; None: whichever a person has chosen.
        decided: the decision, but for the version and the form.
        forms: as they were sent, by the requests' ids; one that is not there is left as proposed.
        undo: as of `deciding.decide_signed_in`.
    """

    async def decide(approval_id: UUID, decision: Decision) -> None:
        await deciding.decide_signed_in(session, by, approval_id, decision, source=source, undo=undo, now=now)

    which = visible(by) if key is None else visible(by) & (Approval.alike == key)
    return await decide_each(session, which, chunk, decided, decide, forms)


def by_links(session: WriteSession, keys: Mapping[UUID, bytes], *, source: str, holder: Principal | None) -> Decide:
    """Decides those of a review session: by the keys of their links, by the requests' ids."""

    async def decide(approval_id: UUID, decision: Decision) -> None:
        if approval_id not in keys:
            raise ApprovalNotFound
        await deciding.decide_by_link(session, keys[approval_id], decision, source=source, holder=holder)

    return decide


async def decide_each(
    session: WriteSession,
    which: ColumnElement[bool],
    chunk: Sequence[Chosen],
    decided: Decision,
    decide: Decide,
    forms: Forms = AS_PROPOSED,
) -> list[Result]:
    """Each in a savepoint of its own. `which` they may see at all: no other is locked."""
    known = await session.execute(
        select(Approval.id, Approval.task_id, Approval.title).where(Approval.id.in_([one.id for one in chunk]), which)
    )
    rows = {id: (task_id, title) for id, task_id, title in known}
    # All of them first, in their order: two who decide overlapping groups must not wait for each other.
    for task_id in sorted(task_id for task_id, _ in rows.values()):
        await queries.lock_task(session, task_id)
    results = []
    for one in chunk:
        problem, status, fields = "", 200, AS_SENT
        try:
            if one.id not in rows:
                raise ApprovalNotFound
            async with session.begin_nested():
                approval = await session.get_one(Approval, one.id)
                proposed = {field.name: field.value for field in fields_of(approval)}
                form = {**forms.get(one.id, proposed)}
                await decide(one.id, msgspec.structs.replace(decided, version=one.version, form=form))
        except AppError as refusal:
            problem, status = str(refusal), refusal.status
            fields = refusal.fields if isinstance(refusal, Invalid) else AS_SENT
        # Who may not see it learns no title either.
        results.append(Result(one.id, "Unknown" if status == 404 else rows[one.id][1], problem, status, fields))
    return results


async def run_of(session: AsyncSession, approval: Approval) -> UUID | None:
    return (await session.execute(select(Task.run_id).where(Task.id == approval.task_id))).scalar_one()
