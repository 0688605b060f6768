"""The sweeper: one at a time, over all workers."""

import asyncio

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.runtime.sweeper import Sweeper


async def test_two_sweepers_never_do_a_beat_at_the_same_time(database: Database, settings: Settings) -> None:
    one, two = Sweeper(database, settings), Sweeper(database, settings)
    entered, leave = asyncio.Event(), asyncio.Event()
    beats: list[str] = []

    async def slow(_session: WriteSession) -> bool:
        beats.append("slow")
        entered.set()
        await leave.wait()
        return True

    async def other(_session: WriteSession) -> bool:
        beats.append("other")
        return True

    first = asyncio.create_task(one._once(slow))
    await asyncio.wait_for(entered.wait(), 10)
    assert await two._once(other) is False, "it neither does it nor waits for it"
    assert two.age() is None
    leave.set()
    assert await first is True
    assert await two._once(other) is True
    assert beats == ["slow", "other"]
    assert two.age() is not None
