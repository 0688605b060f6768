"""What a task's page tells of its questions: who was asked by which mail, what became of it, who decided and how."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Approval, ApprovalEvent, Recipient
from holdgate.approvals.pages.view_model import STATES, title_of
from holdgate.approvals.rules import turn_queries
from holdgate.approvals.rules.models import LinkOpening
from holdgate.tasks.models import Task
from holdgate.tasks.timeline import TimelineEntry, TimelineParts

MAILS = {"mail_accepted": "Email delivered to", "mail_refused": "Email rejected for"}
_DECIDING = ("approve", "reject", "request_changes", "answer")


async def tell(session: AsyncSession, task: Task) -> TimelineParts:
    approvals = {each.id: each for each in await _approvals(session, task.id)}
    if not approvals:
        return TimelineParts()
    rows = await session.execute(
        select(ApprovalEvent, Recipient.email)
        .outerjoin(Recipient, Recipient.id == ApprovalEvent.recipient_id)
        .where(ApprovalEvent.approval_id.in_(approvals))
        .order_by(ApprovalEvent.id)
    )
    lines = [_line(approvals[event.approval_id], event, email or "") for event, email in rows]
    lines += [
        _plain(each.withdrawn_at, f"Withdrawn because it changed: {each.title}", "cancelled")
        for each in approvals.values()
        if each.withdrawn_at and each.state != "cancelled"
    ]
    people = await session.execute(
        select(Recipient, LinkOpening)
        .outerjoin(LinkOpening, LinkOpening.recipient_id == Recipient.id)
        .where(Recipient.approval_id.in_(approvals))
        .order_by(Recipient.id)
    )
    rows_of_people = people.all()
    ahead = await turn_queries.ahead(session, [person.id for person, _ in rows_of_people if person.turn == "waiting"])
    waiting: set[UUID] = set()
    for person, opening in rows_of_people:
        if opening is not None:
            lines.append(_opened(opening, person))
        asked = approvals[person.approval_id]
        if person.state == "waiting" and asked.state == "pending" and person.id not in waiting:
            waiting.add(person.id)
            said = f"Sending email to {person.email}"
            if person.id in ahead:
                place = f"{ahead[person.id]:,} before it" if ahead[person.id] else "it is next"
                said = f"Not yet sent to {person.email}: {place}"
            lines.append(_plain(asked.created_at, said, "pending"))
    return TimelineParts(lines)


async def _approvals(session: AsyncSession, task_id: UUID) -> list[Approval]:
    found = await session.execute(select(Approval).where(Approval.task_id == task_id).order_by(Approval.created_at))
    return list(found.scalars())


def _line(approval: Approval, event: ApprovalEvent, email: str) -> TimelineEntry:
    actor = "" if event.actor == "system" else event.actor
    state: str | None
    if event.verb in MAILS:
        title, actor = f"{MAILS[event.verb]} {email}", ""
        state = "succeeded" if event.verb == "mail_accepted" else "dead_letter"
    elif event.verb == "ask":
        title, state = f"Approval requested: {approval.title}", "pending"
    else:
        title, state = title_of(event), STATES.get(event.verb)
    decides = event.verb in _DECIDING and approval.decided_at == event.at
    return TimelineEntry(
        at=event.at,
        title=title,
        state=state,
        actor=actor,
        detail=_detail(event.data),
        link=_link(approval, event.verb, decides),
        instead_of="hold" if event.verb == "ask" else event.verb if decides or event.verb == "take_back" else "",
    )


def _link(approval: Approval, verb: str, decides: bool) -> tuple[str, str] | None:
    if decides:
        return f"/approvals/{approval.id}/receipt", "Receipt"
    return (f"/approvals/{approval.id}", "View request") if verb == "ask" else None


def _detail(data: dict[str, Any]) -> str:
    to = f"to {data['to']}" if data.get("to") else ""
    how = {"link": "by link", "sign-in": "signed in", "inbox": "signed in"}.get(str(data.get("source") or ""), "")
    texts = [data.get(name) for name in ("note", "text", "reason", "problem", "reply")]
    parts = [to, how, ", ".join(data.get("people") or ()), *(str(text) for text in texts if text)]
    return " · ".join(part for part in parts if part)


def _opened(opening: LinkOpening, person: Recipient) -> TimelineEntry:
    by = "" if opening.opener == "person" else " (probably an email scanner)"
    times = "" if opening.n == 1 else f" {opening.n} times"
    return _plain(opening.first_at, f"Link for {person.email} opened{times}{by}", None)


def _plain(at: datetime, title: str, state: str | None) -> TimelineEntry:
    return TimelineEntry(at, title, state, "", "")
