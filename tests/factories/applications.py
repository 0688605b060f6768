"""Sites of tests. To make one takes as long as dozens of requests, so each process keeps its own and lends them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from redis.asyncio import Redis

from holdgate.approvals.requests.inbox import count_waiting
from holdgate.asgi import HANDLERS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.schema import head
from holdgate.web.http.limits import RateLimits
from holdgate.web.http.security import Shield
from holdgate.web.site import make_site

SPARE: dict[tuple[int, object, bool], list[Litestar]] = {}
# What does not depend on whose site it is. All else, such as what handlers keep beside it, begins anew.
KEPT = ("templates", "assets", "waiting", "navigation")


@asynccontextmanager
async def site_with(
    settings: Settings,
    database: Database,
    redis: Redis | None,
    authenticate: Callable[..., Any],
    handlers: Sequence[Any] = HANDLERS,
    **state: object,
) -> AsyncIterator[Shield]:
    """A site of these handlers, a constant. Two at once are two applications."""
    spare = SPARE.setdefault((id(handlers), authenticate, settings.development), [])
    app = spare.pop() if spare else _make(settings, database, authenticate, handlers)
    kept = {name: app.state[name] for name in KEPT}
    mine = {"settings": settings, "database": database, "redis": redis, "limits": RateLimits(redis)}
    app.state = State({**kept, **mine, "schema_head": head(), **state})
    yield Shield(app, settings, kept["templates"])
    spare.append(app)


def _make(
    settings: Settings, database: Database, authenticate: Callable[..., Any], handlers: Sequence[Any]
) -> Litestar:
    waiting = count_waiting if handlers is HANDLERS else None
    _, app = make_site(settings, database, handlers, authenticate=authenticate, waiting=waiting, openapi_config=None)
    return app
