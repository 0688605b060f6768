"""Fixtures of the API's tests."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.programs import Api, api_of


@pytest.fixture
async def api(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[Api]:
    """Without a limit that a test could meet."""
    roomy = msgspec.structs.replace(settings, rate_limit_max=100_000)
    async with api_of(roomy, database, redis) as made:
        yield made
