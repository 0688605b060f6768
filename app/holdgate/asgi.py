"""The web server's entry: `uvicorn --factory holdgate.asgi:create`. Knows every feature and puts them together."""

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

import holdgate.accounts.account_api
import holdgate.accounts.admin_views
import holdgate.accounts.people_api
import holdgate.accounts.resume_api
import holdgate.accounts.settings_views
import holdgate.accounts.token_views
import holdgate.accounts.views
import holdgate.api.docs_views
import holdgate.approvals.api
import holdgate.approvals.detour_api
import holdgate.approvals.detour_views
import holdgate.approvals.group_api
import holdgate.approvals.group_views
import holdgate.approvals.receipt_views
import holdgate.approvals.review
import holdgate.approvals.story
import holdgate.approvals.trail_api
import holdgate.approvals.views
import holdgate.approvals.waiting
import holdgate.audit.api
import holdgate.audit.views
import holdgate.bulk.api
import holdgate.bulk.story
import holdgate.bulk.views
import holdgate.doctor.api
import holdgate.doctor.views
import holdgate.mail.views
import holdgate.overview.api
import holdgate.overview.views
import holdgate.postings.api
import holdgate.postings.run_api
import holdgate.postings.story
import holdgate.postings.views
import holdgate.runs.api
import holdgate.runs.search_views
import holdgate.runs.story
import holdgate.runs.task_api
import holdgate.runs.views
import holdgate.schedules.api
import holdgate.schedules.story
import holdgate.schedules.token_uses
import holdgate.schedules.views
import holdgate.stats.live_views
import holdgate.tasks.admin_api
import holdgate.tasks.api
import holdgate.tasks.artifact_views
import holdgate.tasks.dead_letter_views
import holdgate.tasks.edit_api
import holdgate.tasks.edit_views
import holdgate.tasks.export_views
import holdgate.tasks.list_views
import holdgate.tasks.metrics_views
import holdgate.tasks.new_views
import holdgate.tasks.queue_views
import holdgate.tasks.reading_api
import holdgate.tasks.saved_api
import holdgate.tasks.saved_views
import holdgate.tasks.stats_api
import holdgate.tasks.views
import holdgate.tasks.worker_api
import holdgate.tasks.worker_views
import holdgate.web.health
import holdgate.web.styleguide
import holdgate.webhooks.api
import holdgate.webhooks.token_uses
import holdgate.webhooks.views
from holdgate.accounts.auth import session_middleware
from holdgate.accounts.bearer import bearer_middleware
from holdgate.api.router import api_router
from holdgate.approvals.reads import count_waiting
from holdgate.core import log, metrics, tracing
from holdgate.core.config import Settings, load
from holdgate.core.db import Database
from holdgate.core.ending import Ending
from holdgate.embedded.attach import attached
from holdgate.kinds import BUILT_IN
from holdgate.runtime.doorbell import Doorbell
from holdgate.schema import head
from holdgate.stats.live import Changes
from holdgate.web.render import render, see_other
from holdgate.web.request import WebRequest, principal
from holdgate.web.site import make_site

# Of a request's statement: somebody waits for the answer. Exports have more (core/db.py).
STATEMENT_LIMIT = timedelta(seconds=5)


@get("/")
async def landing(request: WebRequest) -> Response[str] | Response[None]:
    if principal(request.scope) is not None:
        return see_other(request, "/overview")
    return await render(request, "landing.html")


# Seconds for a clean end. The command `web` gives requests three of them.
END_WITHIN = 8.0

API_HANDLERS = [
    *holdgate.runs.task_api.handlers,
    *holdgate.tasks.api.handlers,
    *holdgate.tasks.edit_api.handlers,
    *holdgate.tasks.reading_api.handlers,
    *holdgate.tasks.saved_api.handlers,
    *holdgate.runs.api.handlers,
    *holdgate.approvals.api.handlers,
    *holdgate.approvals.detour_api.handlers,
    *holdgate.approvals.group_api.handlers,
    *holdgate.approvals.trail_api.handlers,
    *holdgate.postings.api.handlers,
    *holdgate.schedules.api.handlers,
    *holdgate.overview.api.handlers,
    *holdgate.tasks.stats_api.handlers,
    *holdgate.tasks.admin_api.handlers,
    *holdgate.tasks.worker_api.handlers,
    *holdgate.postings.run_api.handlers,
    *holdgate.bulk.api.handlers,
    *holdgate.webhooks.api.handlers,
    *holdgate.accounts.people_api.handlers,
    *holdgate.accounts.account_api.handlers,
    *holdgate.accounts.resume_api.handlers,
    *holdgate.audit.api.handlers,
    *holdgate.doctor.api.handlers,
]

HANDLERS = [
    landing,
    *holdgate.web.health.handlers,
    *holdgate.web.styleguide.handlers,
    *holdgate.tasks.metrics_views.handlers,
    *holdgate.doctor.views.handlers,
    *holdgate.accounts.views.handlers,
    *holdgate.accounts.settings_views.handlers,
    *holdgate.accounts.token_views.handlers,
    *holdgate.accounts.admin_views.handlers,
    *holdgate.stats.live_views.handlers,
    *holdgate.overview.views.handlers,
    *holdgate.runs.views.handlers,
    *holdgate.runs.search_views.handlers,
    *holdgate.tasks.list_views.handlers,
    *holdgate.tasks.saved_views.handlers,
    *holdgate.tasks.export_views.handlers,
    *holdgate.tasks.views.handlers,
    *holdgate.tasks.worker_views.handlers,
    *holdgate.tasks.edit_views.handlers,
    *holdgate.tasks.artifact_views.handlers,
    *holdgate.tasks.new_views.handlers,
    *holdgate.tasks.queue_views.handlers,
    *holdgate.audit.views.handlers,
    *holdgate.schedules.views.handlers,
    *holdgate.tasks.dead_letter_views.handlers,
    *holdgate.bulk.views.handlers,
    *holdgate.approvals.views.handlers,
    *holdgate.approvals.review.handlers,
    *holdgate.approvals.receipt_views.handlers,
    *holdgate.approvals.group_views.handlers,
    *holdgate.approvals.detour_views.handlers,
    *holdgate.postings.views.handlers,
    *holdgate.mail.views.handlers,
    *holdgate.webhooks.views.handlers,
    *holdgate.api.docs_views.handlers(API_HANDLERS),
    api_router(API_HANDLERS, authenticate=bearer_middleware),
]


# Features whose things go on after the token that made them is revoked.
TOKEN_USES = (holdgate.schedules.token_uses, holdgate.webhooks.token_uses)


def create_app(settings: Settings) -> ASGIApp:
    """The application on the servers that `settings` names."""
    for module in (*BUILT_IN, *settings.kinds):
        import_module(module)
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=0.5, socket_timeout=0.5)
    doorbell = Doorbell(redis, settings.doorbell_scope)
    database = Database(
        settings.database_url,
        name="holdgate web",
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
    tracing.configure(settings.traces_url, "holdgate-web")
    return create_app(settings)
