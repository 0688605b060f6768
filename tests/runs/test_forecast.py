"""When a run is likely done, and what a page says of it."""

from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runs import event_consumer, pace_queries
from holdgate.runs.forecast import Pace, forecast
from holdgate.runs.service import act
from holdgate.runs.states import RunVerb
from holdgate.stats.event_consumer import next_window
from holdgate.tasks.states import TaskState
from tests.elements import texts
from tests.factories.approvals import principal
from tests.factories.people import words
from tests.factories.runs import start
from tests.factories.site import browser_of, site_of
from tests.factories.stats import all_final
from tests.factories.tasks import make_task

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - timedelta(days=1)


def test_what_is_left_takes_as_long_as_the_last_ones_took() -> None:
    cast = forecast({"queued": 30, "running": 10, "succeeded": 500}, Pace(20, NOW - 10 * MINUTE, NOW), LONG_AGO)
    assert cast.at == NOW + 20 * MINUTE
    assert (cast.ready, cast.people, cast.soon) == (40, 0, False)


def test_a_run_that_began_within_the_minute_is_measured_from_its_beginning() -> None:
    cast = forecast({"queued": 30}, Pace(30, NOW - MINUTE, NOW), NOW - timedelta(seconds=30))
    assert cast.at == NOW + timedelta(seconds=30)
    assert cast.soon


@pytest.mark.parametrize(
    ("counts", "pace"),
    [
        ({"queued": 5}, None),
        ({"queued": 5}, Pace(2, NOW - 5 * MINUTE, NOW)),  # too few
        ({"queued": 5}, Pace(50, NOW - timedelta(seconds=3), NOW)),  # too short
        ({"queued": 10**9}, Pace(3, NOW - 10 * MINUTE, NOW)),  # too far off
        ({"pending_approval": 3}, Pace(50, NOW - 5 * MINUTE, NOW)),  # people
        ({"scheduled": 2, "retrying": 1}, Pace(50, NOW - 5 * MINUTE, NOW)),  # a time
        ({"paused": 9}, Pace(50, NOW - 5 * MINUTE, NOW)),
        ({"succeeded": 9}, Pace(50, NOW - 5 * MINUTE, NOW)),
    ],
)
def test_no_time_is_named_without_anything_to_tell_it_by(counts: dict[str, int], pace: Pace | None) -> None:
    assert forecast(counts, pace, LONG_AGO).at is None


def test_what_people_and_times_hold_up_is_counted_apart() -> None:
    counts = {"queued": 4, "pending_approval": 1, "needs_input": 1, "needs_auth": 1, "retrying": 2, "paused": 5}
    cast = forecast(counts, Pace(60, NOW - MINUTE, NOW), LONG_AGO)
    assert (cast.ready, cast.people, cast.later, cast.paused) == (4, 3, 2, 5)
    assert cast.at == NOW + timedelta(seconds=4)


async def test_the_pace_is_folded_once_from_what_left_the_workers_and_forgotten_after_a_while(
    database: Database, settings: Settings, redis: Redis
) -> None:
    ann = await principal(database)
    run_id = await start(database, ann, 2)
    # Three go to their end and one to people; one is tried again, two are still ready, one was never worked on.
    states = [TaskState.SUCCEEDED] * 3 + [TaskState.PENDING_APPROVAL, TaskState.RETRYING, TaskState.CANCELLED]
    for state in states:
        await make_task(database, state, run_id=run_id)
    await all_final(database)
    for _ in range(2):
        async with database.write("system") as session:
            await event_consumer.follow_log(session)
    async with database.read() as session:
        pace = (await pace_queries.paces_of(session, [run_id]))[run_id]
        assert pace.n == 4
        assert pace.since.second == 0
        assert timedelta() <= pace.now - pace.since < 2 * MINUTE
        later = pace.now + timedelta(minutes=11)
        assert await pace_queries.paces_of(session, [run_id], now=later) == {}
    async with database.write("system") as session:
        window = await next_window(session, event_consumer.FOLLOWER)
        assert window is None, "all of it was read"
    await start(database, ann, 1)
    await all_final(database)
    async with database.write("system") as session:
        await event_consumer.follow_log(session, now=pace.now + timedelta(hours=1))
        assert await session.scalar(text("SELECT count(*) FROM run_minutes")) == 0


async def test_the_pages_say_when_it_is_likely_done_whom_it_waits_for_and_what_pausing_holds_back(
    database: Database, settings: Settings, redis: Redis
) -> None:
    ann = await principal(database, "ann@example.org")
    root = await principal(database, "root@example.org", admin=True)
    run_id = await start(database, ann, 12)
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE runs SET created_at = now() - interval '1 hour' WHERE id = :id"), {"id": run_id}
        )
        await session.execute(
            text("INSERT INTO run_minutes VALUES (:id, date_trunc('minute', now()) - interval '5 minutes', 3)"),
            {"id": run_id},
        )
    async with site_of(settings, database, redis) as transport:
        async with browser_of(transport, ann) as browser:
            for path in ("/runs", f"/runs/{run_id}"):
                page = await browser.get(path)
                assert texts(page, data_done_by=True)
                assert f"by {ann.email}" not in words(page)
            async with database.write(ann.actor) as session:
                await act(session, ann, run_id, RunVerb.PAUSE)
            assert "12" in texts(await browser.get(f"/runs/{run_id}"), data_paused=True)[0].split()
        async with browser_of(transport, root) as browser:
            assert ann.email in words(await browser.get("/runs"))
            assert f"by {ann.email}" in words(await browser.get(f"/runs/{run_id}"))
