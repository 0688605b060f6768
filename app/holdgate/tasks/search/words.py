"""Tasks in which what somebody types is found: sorted before any task is looked up, when they are few.

Of several words only the rarest is looked for in the index, and the others in what that finds: a common beginning of a
word stands in every second task, and the index would list all of those first.
"""

from math import sqrt
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Subquery, Text, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.stats.event_consumer import next_window
from holdgate.tasks.search.conditions import sought_value, sought_words, together
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.models import TaskSearch

# Sorting all hits takes as long as walking over the tasks until a page of them is found when they are about so many
# times the root of the number of tasks; fewer when a filter throws some away that had to be looked up for it.
MOST, MOST_TO_FILTER = 20, 2

FOLLOWER = "words"
MOST_EVENTS = 10_000  # of which the tasks are indexed in one transaction


async def few_hits(
    session: AsyncSession, scope: UUID | None, wanted: TaskFilter, *, oldest: bool = False
) -> Subquery | None:
    """`task_id` of all that `wanted.q` finds, in the order of a list; nothing else is filtered.

    None: they are too many for that, or nothing is looked for by words.
    """
    if not wanted.q or (words := sought_words(wanted.q)) is None:
        return None
    rarest = func.holdgate_rarest(wanted.q, sought_value(wanted.q)).table_valued("sought", "hits", "tasks")
    asked = select(cast(rarest.c.sought, Text), cast(words, Text), rarest.c.hits, rarest.c.tasks)
    sought, whole, hits, tasks = (await session.execute(asked)).one()
    bare = scope is None and wanted == TaskFilter(q=wanted.q)
    if hits is None or hits > (MOST if bare else MOST_TO_FILTER) * sqrt(tasks):
        return None
    found = select(TaskSearch.task_id).where(TaskSearch.words.op("@@")(_query(sought)))
    if whole != sought:
        # As a function it is no condition of the index; as a subselect it is read once, and not for every row.
        once = select(_query(whole)).scalar_subquery()
        found = found.where(func.ts_match_vq(TaskSearch.words, once, type_=Boolean))
    # All of them by the words, and then sorted: else the planner would walk over ids in their order, to meet the words.
    by_words = found.cte("by_words").prefix_with("MATERIALIZED")
    order = by_words.c.task_id if oldest else by_words.c.task_id.desc()
    return select(by_words.c.task_id).order_by(order).subquery("hits")


async def rare_marks(session: AsyncSession, wanted: TaskFilter) -> bool:
    """Whether the kind and queue that are wanted are found sooner among the words than by walking the list.

    The planner can't tell: it expects 200 tasks to look up, however many have the words.
    """
    marks = wanted.marks
    if not marks or wanted.q or wanted.payload:
        return True
    expected = func.holdgate_expected(together(marks)).table_valued("hits", "tasks")
    hits, tasks = (await session.execute(select(expected.c.hits, expected.c.tasks))).one()
    return bool(hits <= MOST_TO_FILTER * sqrt(tasks))


# OFFSET, so that each task is looked up: the planner expects many more events. One that was deleted meanwhile has none.
_INDEX = text(
    """
    INSERT INTO task_words (task_id, words)
    SELECT t.id, holdgate_words(t.kind, t.title, t.payload) || array_to_tsvector(ARRAY['@' || t.queue])
    FROM task_log e
    CROSS JOIN LATERAL (SELECT * FROM tasks WHERE id = e.task_id OFFSET 0) AS t
    WHERE e.xid >= CAST(CAST(:upto AS text) AS xid8) AND e.xid < CAST(CAST(:horizon AS text) AS xid8)
      AND e.from_state IS NULL
    ON CONFLICT (task_id) DO NOTHING
    """
)


async def follow_log(session: WriteSession) -> bool:
    """The sweeper's chore: index the words of the tasks that were enqueued. Until then they are found without the index
    (the view `task_search`). True: there may be more."""
    window = await next_window(session, FOLLOWER, most=MOST_EVENTS)
    if window is None:
        return False
    await session.execute(_INDEX, window.bounds)
    return not window.last


def _query(sought: str) -> Any:
    return cast(literal(sought), TSQUERY)
