"""The kind `sample.task`: does nothing useful in every way a task can, for trying things out and for load tests."""

import asyncio
import os
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from holdgate.accounts.service import find_user, find_user_by_email
from holdgate.approvals.forms import FormField
from holdgate.core.text.addresses import same_person
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import kind

TRACE = "sample-task.trace"

Address = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class SampleTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it should do. First the steps, then the failures, then the hold, then it succeeds."""

    steps: Annotated[int, msgspec.Meta(ge=0, le=1000, description="Stored steps, one after the other.")] = 1
    seconds: Annotated[float, msgspec.Meta(ge=0, le=600, description="Time that each step takes.")] = 0
    fail_times: Annotated[int, msgspec.Meta(ge=0, le=1000, description="Attempts that fail before one succeeds.")] = 0
    permanent: Annotated[bool, msgspec.Meta(description="Fail permanently, without retries.")] = False
    hold: Annotated[
        Literal["none", "approval", "input", "sign-in"], msgspec.Meta(description="Wait for a person before the end.")
    ] = "none"
    recipients: Annotated[
        tuple[Address, ...], msgspec.Meta(max_length=20, description="Approvers; the owner if empty.")
    ] = ()
    needed: Annotated[int, msgspec.Meta(ge=1, le=20, description="How many of them must approve.")] = 1
    self_approval: Annotated[bool, msgspec.Meta(description="Whether the owner may approve.")] = True
    level: Annotated[Literal["link", "sign-in"], msgspec.Meta(description="What approving takes.")] = "link"
    progress: Annotated[bool, msgspec.Meta(description="Report progress and log a line after each step.")] = False
    trace: Annotated[
        bool, msgspec.Meta(description=f"Append a line to DATA_DIR/{TRACE} whenever a step really runs.")
    ] = False


class Evidence(msgspec.Struct, frozen=True):
    """Which attempt ran a step."""

    step: int
    attempt: int


class SampleResult(msgspec.Struct, frozen=True):
    """`answer` is what a person said, if one was asked."""

    steps: list[Evidence]
    answer: str | None = None


@kind("sample.task", timeout=timedelta(hours=1))
async def sample_task(ctx: Context, payload: SampleTask) -> SampleResult:
    """Sleep, fail, hold and report progress as told: for trying things out."""
    done: list[Evidence] = []
    for n in range(1, payload.steps + 1):
        done.append(await ctx.step(f"step-{n}", work, ctx, payload, n))
        if payload.progress:
            ctx.log.info("step_finished", step=n)
            await ctx.progress(n, payload.steps, f"Step {n}")
    if payload.permanent:
        raise PermanentError("Failed on purpose (permanent).")
    if ctx.task.failures < payload.fail_times:
        raise RuntimeError(f"Failed on purpose {payload.fail_times} times; this is number {ctx.task.failures + 1}.")
    return SampleResult(done, await _hold(ctx, payload))


async def work(ctx: Context, payload: SampleTask, n: int) -> Evidence:
    await asyncio.sleep(payload.seconds)
    if payload.trace:
        _append(ctx, f"{ctx.task_id} {n} {ctx.attempt}\n")
    return Evidence(n, ctx.attempt)


def _append(ctx: Context, line: str) -> None:
    """One write to a file opened for appending: lines of several workers do not mix."""
    ctx.settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = os.open(ctx.settings.data_dir / TRACE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


async def _check(ctx: Context, recipients: tuple[str, ...]) -> None:
    """In production a task for trying things out mails nobody who has not been let in. A member's mails that member, so
    that none finds out by its failing who has an account."""
    if ctx.settings.development:
        return
    async with ctx.database.read() as session:
        owner = await find_user(session, ctx.task.owner_id) if ctx.task.owner_id else None
        if owner is not None and owner.role != "admin":
            if any(not same_person(one, owner.email) for one in recipients):
                raise PermanentError(
                    "In production a member's sample task asks that member only; leave out recipients."
                )
            return
        strangers = [one for one in recipients if await find_user_by_email(session, one) is None]
    if strangers:
        raise PermanentError(f"A sample task asks only people who may sign in, not {', '.join(strangers)}.")


class Remark(msgspec.Struct, frozen=True):
    remark: Annotated[str, msgspec.Meta(max_length=200, description="Anything; it becomes part of the result.")] = ""


async def _hold(ctx: Context, payload: SampleTask) -> str | None:
    match payload.hold:
        case "approval":
            await _check(ctx, payload.recipients)
            shown = {"Task": ctx.task.title or "A sample task", "Steps done": payload.steps}
            answer = await ctx.approval(
                "hold",
                title="Let the sample task end",
                show=shown,
                form=Remark,
                recipients=payload.recipients,
                needed=payload.needed,
                self_approval=payload.self_approval,
                level=payload.level,
            )
            return answer.form.remark
        case "input":
            word = FormField("word", "Any word", required=True)
            return str((await ctx.ask("hold", title="The sample task needs a word", fields=[word])).form["word"])
        case "sign-in":
            return (await ctx.sign_in("hold", title="Pretend to sign in", url=ctx.settings.base_url)).by
        case "none":
            return None
