"""A step gives every attempt the same value, and one that cannot be kept is no reason to do its work again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from sqlalchemy import text

from holdgate.approvals.forms import FormField
from holdgate.approvals.models import Approval
from holdgate.approvals.values import as_shown
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import kind
from holdgate.tasks.states import TaskState
from holdgate.testing import KindTester
from tests.runtime.kinds import QUICK, Named, ran

if TYPE_CHECKING:
    from nowhere import Missing  # type: ignore[import-not-found]

PEOPLE = {"zoe@example.org": Decimal("1.10"), "al@example.org": Decimal("2"), "bob@example.org": Decimal("0.5")}
mailed: list[str] = []


class Odd:
    """Nothing that msgspec reads."""


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as made:
        yield made


async def people() -> dict[str, Decimal]:
    return PEOPLE


@kind("steps.mails", backoff=QUICK, max_attempts=9)
async def mails(ctx: Context, payload: Named) -> None:
    """Each attempt mails the next one, and breaks off: it relies on the order of a stored result."""
    found = await ctx.step("people", people)
    assert found == PEOPLE
    mailed.append(list(found)[ctx.attempt - 1])
    if ctx.attempt < len(found):
        raise RuntimeError("broken off")


async def test_every_attempt_reads_the_keys_of_a_stored_result_in_the_same_order(tester: KindTester) -> None:
    mailed.clear()
    task_id = await tester.enqueue("steps.mails", {"name": "x"})
    assert await tester.finish(task_id) is TaskState.SUCCEEDED, (await tester.task(task_id)).reason
    assert mailed == list(PEOPLE)


async def missing() -> "Missing":
    ran["too early"] += 1


async def odd() -> Odd:
    return Odd()


def handed_on() -> Awaitable[int]:
    return number()


async def number() -> int:
    return 7


class Called:
    async def __call__(self) -> set[int]:
        return {1, 2}


WORK: dict[str, Any] = {
    "missing": missing,
    "odd": odd,
    "handed on": handed_on,
    "partial": partial(handed_on),
    "called": Called(),
}


@kind("steps.one", backoff=QUICK, max_attempts=5)
async def one(ctx: Context, payload: Named) -> Any:
    found = await ctx.step("work", WORK[payload.name])
    return sorted(found) if isinstance(found, set) else found


@pytest.mark.parametrize(("name", "result"), [("handed on", 7), ("partial", 7), ("called", [1, 2])])
async def test_the_type_is_found_of_whatever_can_be_called(tester: KindTester, name: str, result: Any) -> None:
    task_id = await tester.enqueue("steps.one", {"name": name})
    assert await tester.finish(task_id) is TaskState.SUCCEEDED, (await tester.task(task_id)).reason
    assert await tester.result(task_id) == result


@pytest.mark.parametrize("name", ["missing", "odd"])
async def test_a_type_that_cannot_be_read_ends_the_task_at_once(tester: KindTester, name: str) -> None:
    task_id = await tester.enqueue("steps.one", {"name": name})
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    task = await tester.task(task_id)
    assert (task.failures, "'work'" in (task.reason or "")) == (1, True)
    assert ran["too early"] == 0  # that it cannot be resolved is known before


async def mistyped() -> int:
    ran["mistyped"] += 1
    wrong: Any = "seven" if ran["mistyped"] == 1 else 7
    return cast(int, wrong)


WORK["mistyped"] = mistyped


async def test_a_result_of_another_type_is_refused_before_it_is_stored_and_mended_by_the_next_attempt(
    database: Database, tester: KindTester
) -> None:
    task_id = await tester.enqueue("steps.one", {"name": "mistyped"})
    assert await tester.run(task_id) is TaskState.DEAD_LETTER
    assert "'work'" in ((await tester.task(task_id)).reason or "")
    async with database.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM task_steps"))).scalar_one() == 0
    await tester.act(task_id, "retry")
    assert await tester.finish(task_id) is TaskState.SUCCEEDED
    assert await tester.result(task_id) == 7


NAMES = {"NUL": "a\0b", "surrogate": "caf\udce9", "long": "x" * 501}


@kind("steps.named", backoff=QUICK, max_attempts=5)
async def named(ctx: Context, payload: Named) -> None:
    verb, name = payload.name.split()

    async def work(*_: object) -> None:
        ran["named"] += 1

    match verb:
        case "step":
            await ctx.step(NAMES[name], work)
        case "transact":
            await ctx.transact(NAMES[name], work)
        case "sleep":
            await ctx.sleep(NAMES[name], timedelta(seconds=1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["step", "transact", "sleep"])
async def test_a_name_that_cannot_be_stored_is_refused_before_the_work(
    tester: KindTester, name: str, verb: str
) -> None:
    task_id = await tester.enqueue("steps.named", {"name": f"{verb} {name}"})
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    assert "step's name" in ((await tester.task(task_id)).reason or "")
    assert ran["named"] == 0


async def test_a_stored_result_that_other_code_reads_otherwise_is_an_error_that_names_the_step(
    database: Database, tester: KindTester
) -> None:
    task_id = await tester.enqueue("steps.mails", {"name": "x"})
    assert await tester.run(task_id) is TaskState.RETRYING
    async with database.write("system") as session:
        await session.execute(text("UPDATE task_steps SET result = '[1]'"))
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    task = await tester.task(task_id)
    assert (task.error or {})["type"] == PermanentError.__name__
    assert "stored result of the step 'people'" in (task.reason or "")


@kind("steps.sleeps-long", backoff=QUICK)
async def sleeps_long(ctx: Context, payload: Named) -> None:
    await ctx.sleep("for ever", timedelta.max)


async def test_a_sleep_beyond_what_can_be_read_is_refused(tester: KindTester) -> None:
    task_id = await tester.enqueue("steps.sleeps-long", {"name": "x"})
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    assert "longer than ten years" in ((await tester.task(task_id)).reason or "")


@kind("steps.refused", backoff=QUICK, max_attempts=1)
async def refused(ctx: Context, payload: Named) -> None:
    async with ctx.database.write("x") as session:
        await session.execute(text("SELECT CAST('no json' AS json)"))


async def test_an_error_of_the_database_is_told_without_its_words(tester: KindTester) -> None:
    task_id = await tester.enqueue("steps.refused", {"name": "x"})
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    task = await tester.task(task_id)
    assert task.reason == "The database refused a statement (SQLSTATE 22P02). The traceback says which."
    assert "invalid input syntax" in (task.error or {})["traceback"]


class Pair(msgspec.Struct):
    a: float


@pytest.mark.parametrize("payload", [{"name": "x\0"}, {"name": "caf\udce9"}])
async def test_a_payload_that_cannot_be_stored_is_refused_in_words(tester: KindTester, payload: Any) -> None:
    with pytest.raises(Invalid, match=r"NUL|surrogate"):
        await tester.enqueue("steps.mails", payload)


async def test_a_payload_with_nan_is_refused_and_not_stored_as_null(tester: KindTester) -> None:
    @kind("steps.measured")
    async def measured(ctx: Context, payload: Pair) -> None: ...

    with pytest.raises(Invalid, match="nan"):
        await tester.enqueue("steps.measured", Pair(float("nan")))


class Sum(msgspec.Struct):
    zeta: float
    b: str
    aa: str


@kind("steps.asks", backoff=QUICK)
async def asks(ctx: Context, payload: Named) -> list[str]:
    answer = await ctx.approval("sum", title="Pay?", show={}, form=Sum, values=Sum(1e22, "x", "y"))
    given = await ctx.ask("order", title="?", fields=[FormField(name, name, value="v") for name in ("zz", "b", "aa")])
    assert answer.form == Sum(1e22, "x", "y")
    return list(given.form)


async def test_a_form_and_its_answers_stay_as_they_were_written(database: Database, tester: KindTester) -> None:
    """A receipt is proved by the bytes that were shown, and a handler reads the answers in the order of its fields."""
    task_id = await tester.enqueue("steps.asks", {"name": "x"}, owner_id=await tester.person())
    await tester.run(task_id)
    async with database.read() as session:
        approval = await session.get_one(Approval, await session.scalar(text("SELECT id FROM approvals")))
    assert sha256(as_shown(approval)).hexdigest() == approval.version
    await tester.decide(task_id)
    await tester.run(task_id)
    await tester.decide(task_id)
    assert await tester.finish(task_id) is TaskState.SUCCEEDED, (await tester.task(task_id)).reason
    assert await tester.result(task_id) == ["zz", "b", "aa"]


@kind("steps.asks-for-ever", backoff=QUICK)
async def asks_for_ever(ctx: Context, payload: Named) -> None:
    await ctx.approval("go", title="Pay?", show={}, ttl=timedelta.max)


async def test_a_time_to_decide_beyond_what_can_be_read_is_refused(tester: KindTester) -> None:
    task_id = await tester.enqueue("steps.asks-for-ever", {"name": "x"}, owner_id=await tester.person())
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    assert "more than ten years" in ((await tester.task(task_id)).reason or "")


@kind("steps.sleeps-in-a-group", backoff=QUICK)
async def sleeps_in_a_group(ctx: Context, payload: Named) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(ctx.sleep("nap", timedelta(hours=1)))


async def test_a_sleep_in_a_task_group_of_the_handler_is_a_sleep(tester: KindTester) -> None:
    task_id = await tester.enqueue("steps.sleeps-in-a-group", {"name": "x"})
    assert await tester.run(task_id) is TaskState.SCHEDULED
    assert await tester.finish(task_id) is TaskState.SUCCEEDED, (await tester.task(task_id)).reason


@kind("steps.twice", backoff=QUICK)
async def twice(ctx: Context, payload: Named) -> int:
    """The same name for two steps: one after the other, at once, in a transaction, or after a sleep; or again after an
    error, which is no second step."""
    match payload.name:
        case "after":
            await ctx.step("page", number)
            return await ctx.step("page", number)
        case "at once":
            return sum(await asyncio.gather(ctx.step("page", number), ctx.step("page", number)))
        case "in the database":
            await ctx.step("page", number)
            await ctx.transact("page", of_session)
        case "sleep":
            await ctx.step("page", number)
            await ctx.sleep("page", timedelta(hours=1))
        case "again":
            try:
                await ctx.step("page", breaks)
            except RuntimeError:
                return await ctx.step("page", number)
    return 0


async def of_session(session: Any) -> int:
    return 8


async def breaks() -> int:
    raise RuntimeError("the first time")


@pytest.mark.parametrize("how", ["after", "at once", "in the database", "sleep"])
async def test_a_second_step_of_one_name_is_an_error_that_names_it(tester: KindTester, how: str) -> None:
    task_id = await tester.enqueue("steps.twice", {"name": how})
    assert await tester.finish(task_id) is TaskState.DEAD_LETTER
    assert "The step 'page' is there already" in ((await tester.task(task_id)).reason or "")


async def test_a_step_that_failed_may_be_tried_again_by_its_handler(tester: KindTester) -> None:
    task_id = await tester.enqueue("steps.twice", {"name": "again"})
    assert (await tester.finish(task_id), await tester.result(task_id)) == (TaskState.SUCCEEDED, 7)
