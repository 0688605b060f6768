"""The whole site for tests of pages: every handler, real database and Redis, signed in by a header."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import httpx
import uvicorn
from redis.asyncio import Redis

import holdgate.kinds.email_send
import holdgate.kinds.sample_task  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.stats.live import Changes
from holdgate.web.http.security import Shield
from tests.factories.applications import site_with
from tests.factories.people import PEOPLE, Browser, authenticate
from tests.processes import free_port


@asynccontextmanager
async def shield_of(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[Shield]:
    changes = Changes(database, interval=0.05)
    async with site_with(settings, database, redis, authenticate, changes=changes) as shield:
        yield shield
    await changes.stop()


@asynccontextmanager
async def site_of(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with shield_of(settings, database, redis) as shield:
        # A failing handler shall show its 500 page, as it does to people.
        yield httpx.ASGITransport(shield, raise_app_exceptions=False)


class Served:
    """A site behind a real port, in this process; it can go away and come back."""

    def __init__(self, shield: Shield, port: int) -> None:
        self._shield = shield
        self._port = port
        self.base = f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        config = uvicorn.Config(
            self._shield,
            port=self._port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server._serve())
        while not self._server.started:
            assert not self._serving.done()
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._serving


@asynccontextmanager
async def served(
    settings: Settings, database: Database, redis: Redis, port: int | None = None
) -> AsyncIterator[Served]:
    async with shield_of(settings, database, redis) as shield:
        made = Served(shield, port or free_port())
        await made.start()
        yield made
        await made.stop()


def browser_of(transport: httpx.ASGITransport, person: Principal) -> Browser:
    PEOPLE[person.email] = person
    return Browser(transport, person)


def stranger(transport: httpx.ASGITransport) -> httpx.AsyncClient:
    """Nobody signed in: a phone, or a mail scanner."""
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=30)


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, f"no hidden field {name}"
    return unescape(found[1])
