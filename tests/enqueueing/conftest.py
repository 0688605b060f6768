"""The programs in examples/, imported for one test each."""

import sys
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.kinds import BUILT_IN
from holdgate.runtime import resources
from holdgate.schedules import declared
from holdgate.tasks import kinds
from tests import wheels
from tests.enqueueing.refunds import EXAMPLES


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports an example. Its modules and kinds are gone after the test."""
    for built_in in BUILT_IN:
        import_module(built_in)  # before: what is imported first by a test would be gone after it as well
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))
    monkeypatch.setattr(declared, "_DECLARED", {})
    monkeypatch.setattr(resources, "_DECLARED", [])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield import_module
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[None]:
    yield
    async with database.write("system") as session:
        await session.execute(text("DROP TABLE IF EXISTS public.shop_refunds, shop_refunds"))


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples beside an environment with the wheel; its other packages are ours, by a path."""
    place = tmp_path_factory.mktemp("product")
    files = {f"examples/{path.name}": path.read_text() for path in EXAMPLES.glob("*.py")}
    wheels.install(wheels.build(place), place, files)
    return place
