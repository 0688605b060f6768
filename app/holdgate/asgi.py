"""The web server's entry: `uvicorn --factory app.asgi:create`. Knows every feature and puts them together."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module

from litestar import Litestar, Response, get
from litestar.types import ASGIApp
from redis.asyncio import Redis

import app.accounts.account_api
import app.accounts.admin_views
import app.accounts.people_api
import app.accounts.resume_api
import app.accounts.settings_views
import app.accounts.token_views
import app.accounts.views
import app.api.docs_views
import app.approvals.api
import app.approvals.detour_api
import app.approvals.detour_views
import app.approvals.group_api
import app.approvals.group_views
import app.approvals.receipt_views
import app.approvals.review
import app.approvals.story
import app.approvals.trail_api
import app.approvals.views
import app.approvals.waiting
import app.audit.api
import app.audit.views
import app.bulk.api
import app.bulk.story
import app.bulk.views
import app.doctor.api
import app.doctor.views
import app.mail.views
import app.overview.api
import app.overview.views
import app.postings.api
import app.postings.run_api
import app.postings.story
import app.postings.views
import app.runs.api
import app.runs.search_views
import app.runs.story
import app.runs.task_api
import app.runs.views
import app.schedules.api
import app.schedules.story
import app.schedules.token_uses
import app.schedules.views
import app.stats.live_views
import app.tasks.admin_api
import app.tasks.api
import app.tasks.artifact_views
import app.tasks.dead_letter_views
import app.tasks.edit_api
import app.tasks.edit_views
import app.tasks.export_views
import app.tasks.list_views
import app.tasks.metrics_views
import app.tasks.new_views
import app.tasks.queue_views
import app.tasks.reading_api
import app.tasks.saved_api
import app.tasks.saved_views
import app.tasks.stats_api
import app.tasks.views
import app.tasks.worker_api
import app.tasks.worker_views
import app.web.health
import app.web.styleguide
import app.webhooks.api
import app.webhooks.token_uses
import app.webhooks.views
from app.accounts.auth import session_middleware
from app.accounts.bearer import bearer_middleware
from app.api.router import api_router
from app.approvals.reads import count_waiting
from app.core import log, metrics, tracing
from app.core.config import Settings, load
from app.core.db import Database
from app.core.ending import Ending
from app.embedded.attach import attached
from app.kinds import BUILT_IN
from app.runtime.doorbell import Doorbell
from app.schema import head
from app.stats.live import Changes
from app.web.render import render, see_other
from app.web.request import WebRequest, principal
from app.web.site import make_site

# Of a request's statement: somebody waits for the answer. Exports have more (app/core/db.py).
STATEMENT_LIMIT = timedelta(seconds=5)


@get("/")
async def landing(request: WebRequest) -> Response[str] | Response[None]:
    if principal(request.scope) is not None:
        return see_other(request, "/overview")
    return await render(request, "landing.html")


# Seconds for a clean end. The command `web` gives requests three of them.
END_WITHIN = 8.0

API_HANDLERS = [
    *app.runs.task_api.handlers,
    *app.tasks.api.handlers,
    *app.tasks.edit_api.handlers,
    *app.tasks.reading_api.handlers,
    *app.tasks.saved_api.handlers,
    *app.runs.api.handlers,
    *app.approvals.api.handlers,
    *app.approvals.detour_api.handlers,
    *app.approvals.group_api.handlers,
    *app.approvals.trail_api.handlers,
    *app.postings.api.handlers,
    *app.schedules.api.handlers,
    *app.overview.api.handlers,
    *app.tasks.stats_api.handlers,
    *app.tasks.admin_api.handlers,
    *app.tasks.worker_api.handlers,
    *app.postings.run_api.handlers,
    *app.bulk.api.handlers,
    *app.webhooks.api.handlers,
    *app.accounts.people_api.handlers,
    *app.accounts.account_api.handlers,
    *app.accounts.resume_api.handlers,
    *app.audit.api.handlers,
    *app.doctor.api.handlers,
]

HANDLERS = [
    landing,
    *app.web.health.handlers,
    *app.web.styleguide.handlers,
    *app.tasks.metrics_views.handlers,
    *app.doctor.views.handlers,
    *app.accounts.views.handlers,
    *app.accounts.settings_views.handlers,
    *app.accounts.token_views.handlers,
    *app.accounts.admin_views.handlers,
    *app.stats.live_views.handlers,
    *app.overview.views.handlers,
    *app.runs.views.handlers,
    *app.runs.search_views.handlers,
    *app.tasks.list_views.handlers,
    *app.tasks.saved_views.handlers,
    *app.tasks.export_views.handlers,
    *app.tasks.views.handlers,
    *app.tasks.worker_views.handlers,
    *app.tasks.edit_views.handlers,
    *app.tasks.artifact_views.handlers,
    *app.tasks.new_views.handlers,
    *app.tasks.queue_views.handlers,
    *app.audit.views.handlers,
    *app.schedules.views.handlers,
    *app.tasks.dead_letter_views.handlers,
    *app.bulk.views.handlers,
    *app.approvals.views.handlers,
    *app.approvals.review.handlers,
    *app.approvals.receipt_views.handlers,
    *app.approvals.group_views.handlers,
    *app.approvals.detour_views.handlers,
    *app.postings.views.handlers,
    *app.mail.views.handlers,
    *app.webhooks.views.handlers,
    *app.api.docs_views.handlers(API_HANDLERS),
    api_router(API_HANDLERS, authenticate=bearer_middleware),
]


# Features whose things go on after the token that made them is revoked.
TOKEN_USES = (app.schedules.token_uses, app.webhooks.token_uses)


def create_app(settings: Settings) -> ASGIApp:
    """The application on the servers that `settings` names."""
    for module in (*BUILT_IN, *settings.kinds):
        import_module(module)
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=0.5, socket_timeout=0.5)
    doorbell = Doorbell(redis, settings.doorbell_scope)
    database = Database(
        settings.database_url,
        name="holdpoint web",
        pool_size=10,
        announce=doorbell.announce,
        pooler=settings.database_pooler,
        replica=settings.database_read_url,
        limit=STATEMENT_LIMIT,
    )

    changes = Changes(database)

    @asynccontextmanager
    async def life(app: Litestar) -> AsyncIterator[None]:
        _end_streams_first(app)
        yield
        await changes.stop()
        tracing.stop()
        await redis.aclose()
        await database.dispose()

    shield, _ = make_site(
        settings,
        database,
        HANDLERS,
        authenticate=session_middleware,
        redis=redis,
        waiting=count_waiting,
        observe=metrics.observe_request,
        state={"schema_head": head(), "changes": changes, "token_uses": TOKEN_USES},
        lifespan=[life],
        openapi_config=None,
    )
    return shield


def _end_streams_first(app: Litestar) -> None:
    """When the server is told to end, it waits for its requests: those that only listen must end by themselves.

    The server has its own handlers of signals; where it has none, in a test say, this does nothing.
    """
    server = signal.getsignal(signal.SIGTERM)
    if not callable(server) or threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def end_streams() -> None:
        for name in ("changes", "feed", "waiting_tasks"):
            if name in app.state:
                app.state[name].end()

    def begin(number: int) -> None:
        loop.call_soon_threadsafe(end_streams)
        server(signal.SIGTERM if number == signal.SIGHUP else number, None)

    Ending(begin, END_WITHIN).listen()


def create() -> ASGIApp:
    """What uvicorn calls, with the settings of the environment."""
    settings = attached(load(os.environ))
    log.configure(json=not settings.development, level=settings.log_level)
    tracing.configure(settings.traces_url, "holdpoint-web")
    return create_app(settings)
