"""Work beside the event loop: in threads and in other processes, with limits, and after a process was killed."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import msgspec
import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.attempts.calls import CallFailed
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.endings import describe
from holdgate.runtime.attempts.executors import Executors
from holdgate.runtime.clock import Clock
from holdgate.runtime.errors import PermanentError, RetryAfter
from holdgate.runtime.timers import TimeLimit, Timers
from holdgate.tasks.kinds import kind
from holdgate.testing import KindTester
from tests.embedded.servers import gone

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)


class Number(msgspec.Struct, frozen=True):
    n: int


def double(payload: Number) -> int:
    return payload.n * 2


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def spin() -> None:
    while True:
        pass


@kind("test.both")
async def both(ctx: Context, payload: Number) -> list[int]:
    twice = await ctx.step("twice", ctx.in_process, double, payload)
    return [twice, await ctx.in_thread(double, Number(twice))]


kind("test.plain-process", runs_in="process")(double)


@pytest.fixture
def executors() -> Iterator[Executors]:
    made = Executors(threads=2, processes=2)
    yield made
    gate.set()
    made.close()
    gate.clear()


gate = threading.Event()


def wait_for_gate() -> str:
    gate.wait(30)
    return "went on"


class Stubborn(Exception):
    """Cannot be made again from what it was pickled to."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"{left} and {right}")


class Final(PermanentError):
    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"{left} and {right}")


def refuse(kind: type[Exception]) -> None:
    raise kind("this", "that")


class Unreadable:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return int, ("not a number",)


def leave() -> None:
    sys.exit(3)


async def test_a_handler_hands_work_to_a_process_and_keeps_its_steps(database: Database, settings: Settings) -> None:
    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("test.both", {"n": 3})
        assert await tester.run(task_id) == "succeeded"
        assert await tester.result(task_id) == [6, 12]
        assert await tester.steps(task_id) == {"twice": 6}


async def test_a_whole_handler_can_run_in_a_process(database: Database, settings: Settings) -> None:
    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("test.plain-process", {"n": 4})
        assert await tester.run(task_id) == "succeeded"
        assert await tester.result(task_id) == 8


async def test_work_that_takes_too_long_is_stopped_where_it_runs(executors: Executors) -> None:
    with pytest.raises(TimeoutError, match=r"longer than 0\.2 seconds"):
        await executors.process(timedelta(seconds=0.2), spin)
    # The same processes are free for others.
    assert {await executors.process(MINUTE, partial(double, Number(n))) for n in (1, 2, 3)} == {2, 4, 6}


async def test_a_killed_process_fails_its_own_work_alone(executors: Executors) -> None:
    innocent = asyncio.create_task(executors.process(MINUTE, partial(time.sleep, 1)))
    with pytest.raises(RuntimeError, match="ended abnormally"):
        await executors.process(MINUTE, die)
    assert await executors.process(MINUTE, partial(double, Number(5))) == 10
    await innocent


async def test_a_process_that_was_killed_while_idle_is_nobodys_failure(executors: Executors) -> None:
    os.kill(await executors.process(MINUTE, os.getpid), signal.SIGKILL)
    assert await executors.process(MINUTE, partial(double, Number(5))) == 10


@pytest.mark.parametrize(("kind", "base"), [(Stubborn, CallFailed), (Final, PermanentError)])
async def test_an_exception_that_cannot_be_unpickled_arrives_as_text(
    executors: Executors, kind: type[Exception], base: type[Exception]
) -> None:
    with pytest.raises(base, match="this and that") as caught:
        await executors.process(MINUTE, partial(refuse, kind))
    assert type(caught.value).__name__ == kind.__name__
    assert "in refuse" in describe(caught.value)


async def test_an_exception_that_can_be_pickled_arrives_as_itself_with_its_traceback(executors: Executors) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        await executors.process(MINUTE, partial(int, "x"))
    assert "ValueError" in describe(caught.value)
    with pytest.raises(RetryAfter) as told:
        await executors.process(MINUTE, slow_down)
    assert told.value.delay == MINUTE
    assert "in slow_down" in describe(told.value)


def slow_down() -> None:
    raise RetryAfter(MINUTE, "Not now.")


async def test_arguments_and_results_that_cannot_be_unpickled_are_ordinary_errors(executors: Executors) -> None:
    pid = await executors.process(MINUTE, os.getpid)
    with pytest.raises(ValueError, match="invalid literal"):
        await executors.process(MINUTE, partial(repr, Unreadable()))
    with pytest.raises(ValueError, match="invalid literal"):
        await executors.process(MINUTE, Unreadable)
    assert await executors.process(MINUTE, os.getpid) == pid


@pytest.mark.parametrize("where", ["thread", "process"])
async def test_work_that_ends_the_interpreter_is_a_failed_attempt(executors: Executors, where: str) -> None:
    with pytest.raises(CallFailed, match="3") as caught:
        await (executors.thread(leave) if where == "thread" else executors.process(MINUTE, leave))
    assert type(caught.value).__name__ == "SystemExit"


async def test_a_stop_iteration_in_a_thread_does_not_hang(executors: Executors) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(CallFailed):
            await executors.thread(partial(next, iter(())))


async def test_threads_run_beside_the_loop(executors: Executors) -> None:
    assert await executors.thread(threading.get_ident) != threading.get_ident()


async def test_work_given_up_while_it_waits_is_never_started(executors: Executors) -> None:
    ran: list[int] = []
    busy = [asyncio.create_task(executors.thread(wait_for_gate)) for _ in range(2)]
    waits = asyncio.create_task(executors.thread(partial(ran.append, 1)))
    await until(lambda: executors.figures()["thread", "waiting"] == 1)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    gate.set()
    assert await asyncio.gather(*busy) == ["went on"] * 2
    assert await executors.thread(partial(len, ran)) == 0
    assert executors.free("thread") == 2


async def test_work_given_up_in_a_process_is_killed_there(executors: Executors) -> None:
    pid = await executors.process(MINUTE, os.getpid)
    work = asyncio.create_task(executors.process(MINUTE, spin))
    await until(lambda: executors.figures()["process", "busy"] == 1)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert executors.free("process") == 2
    await until(lambda: gone(pid))


async def test_an_abandoned_thread_is_replaced_until_there_are_too_many(executors: Executors) -> None:
    """Two places: two abandoned threads are replaced, two more keep the places until any of them ends."""
    for n in range(4):
        work = asyncio.create_task(executors.thread(wait_for_gate))
        await until(lambda: executors.figures()["thread", "busy"] == 1 + max(n - 2, 0))  # noqa: B023
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert executors.figures()["thread", "abandoned"] == 4
    assert executors.free("thread") == 0
    gate.set()
    await until(lambda: executors.figures()["thread", "abandoned"] == 0)
    assert executors.free("thread") == 2


async def test_a_place_is_waited_for_while_the_clock_stands_still(executors: Executors) -> None:
    busy = [asyncio.create_task(executors.thread(wait_for_gate)) for _ in range(2)]
    await until(lambda: executors.figures()["thread", "busy"] == 2)
    with within(0.2) as limit:
        clock = Clock(limit)
        asyncio.get_running_loop().call_later(0.5, gate.set)
        assert await executors.thread(double_three, clock=clock) == 6
    await asyncio.gather(*busy)
    with pytest.raises(TimeoutError), within(0.2) as limit:
        await executors.thread(partial(time.sleep, 0.5), clock=Clock(limit))


def within(seconds: float) -> TimeLimit:
    return TimeLimit(Timers(), asyncio.get_running_loop().time() + seconds)


def double_three() -> int:
    return double(Number(3))


async def test_a_deadline_comes_also_while_a_place_is_waited_for(executors: Executors) -> None:
    busy = [asyncio.create_task(executors.thread(wait_for_gate)) for _ in range(2)]
    await until(lambda: executors.figures()["thread", "busy"] == 2)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 0.3
    with pytest.raises(TimeoutError), within(0.2) as limit:
        clock = Clock(limit, deadline)
        await executors.thread(double_three, clock=clock)
    assert clock.deadline_passed
    assert loop.time() >= deadline - 0.01
    gate.set()
    await asyncio.gather(*busy)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


KILLED = """
import asyncio, os
from datetime import timedelta
from holdgate.runtime.attempts.executors import Executors
from tests.embedded.servers import gone
print(asyncio.run(Executors().process(timedelta(minutes=1), os.getpid)), flush=True)
os.kill(os.getpid(), 9)
"""


async def test_processes_end_with_a_worker_that_was_killed() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, stdout=asyncio.subprocess.PIPE)
    # The pool's process holds the other end of the pipe as well: it ends when both are gone.
    async with asyncio.timeout(30):
        said, _ = await worker.communicate()
    assert worker.returncode == -signal.SIGKILL
    assert int(said) != worker.pid
