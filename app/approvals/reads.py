"""What pages show of approvals: the inbox, one request with those asked."""

from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.approvals.errors import ApprovalNotFound
from app.approvals.models import Approval, Recipient
from app.approvals.queries import recipients_of
from app.approvals.states import ApprovalState
from app.core.principal import Principal
from app.tasks.models import Task


class InboxRow(NamedTuple):
    approval: Approval
    task: Task
    undelivered: bool  # nobody could be told: its clock does not run


class Detail(msgspec.Struct, frozen=True):
    """A request, its task, and the people asked."""

    approval: Approval
    task: Task
    recipients: list[Recipient]

    @property
    def undelivered(self) -> bool:
        """Nobody could be told, or there was nobody to tell: its clock does not run."""
        return all(person.state == "undelivered" for person in self.recipients)


def _asked(by: Principal) -> ColumnElement[bool]:
    """The person is among those asked, or the task is theirs and waits for its owner."""
    among = select(Recipient.approval_id).where(func.lower(Recipient.email) == by.email.lower()).scalar_subquery()
    return or_(Approval.id.in_(among), Approval.owner_id == by.id)


async def inbox(session: AsyncSession, by: Principal, which: str, limit: int = 200) -> list[InboxRow]:
    """`mine` and `all` are open, oldest deadline first; `decided` are the newest decisions.

    `all` shows everybody's to an admin, and a member what they own or were asked.
    """
    everyone = which == "all" and by.is_admin
    told = exists().where(Recipient.approval_id == Approval.id, Recipient.state != "undelivered")
    query = (
        select(Approval, Task, ~told)
        .join(Task, Task.id == Approval.task_id)
        .where(true() if everyone else _asked(by))
        .limit(limit)
    )
    if which == "decided":
        query = query.where(Approval.state != ApprovalState.PENDING).order_by(Approval.decided_at.desc())
    else:
        query = query.where(Approval.state == ApprovalState.PENDING).order_by(
            Approval.expires_at.asc().nulls_last(), Approval.created_at
        )
    return [InboxRow(*row) for row in await session.execute(query)]


async def count_waiting(session: AsyncSession, by: Principal) -> int:
    """How many open questions wait for this person."""
    found = await session.execute(
        select(func.count()).select_from(Approval).where(Approval.state == ApprovalState.PENDING, _asked(by))
    )
    return found.scalar_one()


async def detail(session: AsyncSession, approval_id: UUID, by: Principal) -> Detail:
    """Raises ApprovalNotFound for one that this person was neither asked nor owns."""
    found = await session.execute(
        select(Approval, Task)
        .join(Task, Task.id == Approval.task_id)
        .where(Approval.id == approval_id, true() if by.is_admin else _asked(by))
    )
    row = found.first()
    if row is None:
        raise ApprovalNotFound
    return Detail(row[0], row[1], await recipients_of(session, [approval_id]))


async def open_question(session: AsyncSession, task_id: UUID, by: Principal) -> UUID:
    """The id of the question a task waits on. Raises ApprovalNotFound."""
    found = await session.execute(
        select(Approval.id).where(
            Approval.task_id == task_id,
            Approval.state == ApprovalState.PENDING,
            true() if by.is_admin else _asked(by),
        )
    )
    approval_id = found.scalar_one_or_none()
    if approval_id is None:
        raise ApprovalNotFound
    return approval_id
