"""Work beside the event loop: in threads and in other processes, with limits, and after a process was killed."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from app.core.config import Settings
from app.core.db import Database
from app.runtime.context import Context
from app.runtime.executors import Executors
from app.tasks.kinds import kind
from app.testing import KindTester

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
    made = Executors()
    yield made
    made.close()


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
        await executors.in_process(timedelta(seconds=0.2), spin)
    # The same processes are free for others.
    assert {await executors.in_process(MINUTE, double, Number(n)) for n in (1, 2, 3)} == {2, 4, 6}


async def test_a_killed_process_fails_its_work_and_the_next_finds_a_new_pool(executors: Executors) -> None:
    with pytest.raises(RuntimeError, match="ended abnormally"):
        await executors.in_process(MINUTE, die)
    assert await executors.in_process(MINUTE, double, Number(5)) == 10


async def test_threads_run_beside_the_loop(executors: Executors) -> None:
    assert await executors.in_thread(threading.get_ident) != threading.get_ident()


KILLED = """
import asyncio, os
from datetime import timedelta
from app.runtime.executors import Executors
print(asyncio.run(Executors().in_process(timedelta(minutes=1), os.getpid)), flush=True)
os.kill(os.getpid(), 9)
"""


async def test_processes_end_with_a_worker_that_was_killed() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, stdout=asyncio.subprocess.PIPE)
    # The pool's process holds the other end of the pipe as well: it ends when both are gone.
    async with asyncio.timeout(30):
        said, _ = await worker.communicate()
    assert worker.returncode == -signal.SIGKILL
    assert int(said) != worker.pid
