"""Ringing: soon and together, and never in anybody's way."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Away

from holdgate.core.db import Database
from holdgate.embedded import valkey
from holdgate.runtime import doorbell
from holdgate.runtime.doorbell import Doorbell
from holdgate.tasks.queue.claims import queues_with_work
from holdgate.tasks.service import enqueue
from tests.factories.tasks import request
from tests.servers import Servers


class Bells:
    """Stands for Redis: what was published; it answers when `free` is set."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.free = asyncio.Event()

    async def publish(self, _channel: str, topics: str) -> None:
        self.rung.append(topics)
        await self.free.wait()


async def quiet(bell: Doorbell) -> None:
    async with asyncio.timeout(5):
        while bell._ringing is not None:
            await asyncio.sleep(0)


async def test_what_is_announced_during_a_ring_goes_out_together_with_the_next() -> None:
    bells = Bells()
    bell = Doorbell(bells, "here")  # type: ignore[arg-type]
    await bell.announce(frozenset({"queue:default"}))
    while not bells.rung:
        await asyncio.sleep(0)
    for topics in ({"queue:mail"}, {"queue:default"}, {"queue:mail"}):
        await bell.announce(frozenset(topics))
    assert bells.rung == ["queue:default"]
    bells.free.set()
    await quiet(bell)
    assert bells.rung == ["queue:default", "queue:default queue:mail"]


async def test_a_busy_process_does_not_take_its_own_delay_for_an_outage_of_redis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doorbell, "RING_TIMEOUT", 0.01)
    bells = Bells()
    bell = Doorbell(bells, "here")  # type: ignore[arg-type]
    await bell.announce(frozenset({"queue:default"}))
    while not bells.rung:
        await asyncio.sleep(0)
    time.sleep(0.02)
    await asyncio.sleep(0)
    bells.free.set()
    await quiet(bell)
    await bell.announce(frozenset({"queue:mail"}))
    await quiet(bell)
    assert bells.rung == ["queue:default", "queue:mail"]


async def test_an_announcement_is_not_kept_by_a_bell_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    bells = Bells()

    async def fail(_channel: str, _topics: str) -> None:
        raise Away("gone")

    bell = Doorbell(bells, "here")  # type: ignore[arg-type]
    with monkeypatch.context() as away:
        away.setattr(bells, "publish", fail)
        await bell.announce(frozenset({"queue:default"}))
        await quiet(bell)
    bells.free.set()
    bell._silent_until = 0.0
    await bell.announce(frozenset({"queue:mail"}))
    await quiet(bell)
    assert bells.rung == ["queue:mail"]


async def test_the_doorbell_rings_when_what_it_tells_of_can_be_seen(database: Database, servers: Servers) -> None:
    seen: list[list[str]] = []

    async def look(_topics: frozenset[str]) -> None:
        async with database.read() as session:
            seen.append(await queues_with_work(session, ["default"]))

    ringing = Database(servers.database_url, name="tests", pool_size=1, announce=look)
    try:
        with pytest.raises(ZeroDivisionError):
            async with ringing.write("system") as session:
                await enqueue(session, request())
                raise ZeroDivisionError
        assert seen == [], "there is nothing to tell of"
        async with ringing.write("system") as session:
            await enqueue(session, request())
        assert seen == [["default"]]
    finally:
        await ringing.dispose()


async def test_a_listener_leaves_a_connection_that_has_gone_silent_and_hears_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "PULSE", 0.2)
    client = Redis.from_url(valkey.start(tmp_path), socket_connect_timeout=1, socket_timeout=1)
    pid = int((tmp_path / "valkey" / "valkey.pid").read_text())
    bell, heard = Doorbell(client, "here"), asyncio.Queue[frozenset[str]]()
    listening = asyncio.create_task(bell.listen(heard.put_nowait))
    try:
        async with asyncio.timeout(20):
            assert await heard.get() == frozenset(), "it listens, and may have missed something before"
            os.kill(pid, signal.SIGSTOP)
            before = open_connections(client)
            while open_connections(client) & before:
                await asyncio.sleep(0.05)
            os.kill(pid, signal.SIGCONT)
            assert await heard.get() == frozenset()
            await bell.ring(frozenset({"queue:mail"}))
            while await heard.get() != frozenset({"queue:mail"}):
                pass
    finally:
        listening.cancel()
        os.kill(pid, signal.SIGCONT)
        await asyncio.gather(listening, return_exceptions=True)
        await client.aclose()
        valkey.stop(tmp_path)


def open_connections(client: Redis) -> set[int]:
    return {id(each) for each in client.connection_pool._in_use_connections if each.is_connected}
