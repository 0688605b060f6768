"""Enqueueing in other programs' transactions, by the function of the database that is the contract with them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from holdgate import Context, TaskRequest, enqueue_many, kind
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.kinds.sample_task import SampleTask
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.runtime.doorbell import listen_to_database
from holdgate.tasks.kinds import find_kind
from tests.docs.pages import blocks
from tests.runtime.kinds import Named
from tests.servers import Servers

PAYLOAD = Named("x")


@pytest.fixture
def dsn(servers: Servers) -> str:
    return servers.database_url.replace("+asyncpg", "")


async def rows(database: Database, what: str = "count(*)") -> Any:
    async with database.read() as session:
        return (await session.execute(text(f"SELECT {what} FROM tasks"))).all()


def with_session(url: str, commit: bool) -> UUID:
    with Session(create_engine(url)) as session:
        made = find_kind("test.steps").enqueue(session, PAYLOAD)
        session.commit() if commit else session.rollback()
        return made


def with_connection(url: str, commit: bool) -> UUID:
    with create_engine(url).connect() as connection:
        made = find_kind("test.steps").enqueue(connection, PAYLOAD)
        connection.commit() if commit else connection.rollback()
        return made


def with_psycopg(dsn: str, commit: bool) -> UUID:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        made = find_kind("test.steps").enqueue(connection, PAYLOAD)
        connection.commit() if commit else connection.rollback()
        return made


async def with_async_session(url: str, commit: bool) -> UUID:
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        made = await find_kind("test.steps").enqueue(session, PAYLOAD)
        await (session.commit() if commit else session.rollback())
    await engine.dispose()
    return made


async def with_async_connection(url: str, commit: bool) -> UUID:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        made = await find_kind("test.steps").enqueue(connection, PAYLOAD)
        await (connection.commit() if commit else connection.rollback())
    await engine.dispose()
    return made


async def with_asyncpg(dsn: str, commit: bool) -> UUID:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool, pool.acquire() as connection:
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        around = connection.transaction()
        await around.start()
        made: UUID = await find_kind("test.steps").enqueue(connection, PAYLOAD)
        await (around.commit() if commit else around.rollback())
        return made


async def with_psycopg_async(dsn: str, commit: bool) -> UUID:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        made = await find_kind("test.steps").enqueue(connection, PAYLOAD)
        await (connection.commit() if commit else connection.rollback())
        return made


WAYS = [
    (with_session, "postgresql+psycopg"),
    (with_connection, "postgresql+psycopg"),
    (with_psycopg, "postgresql"),
    (with_async_session, "postgresql+asyncpg"),
    (with_async_session, "postgresql+psycopg"),
    (with_async_connection, "postgresql+asyncpg"),
    (with_asyncpg, "postgresql"),
    (with_psycopg_async, "postgresql"),
]


@pytest.mark.parametrize(("way", "driver"), WAYS, ids=[f"{way.__name__}-{driver}" for way, driver in WAYS])
async def test_a_task_exists_if_and_only_if_the_callers_transaction_commits(
    way: Callable[..., Any], driver: str, dsn: str, database: Database
) -> None:
    url = dsn.replace("postgresql", driver, 1)
    for commit in (False, True):
        made = way(url, commit)
        if asyncio.iscoroutine(made):
            made = await made
        assert [row.id for row in await rows(database, "id")] == ([made] if commit else [])


async def test_a_place_that_is_none_is_named() -> None:
    nothing: Any = object()
    with pytest.raises(TypeError, match=r"SQLAlchemy Session.*not in <object"):
        find_kind("test.steps").enqueue(nothing, PAYLOAD)


async def test_the_function_and_our_own_statement_make_the_same_rows_and_events(dsn: str, database: Database) -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    async with database.write("system") as session:
        await session.execute(
            text("INSERT INTO users (id, email) VALUES (:id, 'ann@example.org')"), {"id": (owner := UUID(int=7))}
        )
        for number, state in ((1, "active"), (2, "paused")):
            await session.execute(
                text("INSERT INTO runs (id, owner_id, name, state) VALUES (:id, :owner, 'R', :state)"),
                {"id": UUID(int=number), "owner": owner, "state": state},
            )
    wished = [
        TaskRequest(kind="test.steps", payload=PAYLOAD),
        TaskRequest(kind="test.steps", payload=PAYLOAD, title="T", queue="mail", priority=900, max_attempts=9),
        TaskRequest(kind="test.steps", payload=PAYLOAD, owner_id=owner, run_at=later, deadline=later),
        TaskRequest(kind="test.steps", payload=PAYLOAD, owner_id=owner, run_id=UUID(int=1), subject="s"),
        TaskRequest(kind="test.steps", payload=PAYLOAD),
    ]
    columns = (
        "kind, payload, queue, priority, max_attempts, title, run_id, owner_id, run_at, deadline_at, state, limited,"
        " rank() OVER (ORDER BY queue, priority, coalesce(run_id, owner_id), position), reason, attempt, subject"
    )
    events = text(
        "SELECT task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, attempt, reason, data"
        " FROM task_events"
    )
    found = []
    for elsewhere in (False, True):
        async with database.write("system") as session:
            await session.execute(text("DELETE FROM tasks"))
            await session.execute(text("DELETE FROM task_log"))
        if elsewhere:
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                ids = await enqueue_many(connection, wished)
        else:
            async with database.write("system") as session:
                ids = await enqueue_many(session, wished)
        assert ids == sorted(ids)  # lists sort by them
        made = {row.id: row for row in await rows(database, f"id, {columns}")}
        async with database.read() as session:
            told = {row.task_id: row[1:] for row in await session.execute(events)}
        found.append([(made[each][1:], told[each]) for each in ids])
    assert found[0] == found[1]
    paused = TaskRequest(kind="test.steps", payload=PAYLOAD, run_id=UUID(int=2))
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await enqueue_many(connection, [paused])
    assert ("paused", owner) in [tuple(row) for row in await rows(database, "state, owner_id")]


ONE = {"kind": "test.steps", "payload": {"name": "x"}}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({}, "takes an array"),
        ([ONE, 1], r"tasks\[1\]\.Use an object"),
        ([{"payload": {}}], r"tasks\[0\]\.kind"),
        ([{**ONE, "kind": "a b"}], "kind: Use the name"),
        ([{**ONE, "payload": []}], "payload: Use an object"),
        ([{**ONE, "payload": {"a": "x" * 5_000_000}}], "longer than 4 MB"),
        ([{**ONE, "payload": {"a": [0] * 10_000}}], "more than 10,000 values"),
        ([{**ONE, "priority": 1001}], "priority: Use a whole number"),
        ([{**ONE, "priority": 1.5}], "priority"),
        ([{**ONE, "max_attempts": 0}], "max_attempts"),
        ([{**ONE, "queue": "Mail"}], "queue: Use small letters"),
        ([{**ONE, "run_at": "2026-11-29T08:00:00"}], "run_at: Use a time with its offset"),
        ([{**ONE, "unique_for": 5}], "unique_for: Use seconds"),
        ([{**ONE, "unique": ""}], "unique"),
        ([{**ONE, "owner": "nobody@example.org"}], "owner: No such user"),
        ([{**ONE, "run": str(UUID(int=5))}], "run: There is no such run"),
        ([{**ONE, "prio": 5}], "prio: There is no such field"),
    ],
)
async def test_what_the_queue_cannot_hold_is_refused_by_the_function(
    tasks: Any, said: str, dsn: str, database: Database
) -> None:
    connection = await asyncpg.connect(dsn)
    with pytest.raises(asyncpg.InvalidParameterValueError, match=said):
        await connection.fetch("SELECT * FROM holdgate.enqueue_many($1::text::jsonb)", json.dumps(tasks))
    await connection.close()


async def test_depth_is_measured_as_everywhere(dsn: str, database: Database) -> None:
    connection = await asyncpg.connect(dsn)
    call = "SELECT * FROM holdgate.enqueue_many($1::text::jsonb)"

    def deep(levels: int) -> str:
        payload: Any = 1
        for _ in range(levels):
            payload = {"a": payload}
        return json.dumps([{**ONE, "payload": payload}])

    await connection.fetch(call, deep(64))
    with pytest.raises(asyncpg.InvalidParameterValueError, match="deeper than 64"):
        await connection.fetch(call, deep(65))
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="knows version 1 of enqueue_many, not version 2"):
        await connection.fetch("SELECT * FROM holdgate.enqueue_many('[]', 2)")
    await connection.close()


async def test_a_refusal_is_told_as_checks_in_python_are(dsn: str, database: Database) -> None:
    ask = find_kind("test.steps")
    engine = create_async_engine(dsn.replace("postgresql", "postgresql+asyncpg", 1))
    async with engine.connect() as connection:
        with pytest.raises(Invalid) as refused:
            await ask.enqueue(connection, PAYLOAD, owner="nobody@example.org")
    await engine.dispose()
    assert refused.value.fields == {"owner": "No such user."}
    with psycopg.connect(dsn) as sync, pytest.raises(Invalid, match="no such run"):
        ask.enqueue(sync, PAYLOAD, run=UUID(int=9))
    async with database.write("system") as session:
        with pytest.raises(Invalid, match="No such user"):
            await ask.enqueue(session, PAYLOAD, owner="nobody@example.org")


async def test_the_statements_of_the_page_run_as_they_stand(dsn: str, database: Database) -> None:
    enqueueing, granting = [each.text for each in blocks() if each.page == "docs/enqueue.md" and each.language == "sql"]
    connection = await asyncpg.connect(dsn)
    for _ in range(2):
        await connection.execute(enqueueing)
    await connection.execute(granting)
    await connection.execute("DROP OWNED BY shop; DROP ROLE shop")
    await connection.close()
    found = await rows(database, "title, priority, state")
    assert sorted(map(tuple, found)) == [("", 900, "scheduled"), ("", 900, "scheduled"), ("From psql", 50, "queued")]


@pytest.fixture
async def clerk(dsn: str, database: Database, worker_id: str) -> AsyncIterator[asyncpg.Connection]:
    """A role that may call the function, and nothing else."""
    name = f"clerk_{worker_id}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA holdgate TO {name}")
    connection = await asyncpg.connect(dsn, user=name, password="x")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT * FROM holdgate.enqueue_many('[]')")
    await admin.execute(f"GRANT EXECUTE ON FUNCTION holdgate.enqueue_many TO {name}")
    yield connection
    await connection.close()
    await admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await admin.close()


async def test_a_role_with_the_right_to_call_it_can_enqueue_and_nothing_else(
    clerk: asyncpg.Connection, database: Database, worker_id: str
) -> None:
    # What stands in for our tables must not be written with our rights, nor in another's name.
    await clerk.execute("CREATE TEMP TABLE tasks (LIKE pg_class); CREATE TEMP TABLE task_keys (key text)")
    await clerk.execute("CREATE TEMP TABLE kind_limits (kind text); CREATE TEMP TABLE task_log (id int)")
    await clerk.execute("CREATE TEMP TABLE lanes (id int); CREATE TEMP TABLE actors (id int, name text)")
    await clerk.execute("SET holdgate.actor = 'user:root@example.org'")
    made = await find_kind("test.steps").enqueue(clerk, PAYLOAD, unique="once")
    assert [row.id for row in await rows(database, "id")] == [made]
    async with database.read() as session:
        assert (await session.execute(text("SELECT actor FROM task_events"))).scalars().all() == [
            f"role:clerk_{worker_id}"
        ]
    for statement in (
        "SELECT * FROM holdgate.tasks",
        "INSERT INTO holdgate.tasks (id, kind, queue) VALUES (gen_random_uuid(), 'k', 'q')",
        "DELETE FROM holdgate.task_keys",
        "UPDATE holdgate.users SET role = 'admin'",
        "CREATE TABLE holdgate.mine (id int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await clerk.execute(statement)


@asynccontextmanager
async def transaction(dsn: str) -> AsyncIterator[tuple[asyncpg.Connection, Any]]:
    connection = await asyncpg.connect(dsn)
    around = connection.transaction()
    await around.start()
    yield connection, around
    await connection.close()


@pytest.mark.parametrize("commits", [True, False])
async def test_two_at_once_make_one_task(commits: bool, dsn: str, database: Database) -> None:
    ask = find_kind("test.steps")
    async with transaction(dsn) as (first, one), transaction(dsn) as (second, two):
        made = await ask.enqueue(first, PAYLOAD, unique="order:A7")
        waiting = asyncio.create_task(ask.enqueue(second, PAYLOAD, unique="order:A7"))
        waits = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'")
        async with database.read_one() as session:
            while not await session.scalar(waits, {"pid": second.get_server_pid()}):
                await asyncio.sleep(0.005)
        await (one.commit() if commits else one.rollback())
        found = await waiting
        await two.commit()
    assert (found == made) is commits
    assert [row.id for row in await rows(database, "id")] == [found]


async def test_a_unique_task_is_one_of_its_kind_and_owner_for_its_time(dsn: str, database: Database) -> None:
    ask, other = find_kind("test.steps"), find_kind("test.asks")
    hour = timedelta(hours=1)
    async with database.write("system") as session:
        await session.execute(text("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ann@example.org')"))
        first = await ask.enqueue(session, PAYLOAD, unique="A7", unique_for=hour)
        same = TaskRequest(kind="test.steps", payload=PAYLOAD, unique="A7")
        batch = TaskRequest(kind="test.steps", payload=PAYLOAD, unique="B", title="first")
        again, *twice = await enqueue_many(session, [same, batch, msgspec.structs.replace(batch, title="second")])
        others = [
            await ask.enqueue(session, PAYLOAD, unique="A7", owner="ANN@example.org"),
            await other.enqueue(session, PAYLOAD, unique="A7"),
        ]
    assert again == first and twice[0] == twice[1] and len({first, *twice, *others}) == 4
    assert len(await rows(database, "id")) == 4
    async with database.write("system") as session:
        await session.execute(text("UPDATE task_keys SET expires_at = now() WHERE expires_at IS NOT NULL"))
    async with database.write("system") as session:
        fresh = await ask.enqueue(session, PAYLOAD, unique="A7")
        assert fresh != first
        await session.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": fresh})
    async with database.write("system") as session:  # what was deleted is not there any more
        assert await ask.enqueue(session, PAYLOAD, unique="A7") not in (first, fresh)


BEGAN: list[float] = []


@kind("test.woken")
async def woken(ctx: Context, payload: Named) -> None:
    BEGAN.append(time.perf_counter())


async def slowest_but_one_of_twenty(dsn: str) -> float:
    """Seconds from a commit to the first line of the handler."""
    took = []
    for _ in range(20):
        BEGAN.clear()
        async with transaction(dsn) as (connection, around):
            await woken.enqueue(connection, PAYLOAD)
            committing = time.perf_counter()
            await around.commit()
        while not BEGAN:
            await asyncio.sleep(0.001)
        took.append(BEGAN[0] - committing)
    return sorted(took)[-2]


async def test_a_commit_elsewhere_wakes_an_idle_worker_within_50_ms(
    dsn: str, database: Database, settings: Settings
) -> None:
    never = msgspec.structs.replace(settings, poll_interval=timedelta(hours=1))
    dispatcher = Dispatcher(database, never)
    heard: list[frozenset[str]] = []

    def hear(topics: frozenset[str]) -> None:
        heard.append(topics)
        dispatcher.hear(topics)

    jobs = [
        asyncio.create_task(dispatcher.run()),
        asyncio.create_task(listen_to_database(database, "holdgate", hear)),
    ]
    try:
        async with asyncio.timeout(30):
            while frozenset() not in heard:
                await asyncio.sleep(0.01)
            async with transaction(dsn) as (connection, around):
                await find_kind("sample.task").enqueue(connection, SampleTask())
                await around.commit()
            while [row.state for row in await rows(database, "state")] != ["succeeded"]:
                await asyncio.sleep(0.01)
        assert heard == [frozenset(), frozenset({"queue:default"})]
        async with asyncio.timeout(60):  # on a busy machine it may need another try
            while await slowest_but_one_of_twenty(dsn) > 0.05:
                pass
    finally:
        await dispatcher.drain()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
