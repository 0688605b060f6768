"""People, and the pages of postings and new runs as a site of their own."""

from collections.abc import AsyncIterator

import httpx
import pytest

import holdgate.kinds.application_submit  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.applications import site_with
from tests.factories.people import Browser, add_user, authenticate


@pytest.fixture
async def ada(database: Database) -> Principal:
    return await add_user(database, "ada@example.com")


@pytest.fixture
async def bob(database: Database) -> Principal:
    return await add_user(database, "bob@example.com")


@pytest.fixture
async def admin(database: Database) -> Principal:
    return await add_user(database, "root@example.com", "admin")


@pytest.fixture
async def site(database: Database, settings: Settings) -> AsyncIterator[httpx.ASGITransport]:
    async with site_with(settings, database, None, authenticate) as shield:
        yield httpx.ASGITransport(shield)


@pytest.fixture
async def browser(site: httpx.ASGITransport, ada: Principal) -> AsyncIterator[Browser]:
    """Ada's browser."""
    async with Browser(site, ada) as made:
        yield made


@pytest.fixture
async def bobs(site: httpx.ASGITransport, bob: Principal) -> AsyncIterator[Browser]:
    async with Browser(site, bob) as made:
        yield made
