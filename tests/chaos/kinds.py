"""Kinds for worker processes that are killed. Evidence goes into a table of the test's own."""

import asyncio
import os
import time
from datetime import timedelta

import msgspec
from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.runtime.attempts.context import Context
from holdgate.tasks.kinds import Backoff, kind


class Evidence(msgspec.Struct):
    name: str
    seconds: float = 0.0


@kind("chaos.two-steps", max_attempts=1)
async def two_steps(ctx: Context, payload: Evidence) -> int:
    """A stored step, then a wait in which the worker can be killed, then another step."""
    await ctx.step("first", note, ctx, f"{payload.name}.first")
    await asyncio.sleep(payload.seconds)
    await ctx.step("second", note, ctx, f"{payload.name}.second")
    return os.getpid()


async def note(ctx: Context, name: str) -> None:
    """Leave a trace that no rollback of ours takes back."""
    async with ctx.database.write("evidence") as session:
        await _insert(session, name)


async def _insert(session: WriteSession, name: str) -> None:
    await session.execute(text("INSERT INTO evidence (name) VALUES (:name)"), {"name": name})


@kind("chaos.breaks", max_attempts=1)
async def breaks(ctx: Context, payload: Evidence) -> None:
    """Fails in the same way each time, about something else."""
    raise RuntimeError(f"No answer about '{payload.name}' after {os.getpid()} tries.")


@kind("chaos.fails-once", backoff=Backoff(base=timedelta(milliseconds=200), factor=1.0))
async def fails_once(ctx: Context, payload: Evidence) -> None:
    if ctx.task.failures == 0:
        raise RuntimeError("The first time it fails.")


@kind("chaos.holds-a-connection", max_attempts=1)
async def holds_a_connection(ctx: Context, payload: Evidence) -> None:
    async with ctx.database.write("evidence") as session:
        await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": payload.seconds})


@kind("chaos.sleeps", max_attempts=1)
async def sleeps(ctx: Context, payload: Evidence) -> None:
    """An innocent neighbour."""
    await asyncio.sleep(payload.seconds)


@kind("chaos.poison", max_attempts=1)
async def poison(ctx: Context, payload: Evidence) -> None:
    """Takes its worker down each time."""
    await asyncio.sleep(payload.seconds)
    os._exit(66)


@kind("chaos.blocks-briefly", max_attempts=1, timeout=timedelta(minutes=1))
async def blocks_briefly(ctx: Context, payload: Evidence) -> None:
    """Blocks the event loop."""
    time.sleep(payload.seconds)


@kind("chaos.stuck", max_attempts=1, timeout=timedelta(seconds=1))
async def stuck(ctx: Context, payload: Evidence) -> None:
    """Blocks it for longer than it may take."""
    time.sleep(payload.seconds)


@kind("chaos.deaf", max_attempts=1)
async def deaf(ctx: Context, payload: Evidence) -> None:
    """Cannot be cancelled."""
    await note(ctx, payload.name)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


@kind("chaos.thread", max_attempts=1, runs_in="thread")
def in_thread(payload: Evidence) -> None:
    """Cannot be stopped, nor cancelled."""
    time.sleep(payload.seconds)


@kind("chaos.own-thread", max_attempts=1)
async def in_own_thread(ctx: Context, payload: Evidence) -> None:
    """The same, by the standard library's way."""
    await note(ctx, payload.name)
    await asyncio.to_thread(time.sleep, payload.seconds)


@kind("chaos.blocks", max_attempts=1)
async def blocks(ctx: Context, payload: Evidence) -> None:
    """Holds the event loop, as it must not."""
    await note(ctx, payload.name)
    time.sleep(payload.seconds)


@kind("chaos.needs-a-file", max_attempts=1)
async def needs_a_file(ctx: Context, payload: Evidence) -> None:
    """Fails until somebody has put it there."""
    if not (ctx.settings.data_dir / payload.name).exists():
        raise RuntimeError("The file is not there yet.")
