"""What failed in a period: each failed try once, in its span, with what the error said to the one who may know."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.stats import rollups
from holdgate.stats.failures import ErrorSummary, failures_in
from holdgate.stats.rollups import PERIODS
from holdgate.tasks.states import TaskState
from tests.factories.approvals import principal
from tests.factories.bulk import fail
from tests.factories.stats import backdate, fold_all
from tests.factories.tasks import make_task

RECOUNT = text(
    """
    SELECT o.owner_id, w.span, to_timestamp(floor(extract(epoch FROM e.at) / 60 / w.span) * 60 * w.span) AS minute,
           e.fingerprint, count(*)
    FROM task_events e, unnest(ARRAY[1, 15, 120]) AS w(span),
         LATERAL (SELECT CAST(NULL AS uuid) AS owner_id
                  UNION ALL SELECT e.owner_id WHERE e.owner_id IS NOT NULL) AS o
    WHERE e.to_state IN ('retrying', 'dead_letter') AND e.from_state = 'running'
    GROUP BY 1, 2, 3, 4
    """
)
FOLDED = text("SELECT owner_id, span, minute, fingerprint, n FROM error_minutes")


async def rows_of(database: Database, query: Any) -> set[tuple[Any, ...]]:
    async with database.read() as session:
        return {tuple(row) for row in await session.execute(query)}


async def failures(database: Database, owner: UUID | None = None, *, limit: int = 5) -> list[ErrorSummary]:
    period = PERIODS["hour"]
    async with database.read() as session:
        spans = (await rollups.outcomes_in(session, period, owner, ["succeeded"])).spans
        return await failures_in(session, period.span, spans, owner, limit)


async def failing(database: Database, message: str, tries: int, **request: Any) -> UUID:
    """A task that has failed so often; after the last time it is a dead letter."""
    task = await make_task(database, **request)
    for left in reversed(range(tries)):
        await fail(database, [task], message, TaskState.RETRYING if left else TaskState.DEAD_LETTER)
        async with database.write("system") as session:
            await session.execute(text("UPDATE tasks SET state = 'queued', run_at = NULL WHERE state = 'retrying'"))
    return task


async def test_every_failed_try_is_counted_once_in_its_minute(database: Database) -> None:
    ann, bob = [(await principal(database, f"{name}@example.org")).id for name in ("ann", "bob")]
    for number, owner in enumerate((ann, bob, None, ann)):
        await failing(database, f"No {'x' * (number % 2)}", 3, owner_id=owner)
        await fold_all(database)
    await make_task(database, TaskState.DEAD_LETTER)  # of an older release, with no name
    assert sum(row[4] for row in await rows_of(database, FOLDED) if row[0] is None and row[1] == 1) == 12
    assert await rows_of(database, FOLDED) == {row for row in await rows_of(database, RECOUNT) if row[3]}


async def test_tries_that_failed_long_ago_are_in_the_spans_of_then(database: Database) -> None:
    for _ in range(3):
        await failing(database, "No", 4)
    await backdate(database)
    await fold_all(database)
    folded = await rows_of(database, FOLDED)
    assert folded == await rows_of(database, RECOUNT)
    assert len({row[2] for row in folded if row[1] == 1}) > 2


async def test_the_most_frequent_come_first_with_what_is_left_of_them(database: Database) -> None:
    await failing(database, "Seldom", 1)
    await failing(database, "Often 1", 3)
    late = await failing(database, "Often 2", 2)
    waiting = await make_task(database)
    await fail(database, [waiting], "Often 3", TaskState.RETRYING)
    await fold_all(database)
    often, seldom = await failures(database)
    assert (often.n, often.dead, often.retried) == (6, 2, 1)
    assert (seldom.n, seldom.dead, seldom.retried, seldom.error_type) == (1, 1, 0, "RuntimeError")
    assert (often.message, seldom.message) == ("Often 3", "Seldom")
    assert sum(often.by_span) == 6
    assert len(often.by_span) == 60
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET resolved_at = now() WHERE id = :id"), {"id": late})
    [often] = await failures(database, limit=1)
    assert (often.n, often.dead) == (6, 1), "a failed try stays one; what is left changes at once"


async def test_what_an_error_said_of_another_ones_task_is_not_told(database: Database) -> None:
    ann, bob = [(await principal(database, f"{name}@example.org")).id for name in ("ann", "bob")]
    await failing(database, "No such address: her@example.org", 1, owner_id=ann)
    await failing(database, "No such address: his@example.org", 2, owner_id=bob)
    await fold_all(database)
    [hers], [his], [everybody] = [await failures(database, owner) for owner in (ann, bob, None)]
    assert hers.fingerprint == his.fingerprint
    assert (hers.message, hers.n, hers.dead) == ("No such address: her@example.org", 1, 1)
    assert (his.message, his.n, his.dead) == ("No such address: his@example.org", 2, 1)
    assert everybody.n == 3


async def test_what_is_older_than_it_is_kept_is_forgotten(database: Database) -> None:
    await failing(database, "No", 1)
    await fold_all(database)
    now, left = datetime.now(UTC), []
    for days in (2, 6.9, 7.1, 91):
        async with database.write("system") as session:
            await rollups.forget_old(session, now=now + timedelta(days=days))
        names = await rows_of(database, text("SELECT message FROM error_names"))
        left.append(({row[1] for row in await rows_of(database, FOLDED)}, len(names)))
    # What an error said may name somebody: it stays for the week that pages show, and no longer.
    assert left == [({15, 120}, 1), ({15, 120}, 1), ({120}, 0), (set(), 0)]
