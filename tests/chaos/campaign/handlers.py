"""The kinds of a campaign. Each tells the world outside what it does, which is held against the database.

What has run goes into a file, what was sent to a server outside; neither is taken back when a transaction is.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.runtime.attempts.context import Context
from holdgate.tasks.kinds import Backoff, kind

QUICK = Backoff(base=timedelta(milliseconds=200), factor=1.5, cap=timedelta(seconds=2))
MANY = 1000  # attempts: what fails here fails by somebody else's fault, and that is over some time
PATIENCE = 2.0  # seconds for the server outside
TRACE = "steps.trace"
OUTSIDE = "CHAOS_OUTSIDE"  # the environment variable with its address
FILE_BYTES = 300_000


class Work(msgspec.Struct, frozen=True):
    """`fails`: how many attempts fail before one succeeds; `naps`: seconds to sleep without a worker."""

    name: str
    steps: int = 2
    fails: int = 0
    naps: float = 0.0


class Wish(msgspec.Struct, frozen=True):
    wish: Annotated[str, msgspec.Meta(max_length=200)] = "as it is"


class Request(msgspec.Struct, frozen=True):
    """`needed`: how many of `people` must approve, within `seconds`."""

    name: str
    people: tuple[str, ...]
    needed: int = 1
    seconds: int = 1200


def ran(ctx: Context, step: str) -> None:
    """One write to a file that is appended to: lines of several workers do not mix."""
    file = os.open(Path(ctx.settings.data_dir) / TRACE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, f"{ctx.task_id} {step} {ctx.attempt}\n".encode())
    finally:
        os.close(file)


async def _note(ctx: Context, step: str) -> int:
    ran(ctx, step)
    return ctx.attempt


async def _send(ctx: Context, step: str, path: str, said: dict[str, str]) -> int:
    """Tell the server outside, with the key of this step."""
    ran(ctx, step)
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        headers = {"Idempotency-Key": ctx.idempotency_key(step)}
        answer = await client.post(f"{os.environ[OUTSIDE]}/{path}", json=said, headers=headers)
        answer.raise_for_status()
        return answer.status_code


async def _book(session: WriteSession, name: str) -> None:
    await session.execute(text("INSERT INTO chaos_ledger (name) VALUES (:name)"), {"name": name})


@kind("chaos.work", max_attempts=MANY, backoff=QUICK)
async def work(ctx: Context, payload: Work) -> None:
    """Steps, a sleep, an effect outside, one in the database."""
    for number in range(payload.steps):
        await ctx.step(f"step-{number}", _note, ctx, f"step-{number}")
        await ctx.progress(number + 1, payload.steps)
    if ctx.task.failures < payload.fails:
        raise RuntimeError("It fails on purpose.")
    if payload.naps:
        await ctx.sleep("nap", timedelta(seconds=payload.naps))
    await ctx.step("tell", _send, ctx, "tell", "effects", {"name": payload.name})
    await ctx.transact("book", _book, payload.name)


@kind("chaos.file", max_attempts=MANY, backoff=QUICK)
async def keep_file(ctx: Context, payload: Work) -> int:
    """A file that is larger than what a full store takes."""
    content = (payload.name.encode() * FILE_BYTES)[:FILE_BYTES]
    stored = await ctx.artifact("file", content, "application/octet-stream")
    return stored.size


@kind("chaos.request", max_attempts=MANY, backoff=QUICK)
async def request(ctx: Context, payload: Request) -> None:
    """Asks people, and sends exactly what they have approved."""
    await ctx.step("prepare", _note, ctx, "prepare")
    answer = await ctx.approval(
        "go",
        title=f"Send {payload.name}",
        show={"Name": payload.name},
        form=Wish if payload.needed == 1 else None,
        recipients=payload.people,
        needed=payload.needed,
        ttl=timedelta(seconds=payload.seconds),
    )
    wish = answer.form.wish if payload.needed == 1 else ""
    await ctx.step("send", _send, ctx, "send", "sent", {"name": payload.name, "wish": wish})
