"""What open pages are told: each change once, only one's own, by one query however many listen."""

import asyncio
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import event, text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import TooMany
from holdgate.core.ids import uuid7
from holdgate.stats import live
from holdgate.stats.live import EVERYTHING, STREAMS, Changes, Inbox, LiveChange
from tests.factories.approvals import principal
from tests.factories.people import PEOPLE
from tests.factories.site import served
from tests.factories.tasks import make_task
from tests.factories.workers import until

TICK = 0.05


async def told(inbox: Inbox) -> LiveChange:
    async with asyncio.timeout(5):
        change = await inbox.get()
    assert change is not None
    return change


@pytest.fixture
async def changes(database: Database):  # type: ignore[no-untyped-def]
    made = Changes(database, interval=TICK)
    yield made
    await made.stop()


async def looked(database: Database, looks: int = 2) -> None:
    """The watch has looked so often."""
    seen = 0

    def count(_connection, _cursor, statement: str, *_rest: object) -> None:  # type: ignore[no-untyped-def]
        nonlocal seen
        seen += "pg_current_snapshot" in statement

    async def enough() -> bool:
        return seen >= looks

    event.listen(database.engine.sync_engine, "after_cursor_execute", count)
    try:
        await until(enough)
    finally:
        event.remove(database.engine.sync_engine, "after_cursor_execute", count)


async def test_everybody_hears_of_their_own_tasks_and_administrators_of_all(
    database: Database, changes: Changes
) -> None:
    ann, bob = await principal(database, "ann@example.org"), await principal(database, "bob@example.org")
    async with changes.listening(ann.id) as hers, changes.listening(bob.id) as his, changes.listening(None) as every:
        await looked(database)
        task = await make_task(database, owner_id=ann.id)
        assert (await told(hers)).tasks == (str(task),)
        assert (await told(every)).tasks == (str(task),)
        await looked(database)
        assert his.empty()
        assert hers.empty(), "each change is told once"


async def test_what_commits_late_is_told_though_its_transaction_began_early(
    database: Database, changes: Changes
) -> None:
    async with changes.listening(None) as inbox:
        await looked(database)
        late = await make_task(database)
        await told(inbox)
        async with database.write("system") as slow:
            await slow.execute(
                text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE id = :id"), {"id": late}
            )
            await make_task(database)
            await told(inbox)
            await looked(database)
            assert inbox.empty()
        assert late and (await told(inbox)).tasks == (str(late),)


async def test_more_than_can_be_named_is_everything(database: Database, changes: Changes) -> None:
    async with changes.listening(None) as inbox:
        await looked(database)
        await make_tasks(database, 60)
        assert (await told(inbox)).tasks is None
        await looked(database)
        await make_tasks(database, 1100)
        assert await told(inbox) == EVERYTHING


async def make_tasks(database: Database, number: int) -> None:
    from holdgate.tasks.service import TaskRequest, enqueue_many

    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * number)


async def test_messages_nobody_takes_become_one(database: Database, changes: Changes) -> None:
    async with changes.listening(None) as inbox:
        await looked(database)
        first = await make_task(database)
        await looked(database)
        second = await make_task(database)
        await looked(database)
        assert (await told(inbox)).tasks == tuple(sorted((str(first), str(second))))
        assert inbox.empty()


async def test_a_hundred_listeners_cost_one_statement_a_look_and_none_costs_nothing(
    database: Database, changes: Changes
) -> None:
    statements: list[str] = []

    def count(_connection, _cursor, statement: str, *_rest: object) -> None:  # type: ignore[no-untyped-def]
        statements.append(statement)

    async with AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(changes.listening(None))
        await looked(database)
        event.listen(database.engine.sync_engine, "before_cursor_execute", count)
        began = asyncio.get_running_loop().time()
        await looked(database, 10)
        passed = asyncio.get_running_loop().time() - began
        event.remove(database.engine.sync_engine, "before_cursor_execute", count)
        assert len(statements) <= passed / TICK + 1
    assert changes._watch is not None
    async with asyncio.timeout(5):
        await changes._watch


async def test_the_watch_outlives_a_database_that_cuts_its_connections(database: Database, changes: Changes) -> None:
    async with changes.listening(None) as inbox:
        await looked(database)
        async with database.engine.connect() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await database.engine.dispose()
        task = await make_task(database)
        assert (await told(inbox)).tasks == (str(task),)


async def test_the_stream_is_for_people_who_are_signed_in_and_says_what_changed(
    settings: Settings, database: Database, redis: Redis
) -> None:
    ann = await principal(database, "ann@example.org")
    PEOPLE[ann.email] = ann
    async with served(settings, database, redis) as site, httpx.AsyncClient(base_url=site.base) as client:
        assert (await client.get("/events")).status_code == 303
        async with client.stream("GET", "/events", headers={"X-Test-User": ann.email}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await looked(database)
            task = await make_task(database, owner_id=ann.id)
            async with asyncio.timeout(5):
                async for line in lines:
                    if line.startswith("data:"):
                        assert str(task) in line
                        break


async def test_one_person_cannot_take_all_streams(database: Database) -> None:
    changes = Changes(database)
    ann, bob = uuid7(), uuid7()
    with ExitStack() as held:
        for _ in range(STREAMS):
            changes.streams.admit(ann)
            held.enter_context(changes.streams.one_more(ann))
        with pytest.raises(TooMany):
            changes.streams.admit(ann)
        changes.streams.admit(bob)
    changes.streams.admit(ann)


async def test_a_live_page_takes_a_stream_of_its_person(
    settings: Settings, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS", 1)
    ann = await principal(database, "ann@example.org")
    PEOPLE[ann.email] = ann
    who = {"X-Test-User": ann.email}
    async with (
        served(settings, database, redis) as site,
        httpx.AsyncClient(base_url=site.base) as client,
        client.stream("GET", "/events", headers=who) as answer,
    ):
        assert await anext(answer.aiter_lines()) == "retry: 2000"
        refused = await client.get("/events", headers=who)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
