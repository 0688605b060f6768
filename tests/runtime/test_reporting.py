"""Errors of attempts reach the service that collects a product's, whatever kind of handler they are from."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from holdgate import Backoff, Context, PermanentError, kind, on_error
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.attempts import reporting
from holdgate.tasks.errors import PayloadMismatch
from holdgate.testing import KindTester

QUICK = Backoff(base=timedelta(milliseconds=1), cap=timedelta(milliseconds=1))


@dataclass
class Bill:
    order: str


@kind("reporting.pays", max_attempts=2, backoff=QUICK)
async def pays(ctx: Context, bill: Bill) -> None:
    if bill.order == "held":
        await ctx.approval("agree", title="Pay", show={}, recipients=("ann@example.org",))
    if bill.order == "cancels itself":
        raise asyncio.CancelledError
    if bill.order == "gone":
        raise PermanentError("There is no such order.")
    raise ValueError("The bank is closed.")


@kind("reporting.pays-in-a-thread", runs_in="thread", max_attempts=1)
def pays_in_a_thread(bill: Bill) -> None:
    raise ValueError("The bank is closed.")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    monkeypatch.setattr(reporting, "_REPORTS", [])
    errors: list[BaseException] = []

    @on_error
    def broken(error: BaseException) -> None:
        raise RuntimeError("The service is away.")

    on_error(errors.append)
    yield errors


async def test_each_failed_attempt_is_told_with_its_task_and_a_hold_is_none(
    database: Database, settings: Settings, told: list[BaseException]
) -> None:
    async with KindTester(database, settings) as tester:
        fails = await tester.enqueue("reporting.pays", Bill("A7"))
        assert await tester.finish(fails) == "dead_letter"
        notes = [f"Holdgate: task {fails} of kind reporting.pays, attempt {n}." for n in (1, 2)]
        assert [error.__notes__ for error in told] == [[note] for note in notes]

        told.clear()
        assert await tester.run(await tester.enqueue("reporting.pays", Bill("held"))) == "pending_approval"
        assert told == []

        for name, order in (("reporting.pays", "gone"), ("reporting.pays-in-a-thread", "A7")):
            assert await tester.finish(await tester.enqueue(name, Bill(order))) == "dead_letter"
        assert [type(error) for error in told] == [PermanentError, ValueError]


async def test_an_attempt_that_cancels_itself_or_cannot_begin_is_told_too(
    database: Database, settings: Settings, told: list[BaseException]
) -> None:
    async with KindTester(database, settings) as tester:
        cancels = await tester.enqueue("reporting.pays", Bill("cancels itself"))
        assert await tester.run(cancels) == "retrying"
        misfit = await tester.enqueue("reporting.pays", Bill("A7"))
        async with database.write("system") as session:
            await session.execute(text("UPDATE tasks SET payload = '{}' WHERE id = :id"), {"id": misfit})
        assert await tester.run(misfit) == "dead_letter"
    assert [type(error) for error in told] == [asyncio.CancelledError, PayloadMismatch]
    for task_id, error in zip((cancels, misfit), told, strict=True):
        assert f"task {task_id} " in error.__notes__[0]
