"""A site for programs that ask."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.programs import Api, api_of
from tests.factories.site import site_of


@pytest.fixture
async def api(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[Api]:
    """Without a limit of all requests that a test could meet."""
    async with api_of(msgspec.structs.replace(settings, rate_limit_max=100_000), database, redis) as made:
        yield made


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    """The pages, for browsers."""
    async with site_of(settings, database, redis) as made:
        yield made
