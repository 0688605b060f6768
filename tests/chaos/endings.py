"""Kinds whose attempts end in every way that a handler can think of. What really ran goes into the table `evidence`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec

from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import Backoff, kind
from tests.chaos.kinds import note

QUICK = Backoff(base=timedelta(milliseconds=1))


class End(msgspec.Struct):
    name: str


class Own(BaseException):
    """Of a library that wants to be caught by nobody."""


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it says nothing")


async def leave() -> None:
    sys.exit(4)


async def exit_in_a_task() -> None:
    await asyncio.gather(leave(), asyncio.sleep(60))


async def exit_in_a_task_of_nobody() -> None:
    task = asyncio.create_task(leave())
    await asyncio.sleep(0.05)
    task.result()


async def cancel_oneself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(60)


async def wait_for_a_cancelled_task() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


def throw(error: Callable[[], BaseException]) -> Callable[[], Awaitable[None]]:
    async def end() -> None:
        raise error()

    return end


WAYS: dict[str, Callable[[], Awaitable[Any]]] = {
    "exits": leave,
    "exits in a task": exit_in_a_task,
    "exits in a task of nobody": exit_in_a_task_of_nobody,
    "interrupts": throw(KeyboardInterrupt),
    "generator exit": throw(GeneratorExit),
    "own base exception": throw(lambda: Own("gone")),
    "cancels itself": cancel_oneself,
    "awaits a cancelled task": wait_for_a_cancelled_task,
    "raises a cancellation": throw(asyncio.CancelledError),
    "surrogate": throw(lambda: OSError(2, "No such file", os.fsdecode(b"caf\xe9"))),
    "mute": throw(Mute),
    "large": throw(lambda: ValueError("x" * 10**7)),
    "group": throw(lambda: ExceptionGroup("both", [ValueError("no \udce9"), OSError("nor this")])),
    "base group": throw(lambda: BaseExceptionGroup("both", [Own("gone"), SystemExit(3)])),
    "permanent in a group": throw(lambda: ExceptionGroup("one", [PermanentError("never")])),
}


@kind("ends", backoff=QUICK, max_attempts=2)
async def ends(ctx: Context, payload: End) -> Any:
    await WAYS[payload.name]()


@kind("ends.late", backoff=Backoff(), max_attempts=100)
async def ends_late(ctx: Context, payload: End) -> None:
    raise RuntimeError("once more")


def _exit(payload: End) -> None:
    raise {"exit": SystemExit, "cancel": asyncio.CancelledError, "own": Own}[payload.name](4)


thread = kind("ends.thread", backoff=QUICK, max_attempts=2, runs_in="thread")(_exit)


@kind("ends.process", backoff=QUICK, max_attempts=2, runs_in="process")
def process(payload: End) -> None:
    _exit(payload)


RESULTS: dict[str, Callable[[], Any]] = {
    "NUL": lambda: "a\0b",
    "surrogate": lambda: "caf\udce9",
    "nan": lambda: float("nan"),
    "object": object,
    "large": lambda: "x" * 200_000_000,
}


@kind("ends.result", backoff=QUICK, max_attempts=5)
async def result(ctx: Context, payload: End) -> Any:
    await note(ctx, payload.name)
    return RESULTS[payload.name]()


@kind("ends.step", backoff=QUICK, max_attempts=5)
async def step(ctx: Context, payload: End) -> None:
    async def effect() -> Any:
        await note(ctx, payload.name)
        return RESULTS[payload.name]()

    await ctx.step("effect", effect)


@kind("ends.mistyped", backoff=QUICK, max_attempts=5)
async def mistyped(ctx: Context, payload: End) -> int:
    async def count() -> int:
        await note(ctx, payload.name)
        return "three"  # type: ignore[return-value]

    return await ctx.step("count", count)


@kind("ends.well", max_attempts=1)
async def well(ctx: Context, payload: End) -> str:
    await ctx.progress(1, 2, "half\0 of caf\udce9 " + "x" * 1000)
    ctx.log.info("read", file="caf\udce9")
    return "\\u0000"
