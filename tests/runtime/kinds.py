"""Kinds whose behaviour tests steer."""

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from holdgate.approvals.forms import FormField
from holdgate.approvals.values import Answer
from holdgate.core.db import WriteSession
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import Backoff, kind

# What really ran, by a name that the test chooses.
ran: Counter[str] = Counter()
gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
QUICK = Backoff(base=timedelta(milliseconds=1), cap=timedelta(milliseconds=1))


class Named(msgspec.Struct, forbid_unknown_fields=True):
    name: str


@kind("test.steps", backoff=QUICK)
async def steps(ctx: Context, payload: Named) -> list[str]:
    first = await ctx.step("first", count, f"{payload.name}.first")
    await ctx.step("second", fail_once, f"{payload.name}.second")
    return [first, await ctx.step("third", count, f"{payload.name}.third")]


async def count(name: str) -> str:
    ran[name] += 1
    return name


async def fail_once(name: str) -> None:
    ran[name] += 1
    if ran[name] == 1:
        raise RuntimeError("not the first time")


@kind("test.fails", backoff=QUICK, max_attempts=3)
async def fails(ctx: Context, payload: Named) -> None:
    ran[payload.name] += 1
    raise RuntimeError("it never works \0 here")


@kind("test.says", backoff=QUICK)
async def says(ctx: Context, payload: Named) -> None:
    ran[payload.name] += 1
    for number in range(205):
        ctx.log.info("counted", number=number)
    await ctx.in_thread(ctx.log.warning, f"attempt {ctx.attempt}", password="hunter2")
    if ran[payload.name] == 1:
        raise RuntimeError("not the first time")


@kind("test.permanent")
async def permanent(ctx: Context, payload: Named) -> None:
    ran[payload.name] += 1
    raise PermanentError("no use trying")


@kind("test.waits")
async def waits(ctx: Context, payload: Named) -> str:
    ran[payload.name] += 1
    await ctx.step("before", count, f"{payload.name}.before")
    await gates[payload.name].wait()
    return "waited"


@kind("test.slow", timeout=timedelta(milliseconds=30), max_attempts=1)
async def slow(ctx: Context, payload: Named) -> None:
    await asyncio.Event().wait()


@kind("test.unstorable", max_attempts=1)
async def unstorable(ctx: Context, payload: Named) -> dict[str, float]:
    return {"huge": 10.0**300, "name": float(len(payload.name))}


class Wish(msgspec.Struct):
    wish: str = ""


@kind("test.asks")
async def asks(ctx: Context, payload: Named) -> str:
    ran[payload.name] += 1
    try:
        answer = await ctx.approval(
            "go", title="May it go on?", show={"Name": payload.name}, form=Wish, values=Wish("a")
        )
    except Exception:
        raise AssertionError("a hold must not be caught by except Exception") from None
    return answer.form.wish


@kind("test.goes-on")
async def goes_on(ctx: Context, payload: Named) -> str:
    answer: Answer[Any] = await ctx.approval(
        "go", title="May it?", show={"Name": payload.name}, on_reject="continue", on_expire="continue"
    )
    return f"{answer.decision} {answer.reason or ''}".strip()


@kind("test.needs-input")
async def needs_input(ctx: Context, payload: Named) -> str:
    answer = await ctx.ask("ask", title="Which colour?", fields=[FormField("colour", "Colour", required=True)])
    return str(answer.form["colour"])


@kind("test.transacts", backoff=QUICK)
async def transacts(ctx: Context, payload: Named) -> int:
    number = await ctx.transact("write", add_user, payload.name)
    await ctx.step("then", fail_once, payload.name)
    return number


async def add_user(session: WriteSession, name: str) -> int:
    await session.execute(
        text("INSERT INTO users (id, email) VALUES (gen_random_uuid(), :email)"), {"email": f"{name}@example.org"}
    )
    return 1


@kind("test.thread", runs_in="thread")
def in_thread(payload: Named) -> str:
    return f"thread {payload.name}"


open_gate = threading.Event()


@kind("test.gated-thread", runs_in="thread", max_attempts=1)
def gated_thread(payload: Named) -> None:
    open_gate.wait(30)


@kind("test.steps-in-thread", max_attempts=1, timeout=timedelta(seconds=1))
async def steps_in_thread(ctx: Context, payload: Named) -> None:
    await ctx.in_thread(time.sleep, 0.2)


@kind("test.count")
async def counts(ctx: Context, payload: Named) -> None:
    ran[payload.name] += 1


@kind("test.process", runs_in="process")
def in_process(payload: Named) -> str:
    return f"process {payload.name}"


@kind("test.many", max_attempts=1)
async def many(ctx: Context, payload: Named) -> None:
    for k in range(10):
        await ctx.step(f"step {k}", count_slowly, f"{payload.name}.{k}")


async def count_slowly(name: str) -> str:
    await asyncio.sleep(0.01)
    return await count(name)


BOSS = "boss@example.org"
# What `test.pays` shows, by a name that the test chooses: as other code would, or the same code at another time.
shows: dict[str, Callable[[], Any]] = {}


class Payment(msgspec.Struct, forbid_unknown_fields=True):
    """`memo` is sent and not shown."""

    name: str
    cents: int = 10
    to: str = "ann"
    memo: str = ""


@kind("test.pays", max_attempts=2, backoff=QUICK)
async def pays(ctx: Context, payload: Payment) -> str:
    await ctx.step("look-up", count, f"{payload.name}.looked-up")
    show = shows.get(payload.name, lambda: {"To": payload.to, "Cents": payload.cents})
    await ctx.approval("agree", title="Pay", show=show(), recipients=(BOSS,), self_approval=False)
    await ctx.step("pay", fail_once if payload.memo == "fails" else count, f"{payload.name}.paid")
    return f"{payload.cents} to {payload.to}"


@kind("test.swallows")
async def swallows(ctx: Context, payload: Named) -> str:
    """Catches whatever ends its attempt, as no handler should, and tries to have effects all the same."""
    what, _, name = payload.name.partition(".")
    show = {"Name": name}
    with suppress(BaseException):
        if what == "sleep":
            await ctx.sleep("nap", timedelta(hours=1))
        elif what == "gather":
            asking: asyncio.Task[Any] = asyncio.create_task(ctx.approval("go", title="May it?", show=show))
            await asyncio.gather(asking, _late(ctx, name, asking), return_exceptions=True)
        else:
            await ctx.approval("go", title="May it?", show=show)
    for effect in (
        lambda: ctx.step("pay", count, f"{name}.paid"),
        lambda: ctx.transact("book", add_user, name),
        lambda: ctx.in_thread(ran.update, [f"{name}.thread"]),
        lambda: ctx.artifact("file", b"x", "text/plain"),
        lambda: ctx.progress(1, 1),
        lambda: ctx.sleep("nap", timedelta()),
        lambda: ctx.ask("why", title="Why?", fields=[]),
        lambda: ctx.sign_in("where", title="Where?", url="https://example.org/"),
        lambda: ctx.approval("other", title="And this?", show=show),
    ):
        try:
            await effect()
        except BaseException as refused:
            ran[f"{name}.{type(refused).__name__}"] += 1
    if what == "fails":
        raise RuntimeError("after the hold")
    return "it went on"


async def _late(ctx: Context, name: str, asking: asyncio.Task[Any]) -> None:
    """A step that begins once the approval beside it has been asked."""
    await asyncio.wait([asking])
    await ctx.step("late", count, f"{name}.paid")


@kind("test.sleeps", max_attempts=1)
async def sleeps(ctx: Context, payload: Named) -> str:
    ran[payload.name] += 1
    await ctx.step("before", count, f"{payload.name}.before")
    try:
        await ctx.sleep("nap", timedelta(hours=1))
    except Exception:
        raise AssertionError("a sleep must not be caught by except Exception") from None
    await ctx.sleep("nap", timedelta(hours=1))
    return "rested"


# What `test.evolves` does, by a name that the test chooses: another function is another release.
code: dict[str, Callable[[Context], Awaitable[Any]]] = {}


@kind("test.evolves", max_attempts=1)
async def evolves(ctx: Context, payload: Named) -> Any:
    return await code[payload.name](ctx)
