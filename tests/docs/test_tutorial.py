"""The kind of the tutorial passes the tutorial's own test."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.kinds import BUILT_IN
from holdgate.tasks import kinds
from tests.docs.pages import blocks
from tests.processes import ROOT


async def test_the_tutorials_kind_passes_its_own_test(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for built_in in BUILT_IN:
        import_module(built_in)
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))
    module = ModuleType("greetings")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for each in blocks():
        if each.page == "docs/tutorial.md" and each.language == "python":
            exec(compile("\n" * (each.line - 1) + each.text, str(ROOT / each.page), "exec"), module.__dict__)
    await module.test_a_greeting_says_what_was_agreed(database, settings)
