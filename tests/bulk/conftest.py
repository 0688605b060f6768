"""The site and its one member, for the pages of bulk actions."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.people import Browser, add_user
from tests.factories.site import browser_of, site_of


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


@pytest.fixture
async def member(transport: httpx.ASGITransport, ann: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, ann) as browser:
        yield browser
