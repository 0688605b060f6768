"""What handlers share: opened before a worker's first task, closed behind its last one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from holdgate import Context, kind, resource
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime import resources
from holdgate.runtime.resources import Resource, Resources
from holdgate.testing import KindTester
from tests.runtime.kinds import Named

said: list[str] = []


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(resources, "_DECLARED", [])
    said.clear()
    yield


def make(name: str, *, breaks: str = "") -> Resource[str]:
    async def opens() -> AsyncIterator[str]:
        if breaks == "open":
            raise OSError(f"no {name}")
        said.append(f"open {name}")
        task = asyncio.current_task()
        yield name
        assert asyncio.current_task() is task
        said.append(f"close {name}")
        if breaks == "close":
            raise OSError(f"{name} stays")

    return resource(opens)


async def test_they_are_opened_in_order_and_closed_the_other_way_round() -> None:
    first, second = make("first"), make("second", breaks="close")
    opened = Resources()
    await opened.open()
    assert (opened.get(first), opened.get(second)) == ("first", "second")
    await asyncio.create_task(opened.close())
    assert said == ["open first", "open second", "close second", "close first"]
    with pytest.raises(LookupError, match=r"opens is not open\. Declare it in a module that KINDS names"):
        opened.get(first)


async def test_one_that_cannot_be_opened_says_so_and_closes_those_before_it() -> None:
    make("first")
    make("second", breaks="open")
    with pytest.raises(OSError, match="no second"):
        await Resources().open()
    assert said == ["open first", "close first"]


def test_what_yields_nothing_is_refused_when_it_is_declared() -> None:
    async def opens() -> Any:
        return 1

    wrong: Any = opens
    with pytest.raises(TypeError, match="must be an `async def` without arguments that yields once"):
        resource(wrong)


async def test_a_handler_has_it_in_tests_as_in_a_worker(database: Database, settings: Settings) -> None:
    bank = make("bank")

    @kind("resources.used")
    async def used(ctx: Context, payload: Named) -> str:
        return f"{payload.name} by {ctx.resource(bank)}"

    async with KindTester(database, settings) as tester:
        task = await tester.enqueue("resources.used", Named("paid"))
        assert (await tester.run(task), await tester.result(task)) == ("succeeded", "paid by bank")
    assert said == ["open bank", "close bank"]
