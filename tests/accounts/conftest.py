"""Fixtures of the accounts tests."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from holdgate.accounts.pages import sign_in
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.accounts import World, world_of


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for a link answers at once; one test looks at the time it takes."""
    monkeypatch.setattr(sign_in, "ANSWER_AFTER", 0.0)


@pytest.fixture
async def world(settings: Settings, database: Database) -> AsyncIterator[World]:
    """SIGNUP=invite, as is the default."""
    async with world_of(settings, database) as made:
        yield made


@pytest.fixture
async def open_world(settings: Settings, database: Database) -> AsyncIterator[World]:
    async with world_of(msgspec.structs.replace(settings, signup="open"), database) as made:
        yield made
