"""The whole site for tests of pages: every handler, real database and Redis, signed in by a header."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import httpx
from redis.asyncio import Redis

import app.kinds.email_send
import app.kinds.sample_task  # noqa: F401
from app.approvals.reads import count_waiting
from app.asgi import HANDLERS
from app.core.config import Settings
from app.core.db import Database
from app.core.principal import Principal
from app.schema import head
from app.web.site import make_site
from tests.postings.people import PEOPLE, Browser, authenticate


@asynccontextmanager
async def site_of(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    shield, _ = make_site(
        settings,
        database,
        HANDLERS,
        authenticate=authenticate,
        redis=redis,
        waiting=count_waiting,
        state={"schema_head": head()},
        openapi_config=None,
    )
    # A failing handler shall show its 500 page, as it does to people.
    transport = httpx.ASGITransport(shield, raise_app_exceptions=False)  # type: ignore[arg-type]
    yield transport


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
