"""What pages show of approvals: the inbox, one request with the people asked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, defer

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.requests.narrowing import InboxFilter, tab
from holdgate.approvals.rules import turn_queries
from holdgate.approvals.rules.queries import another_version, id_before
from holdgate.approvals.rules.recipient_queries import recipients_of
from holdgate.approvals.rules.tally import Standing, standings_of
from holdgate.approvals.rules.visibility import WAITS, asked, parameters_of, visible, waits_for
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import Session
from holdgate.core.paging import Cursor, before_cursor, count_rows
from holdgate.core.principal import Principal
from holdgate.runs import lookup as runs
from holdgate.runs.models import Run
from holdgate.tasks.models import Task

EVERYTHING = InboxFilter()
# In place of no deadline; the index of the inbox has the same in it. A reply that is awaited comes before all else.
REPLY_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
NO_DEADLINE = datetime(9000, 1, 1, tzinfo=UTC)
_DEADLINE: ColumnElement[datetime] = func.coalesce(
    Approval.expires_at, literal_column("'9000-01-01 00:00:00+00'::timestamptz", Approval.created_at.type)
)


# Up to a megabyte each, which no list shows; and a page of the inbox asks again every few seconds.
_LARGE = (Approval.shown, Approval.form, Approval.answer, Task.payload, Task.result, Task.error)


class InboxRow(NamedTuple):
    """Without the large columns of the two."""

    approval: Approval
    task: Task
    standing: Standing
    undelivered: bool  # nobody could be told: its clock does not run
    ahead: int | None = None  # with everybody asked it waits for its turn, behind so many at the best
    requester: str = ""
    run_name: str = ""


class Detail(msgspec.Struct, frozen=True):
    """A request, its task, the people asked, and another version, if its step asked that last before. `ahead`: how many
    requests come before it with each of those, by their ids, with whom it waits for its turn."""

    approval: Approval
    task: Task
    recipients: list[Recipient]
    before: Approval | None = None
    ahead: Mapping[UUID, int] = {}
    run_name: str = ""

    @property
    def undelivered(self) -> bool:
        """Nobody could be told, or there was nobody to tell: its clock does not run."""
        return all(person.state == "undelivered" for person in self.recipients)


async def inbox(
    session: Session,
    by: Principal,
    which: str,
    *,
    only: InboxFilter = EVERYTHING,
    after: Cursor | None = None,
    limit: int,
    turned: bool = False,
) -> list[InboxRow]:
    """Those of a tab (`narrowing.tab`): the open ones with the nearest deadline first and those without one last, but
    in `mine` what waits for this person's reply before all others; `decided` are the newest decisions. From behind the
    cursor `after`; `turned`: in the opposite order.
    """
    told = exists().where(Recipient.approval_id == Approval.id, Recipient.state != "undelivered")
    query = select(Approval, Task, ~told).join(Task, Task.id == Approval.task_id).limit(limit)
    query = query.options(*(defer(column) for column in _LARGE)).where(tab(which, by), only.condition())
    if which == "decided":
        query = before_cursor(query, Approval.decided_at, Approval.id, after, oldest=turned)
    else:
        due = _due_for(by) if which == "mine" else _DEADLINE
        query = before_cursor(query, due, Approval.id, after, oldest=not turned)
    rows = list(await session.execute(query))
    standings = await standings_of(session, [row[0] for row in rows])
    lined = {id: one.in_line for id, one in standings.items()}
    ahead = await turn_queries.ahead(session, [person.id for people in lined.values() for person in people])
    first = {id: min((ahead.get(person.id, 0) for person in people), default=None) for id, people in lined.items()}
    owners = await accounts.emails_of(session, [approval.owner_id for approval, *_ in rows if approval.owner_id])
    names = await runs.names_of(session, [task.run_id for _, task, _ in rows if task.run_id])
    return [
        InboxRow(
            approval,
            task,
            standings[approval.id],
            undelivered,
            first[approval.id],
            owners.get(approval.owner_id, "") if approval.owner_id else "",
            names.get(task.run_id, "") if task.run_id else "",
        )
        for approval, task, undelivered in rows
    ]


def _due_for(by: Principal) -> ColumnElement[datetime]:
    mine = and_(Approval.stopped_at.is_not(None), func.coalesce(Approval.owner_id == by.id, False))
    return case((mine, REPLY_FIRST), else_=_DEADLINE)


def owes_reply(approval: Approval, by: Principal) -> bool:
    """Whether the deadline is paused until this person, whose task it is, replies."""
    return approval.state == ApprovalState.PENDING and approval.stopped_at is not None and approval.owner_id == by.id


def place_of(row: InboxRow, which: str, by: Principal) -> Cursor:
    """Where it stands in the list `which` of this person."""
    if which == "mine" and owes_reply(row.approval, by):
        return Cursor(REPLY_FIRST, row.approval.id)
    return Cursor(row.approval.decided_at or row.approval.expires_at or NO_DEADLINE, row.approval.id)


async def next_open(
    session: Session, by: Principal, approval_id: UUID, which: str, only: InboxFilter = EVERYTHING
) -> UUID | None:
    """The request of a tab that comes after this one, or the tab's first; None where there is no other."""
    approval = await session.get_one(Approval, approval_id)
    due = _due_for(by) if which == "mine" else _DEADLINE
    others = select(Approval.id).join(Task, Task.id == Approval.task_id).limit(1)
    others = others.where(tab(which, by), only.condition(), Approval.id != approval_id)
    for place in (Cursor(approval.expires_at or NO_DEADLINE, approval.id), None):
        found: UUID | None = await session.scalar(before_cursor(others, due, Approval.id, place, oldest=True))
        if found is not None:
            return found
    return None


async def list_approvals(
    session: AsyncSession,
    by: Principal,
    state: ApprovalState | None,
    task_id: UUID | None,
    before: Cursor | None,
    limit: int,
    *,
    mine: bool = False,
) -> list[Approval]:
    """For programs, newest first, from behind `before`: what a person was asked or owns; an admin's are everybody's.

    Args:
        mine: only what waits for this person, as in the inbox.
    """
    query = before_cursor(_listed(by, state, task_id, mine), Approval.created_at, Approval.id, before).limit(limit)
    return list((await session.execute(query)).scalars())


async def count_approvals(
    session: AsyncSession, by: Principal, state: ApprovalState | None, task_id: UUID | None, *, mine: bool = False
) -> int | None:
    """Of the same. None: too many to count."""
    return await count_rows(session, _listed(by, state, task_id, mine))


def _listed(by: Principal, state: ApprovalState | None, task_id: UUID | None, mine: bool) -> Select[Approval]:
    query = select(Approval)
    if mine:
        query = query.where(waits_for(by))
    elif not by.is_admin:
        query = query.where(asked(by))
    if state is not None:
        query = query.where(Approval.state == state)
    if task_id is not None:
        query = query.where(Approval.task_id == task_id)
    return query


_COUNT_WAITING = select(func.count()).select_from(Approval).where(WAITS)  # which every page asks


async def count_waiting(session: AsyncSession, by: Principal) -> int:
    """How many open questions wait for this person: the rows of `mine`."""
    return (await session.execute(_COUNT_WAITING, parameters_of(by))).scalar_one()


class WaitingRow(NamedTuple):
    id: UUID
    hold: str
    title: str
    task_title: str
    expires_at: datetime | None
    owes_reply: bool


class InboxSummary(NamedTuple):
    """What waits for a person: the most pressing, and how many in all.

    `undelivered`: open questions of theirs (everybody's for an administrator) of which every mail came back.
    """

    rows: list[WaitingRow]
    total: int
    undelivered: int


async def next_waiting(session: AsyncSession, by: Principal, limit: int) -> InboxSummary:
    """A reply that is awaited first, then the nearest deadline. One statement."""
    due = _due_for(by)
    waiting = (
        select(
            Approval.id,
            Approval.hold,
            Approval.title,
            Task.title.label("task_title"),
            Approval.expires_at,
            Approval.created_at,
            due.label("due"),
            (due == REPLY_FIRST).label("owes_reply"),
            func.count().over().label("total"),
        )
        .join(Task, Task.id == Approval.task_id)
        .where(waits_for(by))
        .order_by(due, Approval.created_at)
        .limit(limit)
        .subquery()
    )
    found = await session.execute(
        select(_undelivered(by.scope).label("undelivered"), waiting)
        .select_from(select(1).subquery().join(waiting, true(), isouter=True))
        .order_by(waiting.c.due, waiting.c.created_at)
    )
    rows = found.all()
    shown = [
        WaitingRow(row.id, row.hold, row.title, row.task_title, row.expires_at, row.owes_reply)
        for row in rows
        if row.id
    ]
    return InboxSummary(shown, rows[0].total or 0, rows[0].undelivered)


def _undelivered(scope: UUID | None) -> ScalarSelect[int]:
    came_back = select(Recipient.approval_id).where(Recipient.state == "undelivered")
    told = exists().where(Recipient.approval_id == Approval.id, Recipient.state != "undelivered")
    mine = true() if scope is None else Approval.owner_id == scope
    return (
        select(func.count())
        .select_from(Approval)
        .where(Approval.state == ApprovalState.PENDING, Approval.id.in_(came_back), ~told, mine)
        .scalar_subquery()
    )


async def detail(session: AsyncSession, approval_id: UUID, by: Principal) -> Detail:
    """Raises ApprovalNotFound for one that this person was neither asked nor owns."""
    before = aliased(Approval)
    found = await session.execute(
        select(Approval, Task, before, Run.name)
        .join(Task, Task.id == Approval.task_id)
        .outerjoin(Run, Run.id == Task.run_id)
        .outerjoin(before, before.id == id_before())
        .where(Approval.id == approval_id, visible(by))
    )
    row = found.first()
    if row is None:
        raise ApprovalNotFound
    people = await recipients_of(session, [approval_id])
    ahead = await turn_queries.ahead(session, [person.id for person in people if person.turn == "waiting"])
    return Detail(row[0], row[1], people, another_version(row[0], row[2]), ahead, row[3] or "")


async def open_question(session: AsyncSession, task_id: UUID, by: Principal) -> UUID:
    """The id of the question a task waits on. Raises ApprovalNotFound."""
    found = await session.execute(
        select(Approval.id).where(
            Approval.task_id == task_id,
            Approval.state == ApprovalState.PENDING,
            visible(by),
        )
    )
    approval_id = found.scalar_one_or_none()
    if approval_id is None:
        raise ApprovalNotFound
    return approval_id
