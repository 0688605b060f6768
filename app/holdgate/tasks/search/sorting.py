"""In which order a list of tasks is: by time, which has an index, or by a column, which has none.

By a column are sorted the newest `SORTED` of the tasks that match, so that a page costs no more with more of them.
"""

from math import inf
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Double, Select, Subquery, case, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.paging import Rank
from holdgate.tasks.models import Task
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import LARGE, matching
from holdgate.tasks.states import TaskState

SORTED = 10_000
OLDEST = "oldest"
BEGUN = (TaskState.RUNNING.value, TaskState.SUCCEEDED.value)  # of these the last attempt is no failure


class SortColumn(NamedTuple):
    """What may be sorted by. `most`, `least`: what a page calls that order; `up`: whether it begins with the least when
    it is first pressed. A task without a value comes last either way."""

    key: ColumnElement[Any]
    most: str
    least: str
    up: bool = False


COLUMNS = {
    "priority": SortColumn(Task.priority.expression, "highest", "lowest"),
    "attempts": SortColumn(Task.failures + case((Task.state.in_(BEGUN), 1), else_=0), "most", "fewest"),
    "duration": SortColumn(func.extract("epoch", Task.finished_at - Task.claimed_at), "longest", "shortest"),
    "deadline": SortColumn(func.extract("epoch", Task.deadline_at), "latest", "soonest", up=True),
}


class TaskOrder(NamedTuple):
    """By `column`, or by time where it is empty. `up`: the smallest, or the oldest, first."""

    column: str = ""
    up: bool = False

    @property
    def param(self) -> str:
        """As a page's address has it; empty for the newest first. `parse_order` reads it back."""
        if not self.column:
            return OLDEST if self.up else ""
        return self.column if self.up else f"-{self.column}"


def words_of(column: str) -> tuple[str, str, bool]:
    """What its orders are called, with the most first and with the least; and whether the latter is usual."""
    return ("newest", "oldest", False) if not column else COLUMNS[column][1:]


def orders() -> list[tuple[str, str]]:
    """All there are, as an address and as a page has them; the newest first comes first."""
    found = []
    for column in ("", *COLUMNS):
        most, least, _ = words_of(column)
        for up, first in ((False, most), (True, least)):
            label = f"{column}, {first} first" if column else f"{first} first"
            found.append((TaskOrder(column, up).param, label.capitalize()))
    return found


def parse_order(text: str) -> TaskOrder:
    """The newest first for what is no order of ours."""
    column = text.removeprefix("-")
    return TaskOrder(column, not text.startswith("-")) if column in COLUMNS else TaskOrder("", text == OLDEST)


class RankedTask(NamedTuple):
    task: Task
    rank: float

    @property
    def place(self) -> Rank:
        return Rank(self.rank, self.task.id)


async def ranked_tasks(
    session: AsyncSession,
    scope: UUID | None,
    wanted: TaskFilter,
    order: TaskOrder,
    place: Rank | None,
    limit: int,
    *,
    backwards: bool = False,
) -> list[RankedTask]:
    """Of the newest `SORTED` that match, in `order` and by id where they are equal, from behind `place`.

    Args:
        backwards: in the opposite order.
    """
    query = await ranking(session, scope, wanted, order, place, limit, backwards=backwards)
    return [RankedTask(task, rank) for task, rank in await session.execute(query)]


async def ranking(
    session: AsyncSession,
    scope: UUID | None,
    wanted: TaskFilter,
    order: TaskOrder,
    place: Rank | None,
    limit: int,
    *,
    backwards: bool = False,
) -> Select[Task, float]:
    """The statement for that."""
    found = await matching(session, scope, wanted)
    ranked = _ranked(order).select_from(Task)
    among = found.of(ranked).order_by(found.id.desc()).limit(SORTED).subquery("among")
    up = order.up != backwards
    by = tuple_(among.c.rank, among.c.id)
    page = select(among.c.id, among.c.rank)
    if place is not None:
        there = tuple_(literal(place.value, Double), literal(place.id, Task.id.type))
        page = page.where(by > there if up else by < there)
    shown = page.order_by(*_ordered(among, up)).limit(limit).subquery("shown")
    query = select(Task, shown.c.rank).join(shown, shown.c.id == Task.id).options(*LARGE)
    return query.order_by(*_ordered(shown, up))


def _ranked(order: TaskOrder) -> Select[UUID, Any]:
    nothing = literal(inf if order.up else -inf, Double)
    return select(Task.id, func.coalesce(cast(COLUMNS[order.column].key, Double), nothing).label("rank"))


def _ordered(rows: Subquery, up: bool) -> tuple[ColumnElement[Any], ...]:
    columns = rows.c.rank, rows.c.id
    return columns if up else tuple(column.desc() for column in columns)
