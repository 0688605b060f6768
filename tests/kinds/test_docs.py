"""docs/kinds.md says nothing that does not work."""

import inspect
import re
import sys
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


def test_the_page_names_only_what_exists() -> None:
    text = PAGE.read_text()

    def named(prefix: str) -> set[str]:
        return set(re.findall(rf"\b{prefix}\.(\w+)", text))

    assert all(hasattr(Context, name) for name in named("ctx") - {"settings"})
    assert all(hasattr(KindTester, name) for name in named("tester"))
    parameters: dict[str, Any] = dict(inspect.signature(kinds.kind).parameters)
    assert {"queue", "max_attempts", "timeout", "backoff", "runs_in"} <= parameters.keys()
