"""What is folded per minute is what a recount of the log finds: each event once, each percentile within its error."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.runs.upkeep import TIMED
from holdgate.stats import histograms, rollups
from holdgate.stats.summaries import figures_of
from holdgate.tasks.states import FINISHED, TASK_MACHINE, TaskState
from tests.factories.approvals import principal
from tests.factories.stats import all_final, backdate, fold_all
from tests.factories.tasks import _SET, make_task

# Straight from the log, with nothing of how the fold does it.
RECOUNT = text(
    """
    WITH moves AS (
      SELECT *, lag(at) OVER (PARTITION BY task_id ORDER BY id) AS began FROM task_events
      WHERE from_state IS DISTINCT FROM to_state),
    told AS (
      SELECT owner_id, at, queue, kind, from_state, to_state, greatest(extract(epoch FROM at - began), 0) AS took
      FROM moves WHERE to_state IS NOT NULL)
    SELECT o.owner_id, w.span, to_timestamp(floor(extract(epoch FROM at) / 60 / w.span) * 60 * w.span) AS minute,
           queue, kind, to_state, count(*), coalesce(sum(took) FILTER (WHERE from_state = 'queued'), 0),
           coalesce(sum(took) FILTER (WHERE from_state = 'running'), 0),
           coalesce(sum(took) FILTER (WHERE from_state IN ('pending_approval', 'needs_input', 'needs_auth')), 0)
    FROM told, unnest(ARRAY[1, 15, 120]) AS w(span),
         LATERAL (SELECT CAST(NULL AS uuid) AS owner_id
                  UNION ALL SELECT told.owner_id WHERE told.owner_id IS NOT NULL) AS o
    GROUP BY 1, 2, 3, 4, 5, 6
    """
)
FOLDED = text("SELECT owner_id, span, minute, queue, kind, outcome, n, wait, work, people FROM task_minutes")
# Each stay by itself: minute, kind, stage, seconds.
TOOK = text(
    """
    SELECT date_trunc('minute', at), kind, CASE from_state WHEN 'queued' THEN 'queue' WHEN 'running' THEN 'work'
           WHEN 'pending_approval' THEN 'people' WHEN 'needs_input' THEN 'people' WHEN 'needs_auth' THEN 'people' END,
           greatest(CAST(extract(epoch FROM at - began) AS float8), 0)
    FROM (SELECT *, lag(at) OVER (PARTITION BY task_id ORDER BY id) AS began FROM task_events
          WHERE from_state IS DISTINCT FROM to_state) AS moves
    WHERE to_state IS NOT NULL AND from_state IN ('queued', 'running', 'pending_approval', 'needs_input', 'needs_auth')
    """
)
STAYS = text("SELECT minute, kind, stage, buckets, counts FROM task_stays WHERE span = 1 AND owner_id IS NULL")


async def live(database: Database, rng: random.Random, tasks: int, moves: int) -> None:
    """Random lives along the table of transitions, of two owners and of nobody."""
    owners = [(await principal(database, f"{name}@example.org")).id for name in ("ann", "bob")]
    kinds = {"test.nothing": {}, "test.steps": {"name": "x"}}
    ids = []
    for _ in range(tasks):
        kind, queue, owner = rng.choice(list(kinds)), rng.choice(["default", "other"]), rng.choice([*owners, None])
        ids.append(await make_task(database, kind=kind, queue=queue, owner_id=owner, payload=kinds[kind]))
    state = dict.fromkeys(ids, TaskState.QUEUED)
    ways = [(source, target) for source, target, _ in TASK_MACHINE.edges() if source is not None]
    for _ in range(moves):
        async with database.write("system") as session:
            for task in rng.sample(ids, 3):  # several of one transaction
                targets = sorted({target for source, target in ways if source is state[task] and target is not source})
                if targets and rng.random() < 0.9:
                    state[task] = rng.choice(targets)
                    values = {"state": state[task].value, "finished": state[task] in FINISHED, "ids": [task]}
                    await session.execute(_SET, values)
                else:
                    await session.execute(
                        text("UPDATE tasks SET priority = (priority + 1) % 1000 WHERE id = :id"), {"id": task}
                    )


async def rows_of(database: Database, query: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    async with database.read() as session:
        return {tuple(row[:6]): tuple(row[6:]) for row in await session.execute(query)}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_folded_equals_a_recount_of_random_lives(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    await live(database, rng, 30, 150)
    await backdate(database)
    await fold_all(database)
    folded = await rows_of(database, FOLDED)
    assert folded == await rows_of(database, RECOUNT)
    assert len({key[2] for key in folded if key[1] == 1}) > 10, "spread over many minutes"
    assert sum(row[2] for row in folded.values()) > 0


async def test_the_histograms_have_every_stay_in_its_bucket(database: Database) -> None:
    await live(database, random.Random(8), 30, 150)
    await backdate(database)
    await fold_all(database)
    async with database.read() as session:
        folded = {tuple(row[:3]): dict(zip(row[3], row[4], strict=True)) for row in await session.execute(STAYS)}
        wanted: dict[tuple[Any, ...], histograms.Histogram] = {}
        for *key, seconds in await session.execute(TOOK):
            histograms.add(wanted.setdefault(tuple(key), {}), [(bucket_of(seconds), 1)])
    assert folded == wanted


def bucket_of(seconds: float) -> int:
    return next(i for i in range(histograms.LAST + 1) if seconds * 1000 <= 2 ** (i / histograms.PER_DOUBLING))


async def test_events_that_end_in_different_windows_than_they_began_are_counted_with_their_whole_stay(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "MOST", 7)
    await live(database, random.Random(4), 20, 60)
    await fold_all(database)
    for _ in range(60):  # what is left below half a window waits for the next beat
        async with database.write("system") as session:
            await rollups.fold(session, TIMED)
    assert await rows_of(database, FOLDED) == await rows_of(database, RECOUNT)


async def test_an_older_transaction_that_moves_a_task_later_finds_the_move_before(database: Database) -> None:
    task = await make_task(database)
    async with database.write("system") as old:
        await old.execute(text("SELECT pg_current_xact_id()"))
        async with database.write("system") as young:
            await young.execute(_SET, {"state": "running", "finished": False, "ids": [task]})
        await old.execute(_SET, {"state": "succeeded", "finished": True, "ids": [task]})
    await fold_all(database)
    async with database.read() as session:
        rows = list(
            await session.execute(
                text(
                    "SELECT stage, n FROM task_stays, unnest(counts) AS n WHERE n > 0 AND span = 1 AND owner_id IS NULL"
                )
            )
        )
    assert sorted(rows) == [("queue", 1), ("work", 1)]
    assert await rows_of(database, FOLDED) == await rows_of(database, RECOUNT)


async def test_two_sweepers_at_once_count_each_event_once(database: Database) -> None:
    stop = asyncio.Event()
    rng = random.Random(5)

    async def sweep() -> None:
        while not stop.is_set():
            async with database.write("system") as session:
                await rollups.fold(session, TIMED)

    sweepers = [asyncio.create_task(sweep()) for _ in range(2)]
    await live(database, rng, 20, 100)
    stop.set()
    await asyncio.gather(*sweepers)
    await fold_all(database)
    assert await rows_of(database, FOLDED) == await rows_of(database, RECOUNT)


async def test_a_fold_that_is_rolled_back_happens_again_and_counts_nothing_twice(database: Database) -> None:
    await make_task(database, TaskState.SUCCEEDED)
    await all_final(database)

    class Killed(Exception):
        pass

    with pytest.raises(Killed):
        async with database.write("system") as session:
            await rollups.fold(session, TIMED)
            raise Killed
    assert await rows_of(database, FOLDED) == {}
    await fold_all(database)
    await fold_all(database)
    assert await rows_of(database, FOLDED) == await rows_of(database, RECOUNT)


def test_percentiles_are_within_their_bucket_s_error() -> None:
    rng = random.Random(6)
    for _ in range(200):
        values = sorted(
            rng.lognormvariate(rng.uniform(-6, 10), rng.uniform(0.1, 3)) for _ in range(rng.randint(1, 300))
        )
        counts: histograms.Histogram = {}
        for value in values:
            histograms.add(counts, [(bucket_of(value), 1)])
        for share in (0.5, 0.95, 1.0):
            true = values[max(0, -(-len(values) * round(share * 100) // 100) - 1)]
            told = histograms.percentile(counts, share)
            assert told is not None
            assert abs(told - true) <= max(true * histograms.ERROR * 1.000001, 0.001)


def test_there_is_no_percentile_of_nothing() -> None:
    assert histograms.percentile({}, 0.5) is None


async def test_percentiles_of_a_period_are_those_of_its_stays_within_the_error(database: Database) -> None:
    await live(database, random.Random(7), 30, 200)
    await backdate(database)
    await fold_all(database)
    async with database.read() as session:
        for stage, state in (("wait", "queued"), ("work", "running")):
            true = (
                await session.execute(
                    text(
                        """
                        SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY took) FROM (
                          SELECT greatest(CAST(extract(epoch FROM at - lag(at) OVER (PARTITION BY task_id ORDER BY id))
                                               AS float8), 0) AS took, from_state, to_state, at
                          FROM task_events WHERE from_state IS DISTINCT FROM to_state) AS q
                        WHERE from_state = :state AND to_state IS NOT NULL
                        """
                    ),
                    {"state": state},
                )
            ).scalar_one()
            found = await figures_of(session, rollups.PERIODS["week"], None, ["succeeded"], [])
            told = getattr(found.all, stage)
            for name, value in zip(("p50", "p95"), true, strict=True):
                assert abs(getattr(told, name) - value) <= max(value * histograms.ERROR * 1.000001, 0.001), stage


async def test_a_period_ends_with_the_span_that_has_just_begun_and_shows_its_owner_only(database: Database) -> None:
    ann = await principal(database, "ann@example.org")
    await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    await make_task(database, TaskState.DEAD_LETTER)
    await make_task(database, TaskState.SUCCEEDED, kind="test.steps", owner_id=ann.id, payload={"name": "mail"})
    await fold_all(database)

    async def figures(owner: UUID | None, name: str = "hour", now: datetime | None = None) -> Any:
        async with database.read() as session:
            wanted = ["succeeded", "dead_letter"]
            return await figures_of(session, rollups.PERIODS[name], owner, wanted, ["test.steps"], now=now)

    for name, period in rollups.PERIODS.items():
        found = await figures(None, name)
        assert len(found.points) == period.count
        assert [sum(point.outcomes[i] for point in found.points) for i in (0, 1)] == [1, 1] == found.all.outcomes
        assert found.internal is not None
        assert found.internal.outcomes == [1, 0], "set apart"
        age = datetime.now(UTC) - found.points[-1].at
        assert timedelta() <= age < timedelta(minutes=period.span + 1)
    assert (await figures(ann.id)).all.outcomes == [1, 0]
    assert (await figures(None, now=datetime.now(UTC) + timedelta(hours=2))).all.outcomes == [0, 0]


async def test_short_spans_are_forgotten_first(database: Database) -> None:
    await make_task(database, TaskState.SUCCEEDED)
    await fold_all(database)

    async def spans_after(age: timedelta) -> set[int]:
        async with database.write("system") as session:
            await rollups.forget_old(session, now=datetime.now(UTC) + age)
        async with database.read() as session:
            rows = await session.execute(text("SELECT span FROM task_minutes UNION ALL SELECT span FROM task_stays"))
            return set(rows.scalars())

    assert await spans_after(timedelta(hours=23)) == {1, 15, 120}
    assert await spans_after(timedelta(days=2)) == {15, 120}
    assert await spans_after(timedelta(days=8)) == {120}
    assert await spans_after(timedelta(days=91)) == set()
