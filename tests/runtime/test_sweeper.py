"""The sweeper: one at a time, over all workers."""

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.postgres.connections import connection_string
from holdgate.core.upkeep import Round, Upkeep
from holdgate.feature import parts
from holdgate.runtime import sweeper, workers
from holdgate.runtime.sweeper import LOCK, Sweeper
from holdgate.runtime.workers import NAME
from tests.factories.workers import until
from tests.servers import Servers


async def test_two_sweepers_never_do_a_beat_at_the_same_time(database: Database, settings: Settings) -> None:
    one, two = Sweeper(database, settings), Sweeper(database, settings)
    entered, leave = asyncio.Event(), asyncio.Event()
    beats: list[str] = []

    async def slow(_session: WriteSession, _round: Round) -> bool:
        beats.append("slow")
        entered.set()
        await leave.wait()
        return True

    async def other(_session: WriteSession, _round: Round) -> bool:
        beats.append("other")
        return True

    first = asyncio.create_task(one._once(Upkeep("slow", 1, slow)))
    await asyncio.wait_for(entered.wait(), 10)
    assert await two._once(Upkeep("other", 1, other)) is False, "it neither does it nor waits for it"
    assert two.age() is None
    leave.set()
    assert await first is True
    assert await two._once(Upkeep("other", 1, other)) is True
    assert beats == ["slow", "other"]
    assert two.age() is not None


async def test_a_web_server_that_was_killed_in_the_middle_of_a_statement_keeps_no_lock(
    database: Database, servers: Servers
) -> None:
    """Whose end the network did not tell: nobody else ends it, and who repeats its request waits for the key."""
    others = ("holdgate web", "somebody else")
    half_said = [
        await asyncpg.connect(connection_string(servers.database_url), server_settings={"application_name": name})
        for name in others
    ]
    try:
        for connection in half_said:
            await connection.execute("BEGIN")
            await connection.prepare("SELECT 1")  # the first half of it; the second never comes
        async with database.write("system") as session:
            assert await workers.end_frozen(session, timedelta(hours=1)) == [], "it may be on its way"
            ended = await workers.end_frozen(session, timedelta(hours=1), others=timedelta())
        assert ended == [half_said[0].get_server_pid()]
    finally:
        for connection in half_said:
            connection.terminate()


async def test_a_worker_frozen_in_the_middle_of_a_statement_does_not_keep_the_lock(
    database: Database, settings: Settings, servers: Servers
) -> None:
    frozen = await asyncpg.connect(
        connection_string(servers.database_url),
        server_settings={"application_name": NAME, "idle_in_transaction_session_timeout": "1000"},
    )
    try:
        await frozen.execute("BEGIN")
        assert await frozen.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK)
        await frozen.prepare("SELECT 1")  # the first half of it; the second never comes
        sweeper = Sweeper(database, msgspec.structs.replace(settings, lease=timedelta(seconds=1)))
        sweeping = asyncio.create_task(sweeper.run())

        async def ended() -> bool:
            return bool(frozen.is_closed())

        await until(ended)
        sweeping.cancel()
    finally:
        frozen.terminate()

    async def work(_session: WriteSession, _round: Round) -> bool:
        return True

    assert await sweeper._once(Upkeep("work", 1, work)) is True, "the lock is free"


async def test_a_long_chore_rests_so_that_it_takes_its_share_of_the_time_only(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def long(_session: WriteSession, _round: Round) -> bool:
        await asyncio.sleep(0.05)
        return False

    never = text("false")
    chores = (Upkeep("long", 0, long, never, share=1000), Upkeep("short", 0, long, never))
    monkeypatch.setattr(sweeper, "parts", lambda _: [chores])
    one = Sweeper(database, settings)
    assert [chore.name for chore in await one._look()] == ["long", "short"]
    running = asyncio.create_task(one.run())

    async def done() -> bool:
        return one._rests_until["short"] > 0

    await until(done)
    running.cancel()
    assert [chore.name for chore in await one._look()] == ["short"], "the long one rests a thousand times as long"


async def test_a_chore_that_meets_a_lock_gives_way_to_the_others(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, lock = asyncio.Event(), text("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")

    async def meets_a_lock(session: WriteSession, _round: Round) -> bool:
        await session.execute(lock)
        return False

    async def free(_session: WriteSession, _round: Round) -> bool:
        done.set()
        return False

    never = text("false")
    monkeypatch.setattr(sweeper, "parts", lambda _: [(Upkeep("lock", 0, meets_a_lock, never), Upkeep("free", 0, free))])
    async with database.write("system") as holder:
        await holder.execute(lock)
        running = asyncio.create_task(Sweeper(database, settings).run())
        await asyncio.wait_for(done.wait(), 30)
        running.cancel()


async def test_what_a_chore_does_afterwards_keeps_no_other_waiting_and_is_done_once_at_a_time(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    leave = asyncio.Event()

    async def outside() -> None:
        begun.append("outside")
        await leave.wait()

    async def asks(_session: WriteSession, round: Round) -> bool:
        round.after.append(outside)
        return True

    async def other(_session: WriteSession, _round: Round) -> bool:
        begun.append("other")
        return False

    never = text("false")
    monkeypatch.setattr(sweeper, "parts", lambda _: [(Upkeep("asks", 0, asks, never), Upkeep("other", 0, other))])
    running = asyncio.create_task(Sweeper(database, settings).run())

    async def others(more: int) -> None:
        wanted = begun.count("other") + more

        async def done() -> bool:
            return begun.count("other") >= wanted

        await until(done)

    await others(3)
    assert begun.count("outside") == 1
    leave.set()
    await others(2)
    assert begun.count("outside") > 1
    running.cancel()


def test_what_is_done_by_the_clock_alone_costs_an_idle_worker_less_than_a_statement_a_second() -> None:
    """Each such chore is four statements: begin, lock, look, commit. With the rest it makes five (bench/idle.py)."""
    chores = [chore for chores in parts("upkeep") for chore in chores if chore.due is None]
    assert sum(4 / chore.every for chore in chores) < 1
