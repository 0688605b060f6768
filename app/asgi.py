"""The web server's entry: `uvicorn --factory app.asgi:create`. Knows every feature and puts them together."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from litestar import Litestar, Response, get
from litestar.types import ASGIApp
from redis.asyncio import Redis

import app.accounts.admin_views
import app.accounts.settings_views
import app.accounts.views
import app.approvals.review
import app.approvals.views
import app.mail.views
import app.postings.views
import app.runs.views
import app.schedules.views
import app.tasks.artifact_views
import app.tasks.audit_views
import app.tasks.new_views
import app.tasks.overview
import app.tasks.queue_views
import app.tasks.views
import app.web.health
from app.accounts.auth import session_middleware
from app.approvals.reads import count_waiting
from app.core import log
from app.core.config import Settings, load
from app.core.db import Database
from app.embedded.attach import attached
from app.kinds import BUILT_IN
from app.runtime.doorbell import Doorbell
from app.schema import head
from app.web.render import render, see_other
from app.web.request import WebRequest, principal
from app.web.site import make_site


@get("/")
async def landing(request: WebRequest) -> Response[str] | Response[None]:
    if principal(request.scope) is not None:
        return see_other(request, "/overview")
    return await render(request, "landing.html")


HANDLERS = [
    landing,
    *app.web.health.handlers,
    *app.accounts.views.handlers,
    *app.accounts.settings_views.handlers,
    *app.accounts.admin_views.handlers,
    *app.tasks.overview.handlers,
    *app.runs.views.handlers,
    *app.tasks.views.handlers,
    *app.tasks.artifact_views.handlers,
    *app.tasks.new_views.handlers,
    *app.tasks.queue_views.handlers,
    *app.tasks.audit_views.handlers,
    *app.schedules.views.handlers,
    *app.approvals.views.handlers,
    *app.approvals.review.handlers,
    *app.postings.views.handlers,
    *app.mail.views.handlers,
]


def create_app(settings: Settings) -> ASGIApp:
    """The application on the servers that `settings` names."""
    for module in (*BUILT_IN, *settings.kinds):
        import_module(module)
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=0.5, socket_timeout=0.5)
    doorbell = Doorbell(redis, settings.doorbell_scope)
    database = Database(settings.database_url, name="holdpoint web", pool_size=10, announce=doorbell.ring)

    @asynccontextmanager
    async def life(_app: Litestar) -> AsyncIterator[None]:
        yield
        await redis.aclose()
        await database.dispose()

    shield, _ = make_site(
        settings,
        database,
        HANDLERS,
        authenticate=session_middleware,
        redis=redis,
        waiting=count_waiting,
        state={"schema_head": head()},
        lifespan=[life],
        openapi_config=None,
    )
    return shield


def create() -> ASGIApp:
    """What uvicorn calls, with the settings of the environment."""
    settings = attached(load(os.environ))
    log.configure(json=not settings.development)
    return create_app(settings)
