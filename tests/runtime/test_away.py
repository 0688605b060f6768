"""A PostgreSQL that is restarted, or is out of places, while handlers work: no attempt is used up."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import TextClause, text

import holdgate.kinds.email_send  # noqa: F401
from holdgate.core import db
from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.postgres.connections import Away
from holdgate.core.postgres.direct import Direct
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.tasks.kinds import kind
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.workers import until, until_state, verbs_of, working
from tests.runtime.kinds import QUICK, Named, gates, ran
from tests.servers import Servers
from tests.silence import Way, way_to


async def much() -> str:
    """More than a claim brings along, so that the next attempt looks it up."""
    return token_hex(100_000)


@kind("test.away", backoff=QUICK, max_attempts=2)
async def away(ctx: Context, payload: Named) -> str:
    """Does one thing in the database when its gate opens."""
    what = payload.name
    if what == "steps" and ctx.attempt == 1:
        await ctx.step("before", much)
        raise RuntimeError("so that there is a second attempt, which looks up the first one's steps")
    ran[what] += 1
    await gates[what].wait()
    match what:
        case "approval":
            await ctx.approval("ask", title="May it?", show={"A": "b"}, recipients=("ann@example.org",))
        case "input":
            await ctx.ask("ask", title="Which?", fields=[])
        case "sign-in":
            await ctx.sign_in("ask", title="Sign in", url="http://127.0.0.1")
        case "sleep":
            await ctx.sleep("nap", timedelta(hours=1))
        case "progress":
            await ctx.progress(1, 1)
        case "artifact":
            await ctx.artifact("a.txt", b"kept", "text/plain")
        case "steps":
            await ctx.step("before", much)
        case _:
            await ctx.transact("write", note)
    return "done"


async def note(session: WriteSession) -> None:
    await session.execute(text("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'once@example.org')"))


ENDS = {
    "approval": "pending_approval",
    "input": "needs_input",
    "sign-in": "needs_auth",
    "sleep": "scheduled",
    "progress": "succeeded",
    "artifact": "succeeded",
    "steps": "succeeded",
    "transact": "succeeded",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Mails are only counted."""
    return msgspec.structs.replace(settings, queues=(("default", 5),))


@pytest.fixture
async def way(servers: Servers) -> AsyncIterator[tuple[Way, Database]]:
    """Handlers' connections through it; the worker's own go straight."""
    with way_to(servers.database_url) as (path, url):
        handlers = Database(url, name="handlers", pool_size=4, patient=True)
        yield path, handlers
        await handlers.dispose()


async def put(database: Database, what: str) -> UUID:
    gates.pop(what, None)
    ran[what] = 0
    async with database.write("system") as session:
        owner = uuid4()  # whom questions go to
        await session.execute(text("INSERT INTO users (id, email) VALUES (:id, 'ada@example.org')"), {"id": owner})
        return await enqueue(session, TaskRequest(kind="test.away", payload={"name": what}, owner_id=owner))


@pytest.mark.parametrize("what", ENDS)
async def test_a_restart_uses_up_no_attempt(
    database: Database, settings: Settings, way: tuple[Way, Database], what: str
) -> None:
    path, handlers = way
    task_id = await put(database, what)
    async with working(database, settings, handlers=handlers) as dispatcher:
        await waits_at_its_gate(dispatcher, what)
        path.refuse(True)
        taken = path.taken
        gates[what].set()
        await until(lambda: is_so(path.taken >= taken + 2))
        path.refuse(False)
        task = await until_state(database, task_id, *set(ENDS.values()), "dead_letter")
    assert (task.state, task.failures) == (ENDS[what], int(what == "steps"))


@pytest.mark.parametrize("what", ["approval", "input", "sign-in", "sleep", "artifact", "transact"])
async def test_what_was_committed_although_its_answer_was_lost_is_not_done_twice(
    database: Database, settings: Settings, way: tuple[Way, Database], what: str
) -> None:
    path, handlers = way
    task_id = await put(database, what)
    async with working(database, settings, handlers=handlers) as dispatcher:
        await waits_at_its_gate(dispatcher, what)
        path.lose_next_commit()
        gates[what].set()
        task = await until_state(database, task_id, *set(ENDS.values()), "dead_letter")
        await until(lambda: is_so(not dispatcher.in_hand))
    assert (task.state, task.failures, task.attempt) == (ENDS[what], 0, 1)
    async with database.read() as session:
        counts = {
            table: await session.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("approvals", "artifacts", "users")
        }
        mails = await session.scalar(text("SELECT count(*) FROM tasks WHERE kind = 'email.send'"))
        verbs = await verbs_of(database, task_id)
    assert counts["approvals"] == int(what in ("approval", "input", "sign-in"))
    assert mails == int(what in ("approval", "input", "sign-in"))
    assert (counts["artifacts"], counts["users"]) == (int(what == "artifact"), 1 + int(what == "transact"))
    if what == "artifact":
        assert [one.read_bytes() for one in settings.data_dir.glob("artifacts/*/*")] == [b"kept"]
    assert len(verbs) == 3, verbs


async def test_a_claim_whose_answer_was_lost_is_read_again_and_costs_no_lease(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Direct.execute
    lost: list[list[Any]] = []

    async def losing(self: Direct, clause: TextClause, values: Mapping[str, Any]) -> list[Any]:
        rows = await real(self, clause, values)
        if rows and not lost and "limit" in values:
            lost.append(rows)
            raise Away("PostgreSQL has not answered in time.")
        return rows

    monkeypatch.setattr(Direct, "execute", losing)
    task_id = await put(database, "progress")
    gates["progress"].set()
    async with working(database, settings):
        task = await until_state(database, task_id, "succeeded")
    assert len(lost) == 1
    assert (task.attempt, task.lease_losses) == (1, 0)


async def waits_at_its_gate(dispatcher: Dispatcher, what: str) -> None:
    await until(lambda: is_so(ran[what] == 1))


async def is_so(it: bool) -> bool:
    return it


@kind("test.takes-a-place", max_attempts=1)
async def takes_a_place(ctx: Context, payload: Named) -> None:
    async with ctx.database.write("tests") as session:
        await session.execute(text("SELECT pg_sleep(0.1)"))


async def test_to_wait_for_a_connection_is_no_failure_and_takes_none_from_the_leases(
    database: Database, settings: Settings, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "PLACE_SECONDS", 0.3)
    handlers = Database(servers.database_url, name="handlers", pool_size=2, patient=True)
    async with database.write("system") as session:
        ids = [
            await enqueue(session, TaskRequest(kind="test.takes-a-place", payload={"name": str(n)})) for n in range(20)
        ]
    async with working(database, settings, handlers=handlers):
        began = time.monotonic()
        for task_id in ids:
            task = await until_state(database, task_id, "succeeded", "dead_letter")
            assert (task.state, task.failures) == ("succeeded", 0), task.reason
        assert time.monotonic() - began > 0.9, "they took turns"
    assert handlers.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await handlers.dispose()


async def test_progress_does_not_keep_the_work_waiting(
    database: Database, settings: Settings, way: tuple[Way, Database]
) -> None:
    path, handlers = way
    task_id = await put(database, "progress")
    async with working(database, settings, handlers=handlers) as dispatcher:
        await waits_at_its_gate(dispatcher, "progress")
        path.refuse(True)
        gates["progress"].set()
        async with asyncio.timeout(10):
            task = await until_state(database, task_id, "succeeded", "dead_letter")
    assert (task.state, task.failures) == ("succeeded", 0)
