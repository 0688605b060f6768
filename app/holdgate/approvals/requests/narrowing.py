"""Narrowing the inbox: what each of its tabs holds, how many those are, and by what they can be filtered."""

from collections import Counter
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, CompoundSelect, Select, func, or_, select, true, union

from holdgate.accounts import service as accounts
from holdgate.approvals.models import Approval
from holdgate.approvals.rules.visibility import asked, halves_asked, to_come, visible, waits_for
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import Session
from holdgate.core.principal import Principal
from holdgate.feature import FoundItem, FoundItems
from holdgate.runs import lookup as runs
from holdgate.runs.models import Run
from holdgate.tasks.models import Task

COUNTED = 1000  # requests of a tab, at most
COUNTED_OVER = 100  # of those that are over, which are ever more


class InboxFilter(msgspec.Struct, frozen=True):
    """`q`: words of a title, a kind, a run's name or a program's. `requester`: whose task it is."""

    q: str = ""
    requester: UUID | None = None
    run: UUID | None = None
    kind: str = ""

    @property
    def params(self) -> list[tuple[str, str]]:
        """As they stand in an address; empty ones too."""
        given = {"q": self.q, "requester": self.requester, "run": self.run, "kind": self.kind}
        return [(name, str(value or "")) for name, value in given.items()]

    @property
    def narrows(self) -> bool:
        return any(value for _, value in self.params)

    def condition(self) -> ColumnElement[bool]:
        """Of approvals joined with their tasks."""
        found: ColumnElement[bool] = true()
        if self.q.strip():
            words = self.q.strip()
            named = select(Run.id).where(Run.name.icontains(words, autoescape=True)).scalar_subquery()
            texts = (Approval.title, Approval.asker, Task.title, Task.kind)
            found = or_(*(text.icontains(words, autoescape=True) for text in texts), Task.run_id.in_(named))
        for column, value in ((Approval.owner_id, self.requester), (Task.run_id, self.run), (Task.kind, self.kind)):
            if value:
                found &= column == value
        return found


class InboxChoices(NamedTuple):
    """What the requests of a tab can be filtered by: value and label with how many there are, the most first."""

    requesters: list[tuple[str, str]]
    runs: list[tuple[str, str]]
    kinds: list[tuple[str, str]]


def tab(which: str, by: Principal) -> ColumnElement[bool]:
    """`mine` wait for this person, `later` for their turn with them, `all` are open: everybody's for an administrator,
    else what they own or were asked. `decided`: what they were asked or own and is over."""
    if which == "decided":
        return (Approval.state != ApprovalState.PENDING) & asked(by)
    if which == "mine":
        return waits_for(by)
    if which == "later":
        return to_come(by)
    return (Approval.state == ApprovalState.PENDING) & visible(by)


async def counts(session: Session, by: Principal, only: InboxFilter) -> dict[str, int | str]:
    """How many requests the tabs hold; "1,000+" of more than are counted. One statement."""
    most = {"mine": COUNTED, "later": COUNTED, "all": COUNTED, "decided": COUNTED_OVER}
    found = [_over(by, only) if which == "decided" else _among(tab(which, by), only, COUNTED) for which in most]
    counted = [select(func.count()).select_from(each.subquery()).scalar_subquery() for each in found]
    row = (await session.execute(select(*counted))).one()
    return {which: f"{most[which]:,}+" if n > most[which] else n for which, n in zip(most, row, strict=True)}


def _among(which: ColumnElement[bool], only: InboxFilter, most: int) -> Select[UUID]:
    """Their ids: one more than are counted."""
    ids = select(Approval.id).where(which).limit(most + 1)
    return ids.join(Task, Task.id == Approval.task_id).where(only.condition()) if only.narrows else ids


def _over(by: Principal, only: InboxFilter) -> CompoundSelect[UUID]:
    """Each half by its index, so that a few of one person are not looked for among all there are."""
    over = Approval.state != ApprovalState.PENDING
    halves = [_among(over & half, only, COUNTED_OVER).subquery() for half in halves_asked(by)]
    return union(*(select(half.c.id) for half in halves)).limit(COUNTED_OVER + 1)


async def choices(session: Session, by: Principal, which: str) -> InboxChoices:
    """Of the tab's requests, the newest `COUNTED` where they are over."""
    columns = select(Approval.owner_id, Task.run_id, Task.kind).join(Task, Task.id == Approval.task_id)
    columns = columns.where(tab(which, by)).limit(COUNTED)
    if which == "decided":
        columns = columns.order_by(Approval.decided_at.desc())
    sought = columns.subquery()
    owner_id, run_id, kind_name = sought.c
    found = await session.execute(
        select(owner_id, run_id, kind_name, func.count()).group_by(owner_id, run_id, kind_name)
    )
    owners: Counter[UUID | None] = Counter()
    in_runs: Counter[UUID | None] = Counter()
    kinds: Counter[str] = Counter()
    for owner, run, kind, n in found:
        owners[owner] += n
        in_runs[run] += n
        kinds[kind] += n
    emails = await accounts.emails_of(session, [id for id in owners if id])
    names = await runs.names_of(session, [id for id in in_runs if id])
    return InboxChoices(
        [(str(id), f"{emails[id]} ({n:,})") for id, n in owners.most_common() if id in emails],
        [(str(id), f"{names[id]} ({n:,})") for id, n in in_runs.most_common() if id in names],
        [(kind, f"{kind} ({n:,})") for kind, n in kinds.most_common()],
    )


async def like(session: Session, by: Principal, words: str, limit: int) -> FoundItems:
    """Open requests that have these words, for the search: what they were asked or own."""
    found = await session.execute(
        select(Approval.id, Approval.title, Task.kind)
        .join(Task, Task.id == Approval.task_id)
        .where(tab("all", by), InboxFilter(words).condition())
        .order_by(Approval.created_at.desc(), Approval.id)
        .limit(limit)
    )
    return FoundItems("Approvals", [FoundItem(f"/approvals/{id}", title, kind) for id, title, kind in found])
