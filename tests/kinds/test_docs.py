"""docs/kinds.md says nothing that does not work."""

import inspect
import re
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.kinds import BUILT_IN
from holdgate.runtime.attempts.context import Context
from holdgate.tasks import kinds
from holdgate.tasks.errors import PayloadMismatch
from holdgate.testing import KindTester
from tests.kinds.odd_site import data, odd_site, page

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's Python, as one module. Its kinds are gone after the test."""
    for built_in in BUILT_IN:
        import_module(built_in)  # before: what the tester imports first would be gone after the test as well
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))
    module = ModuleType("docs_kinds")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(_python(PAGE.read_text()), str(PAGE), "exec"), module.__dict__)
    return module


def _python(text: str) -> str:
    """The code blocks, each line where it stands on the page, so that a traceback names it."""
    inside = False
    lines = []
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return "\n".join(lines)


async def test_the_example_passes_its_own_test(example: ModuleType, database: Database, settings: Settings) -> None:
    tests = [function for name, function in vars(example).items() if name.startswith("test_")]
    assert len(tests) == 1
    async with odd_site(page("closed", "503 Closed"), data('{"id": "T-1"}', "201 Created")) as bank:
        await tests[0](database, settings, bank.url)
        keys = {re.search(rb'"cents":\s*1000', body) is not None for _, body in bank.asked}
    assert (len(bank.asked), keys) == (2, {True})


async def test_a_payload_of_the_first_version_still_does_its_work(
    example: ModuleType, database: Database, settings: Settings
) -> None:
    async with KindTester(database, settings) as tester:
        older = await tester.enqueue("refund.tell", {"order": "A7"})
        assert await tester.run(older) == "succeeded"
        assert await tester.result(older) == "en: order A7 is paid back"
        with pytest.raises(PayloadMismatch, match="orders"):
            await tester.enqueue("refund.tell", {"orders": "A7"})


async def test_a_task_that_has_begun_keeps_to_its_version_and_a_new_one_takes_the_next(
    example: ModuleType, database: Database, settings: Settings
) -> None:
    present = kinds.find_kind("refund.tell")

    async def before(ctx: Context, payload: Any) -> str:
        if payload.order == "asked":
            await ctx.approval("agree", title="Tell them", show={})
        await ctx.step("look-up", example.look_up, payload.order)
        raise RuntimeError("the release before ends here")

    async with KindTester(database, settings) as tester:
        owner = await tester.person()
        kinds._CATALOGUE["refund.tell"] = replace(present, handler=before)
        begun, asked = [
            await tester.enqueue("refund.tell", {"order": order, "language": "fr"}, owner_id=owner)
            for order in ("begun", "asked")
        ]
        assert [await tester.run(begun), await tester.run(asked)] == ["retrying", "pending_approval"]
        fresh = await tester.enqueue("refund.tell", {"order": "fresh", "language": "fr"})
        kinds._CATALOGUE["refund.tell"] = present
        await tester.decide(asked)
        for task_id in (begun, asked, fresh):
            assert await tester.finish(task_id) == "succeeded"
        assert await tester.result(begun) == "en: order begun is paid back"
        assert await tester.result(asked) == "en: order asked is paid back"
        assert await tester.result(fresh) == "fr: order fresh is paid back"
        assert await tester.steps(fresh) == {
            "version:by language": 1,
            "write in language": "fr: order fresh is paid back",
        }


async def test_a_version_is_kept_while_the_task_runs_again(
    example: ModuleType, database: Database, settings: Settings
) -> None:
    """Kept before anything is done: an attempt that fails behind it changes nothing."""
    present = kinds.find_kind("refund.tell")

    async def fails_first(ctx: Context, payload: Any) -> str:
        version = await ctx.version("by language", 1)
        await ctx.step("look-up", example.look_up, payload.order)
        if ctx.attempt == 1:
            raise RuntimeError("not yet")
        return str(version)

    kinds._CATALOGUE["refund.tell"] = replace(present, handler=fails_first)
    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("refund.tell", {"order": "A7", "language": "fr"})
        assert await tester.finish(task_id) == "succeeded"
        assert await tester.result(task_id) == "1"


def test_the_page_names_only_what_exists() -> None:
    text = PAGE.read_text()

    def named(prefix: str) -> set[str]:
        return set(re.findall(rf"\b{prefix}\.(\w+)", text))

    assert all(hasattr(Context, name) for name in named("ctx") - {"settings"})
    assert all(hasattr(KindTester, name) for name in named("tester"))
    parameters: dict[str, Any] = dict(inspect.signature(kinds.kind).parameters)
    assert {"queue", "max_attempts", "timeout", "backoff", "runs_in"} <= parameters.keys()
