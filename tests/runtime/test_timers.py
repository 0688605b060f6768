"""The timer that all attempts of a worker share."""

import asyncio

import pytest

from holdgate.runtime.timers import GRAIN, TimeLimit, Timers

LONG = 60.0


async def wait(timers: Timers, seconds: float) -> float:
    """When it was ended by the timer."""
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError), TimeLimit(timers, loop.time() + seconds):
        await asyncio.sleep(LONG)
    return loop.time()


async def test_each_is_ended_at_its_time_although_a_later_one_was_there_first() -> None:
    timers, began = Timers(), asyncio.get_running_loop().time()
    last, first, middle = await asyncio.gather(*(wait(timers, seconds) for seconds in (0.4, 0.1, 0.25)))
    for ended, seconds in ((first, 0.1), (middle, 0.25), (last, 0.4)):
        assert ended >= began + seconds
    assert first < middle < last


async def test_what_ends_in_time_leaves_nothing_behind() -> None:
    timers = Timers()
    with TimeLimit(timers, asyncio.get_running_loop().time() + LONG):
        await asyncio.sleep(0)
    assert timers.empty


async def test_a_time_that_is_over_ends_it_at_the_next_wait() -> None:
    ended = await wait(Timers(), -1.0)
    assert ended <= asyncio.get_running_loop().time() + GRAIN


async def test_who_was_cancelled_by_another_as_well_stays_cancelled() -> None:
    timers, loop = Timers(), asyncio.get_running_loop()

    async def work() -> None:
        with TimeLimit(timers, loop.time()) as limit:
            limit.expire()
            job.cancel()
            await asyncio.sleep(LONG)

    job = loop.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await job


async def test_one_that_is_over_cannot_be_put_off() -> None:
    limit = TimeLimit(Timers(), asyncio.get_running_loop().time() + LONG)
    with limit:
        pass
    with pytest.raises(RuntimeError):
        limit.reschedule(None)
