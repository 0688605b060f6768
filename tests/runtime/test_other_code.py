"""What docs/upgrades.md says of other code for tasks under way: each row of its table that a deploy can bring about."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.attempts.context import Context
from holdgate.testing import KindTester
from tests.runtime.kinds import code, count, ran


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as tester:
        yield tester
    code.clear()


def release(
    name: str,
    *,
    steps: tuple[str, ...] = ("first", "second"),
    request: str | None = "go",
    title: str = "May it?",
    returns: Callable[[str], Awaitable[Any]] = count,
) -> None:
    """From now on the kind runs these steps, and asks for `request` before the last of them."""

    async def handler(ctx: Context) -> list[Any]:
        done = [await ctx.step(step, returns, f"{name}.{step}") for step in steps[:-1]]
        if request is not None:
            await ctx.approval(request, title=title, show={})
        return [*done, await ctx.step(steps[-1], returns, f"{name}.{steps[-1]}")]

    code[name] = handler


async def held(tester: KindTester, name: str) -> UUID:
    release(name)
    task_id = await tester.enqueue("test.evolves", {"name": name}, owner_id=await tester.person())
    assert await tester.run(task_id) == "pending_approval"
    return task_id


async def as_number(name: str) -> int:
    return len(name)


async def test_new_steps_run_those_behind_them_do_not_run_twice_and_removed_ones_are_not_read(
    tester: KindTester,
) -> None:
    task_id = await held(tester, "new")
    await tester.decide(task_id)
    release("new", steps=("before", "first", "last"))
    assert await tester.run(task_id) == "succeeded"
    assert [ran[f"new.{step}"] for step in ("before", "first", "second", "last")] == [1, 1, 0, 1]


async def test_a_renamed_step_runs_under_its_new_name(tester: KindTester) -> None:
    task_id = await held(tester, "renamed")
    await tester.decide(task_id)
    release("renamed", steps=("one", "second"))
    assert await tester.run(task_id) == "succeeded"
    assert (ran["renamed.first"], ran["renamed.one"]) == (1, 1)


async def test_a_stored_result_that_does_not_fit_the_new_type_buries_the_task(tester: KindTester) -> None:
    task_id = await held(tester, "typed")
    await tester.decide(task_id)
    release("typed", returns=as_number)
    assert await tester.run(task_id) == "dead_letter"
    assert (await tester.task(task_id)).failures == 1


@pytest.mark.parametrize("change", [{"title": "May it, really?"}, {"request": "really"}])
async def test_another_request_or_a_renamed_one_is_asked_for_whatever_was_decided(
    tester: KindTester, change: dict[str, str]
) -> None:
    task_id = await held(tester, "asks")
    release("asks", **change)  # type: ignore[arg-type]
    await tester.decide(task_id)
    assert await tester.run(task_id) == "pending_approval"
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"


async def test_a_request_that_is_gone_is_waited_for_and_then_not_looked_at(tester: KindTester) -> None:
    task_id = await held(tester, "gone")
    release("gone", request=None)
    assert await tester.run(task_id) == "pending_approval"
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
