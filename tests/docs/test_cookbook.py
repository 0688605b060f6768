"""The recipes of docs/cookbook.md, as they stand, with the real queue."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks import kinds
from holdgate.testing import KindTester
from tests.docs.pages import blocks

PROGRAM = "\n\n".join(each.text for each in blocks() if each.page == "docs/cookbook.md" and each.language == "python")


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """As a module: what runs in a process of its own is found there by its name."""
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))
    (tmp_path / "cookbook.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield import_module("cookbook")
    del sys.modules["cookbook"]


async def test_every_recipe_does_what_it_says(recipes: Any, database: Database, settings: Settings) -> None:
    async with KindTester(database, settings) as tester:
        async with database.write("system") as session:
            for _ in range(2):
                await recipes.bought(session)
            await recipes.later(session)
        assert len(await tester.drain()) == 2, "each invoice once, and the one of tomorrow not yet"

        sync = await tester.enqueue("shop.sync", recipes.Order("A7"))
        assert await tester.run(sync) == "succeeded"

        for agreed, given in ((True, "20 %"), (False, "none")):
            task = await tester.enqueue("shop.discount", recipes.Order("A7"))
            assert await tester.run(task) == "pending_approval"
            await tester.decide(task, approve=agreed)
            assert (await tester.finish(task), await tester.result(task)) == ("succeeded", given)

        payout = await tester.enqueue("shop.payout", recipes.Order("A7"))
        assert await tester.run(payout) == "pending_approval"
        for person in ("ann@shop.example", "bob@shop.example"):
            await tester.approve(payout, by=person)
        assert await tester.finish(payout) == "succeeded"

        remind = await tester.enqueue("shop.remind", recipes.Order("A7"))
        assert await tester.run(remind) == "scheduled"

        month = await tester.enqueue("shop.close-month", recipes.Order("A7"))
        assert await tester.run(month) == "succeeded"
        assert len(await tester.drain()) == 2

        blocking = await tester.enqueue("shop.archive", recipes.Order("A7"))
        assert await tester.finish(blocking) == "succeeded"
