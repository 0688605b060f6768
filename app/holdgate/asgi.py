"""The web server's entry: `uvicorn --factory holdgate.asgi:create`. Knows every feature and puts them together."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from litestar import Litestar, Response, get
from litestar.types import ASGIApp
from redis.asyncio import Redis

import holdgate.accounts.api.account
import holdgate.accounts.api.people
import holdgate.accounts.api.resume
import holdgate.accounts.pages.people
import holdgate.accounts.pages.settings
import holdgate.accounts.pages.sign_in
import holdgate.accounts.pages.tokens
import holdgate.api.docs_views
import holdgate.approvals.api.approvals
import holdgate.approvals.api.evidence
import holdgate.approvals.api.groups
import holdgate.approvals.api.side_actions
import holdgate.approvals.evidence.people_waiting
import holdgate.approvals.pages.groups
import holdgate.approvals.pages.inbox
import holdgate.approvals.pages.receipts
import holdgate.approvals.pages.review
import holdgate.approvals.pages.side_actions
import holdgate.approvals.pages.task_timeline
import holdgate.audit.api
import holdgate.audit.views
import holdgate.bulk.api
import holdgate.bulk.timeline
import holdgate.bulk.views
import holdgate.doctor.api
import holdgate.doctor.views
import holdgate.mail.views
import holdgate.overview.api
import holdgate.overview.views
import holdgate.postings.api.postings
import holdgate.postings.api.runs
import holdgate.postings.pages.list
import holdgate.postings.task_timeline
import holdgate.runs.api.runs
import holdgate.runs.api.tasks
import holdgate.runs.pages.runs
import holdgate.runs.pages.search
import holdgate.runs.timeline
import holdgate.schedules.api
import holdgate.schedules.timeline
import holdgate.schedules.token_uses
import holdgate.schedules.views
import holdgate.stats.live_views
import holdgate.tasks.api.details
import holdgate.tasks.api.edit
import holdgate.tasks.api.limits
import holdgate.tasks.api.saved
import holdgate.tasks.api.stats
import holdgate.tasks.api.tasks
import holdgate.tasks.api.workers
import holdgate.tasks.pages.artifacts
import holdgate.tasks.pages.dead_letters
import holdgate.tasks.pages.detail
import holdgate.tasks.pages.edit
import holdgate.tasks.pages.exports
import holdgate.tasks.pages.list
import holdgate.tasks.pages.metrics
import holdgate.tasks.pages.new
import holdgate.tasks.pages.queues
import holdgate.tasks.pages.saved
import holdgate.tasks.pages.workers
import holdgate.web.health
import holdgate.web.styleguide
import holdgate.webhooks.api
import holdgate.webhooks.token_uses
import holdgate.webhooks.views
from holdgate.accounts.sign_in.session_auth import session_middleware
from holdgate.accounts.tokens.bearer import bearer_middleware
from holdgate.api.router import api_router
from holdgate.approvals.requests.inbox import count_waiting
from holdgate.core.config import Settings, load
from holdgate.core.db import Database
from holdgate.core.ending import Ending
from holdgate.core.project import environment
from holdgate.core.telemetry import log, metrics, tracing
from holdgate.embedded.attach import attached
from holdgate.kinds import KindsNotLoaded, load_kinds
from holdgate.runtime.doorbell import Doorbell
from holdgate.schema import head
from holdgate.stats.live import Changes
from holdgate.web.http.request import WebRequest, principal
from holdgate.web.render import render, see_other
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
    *holdgate.runs.api.tasks.handlers,
    *holdgate.tasks.api.tasks.handlers,
    *holdgate.tasks.api.edit.handlers,
    *holdgate.tasks.api.details.handlers,
    *holdgate.tasks.api.saved.handlers,
    *holdgate.runs.api.runs.handlers,
    *holdgate.approvals.api.approvals.handlers,
    *holdgate.approvals.api.side_actions.handlers,
    *holdgate.approvals.api.groups.handlers,
    *holdgate.approvals.api.evidence.handlers,
    *holdgate.postings.api.postings.handlers,
    *holdgate.schedules.api.handlers,
    *holdgate.overview.api.handlers,
    *holdgate.tasks.api.stats.handlers,
    *holdgate.tasks.api.limits.handlers,
    *holdgate.tasks.api.workers.handlers,
    *holdgate.postings.api.runs.handlers,
    *holdgate.bulk.api.handlers,
    *holdgate.webhooks.api.handlers,
    *holdgate.accounts.api.people.handlers,
    *holdgate.accounts.api.account.handlers,
    *holdgate.accounts.api.resume.handlers,
    *holdgate.audit.api.handlers,
    *holdgate.doctor.api.handlers,
]

HANDLERS = [
    landing,
    *holdgate.web.health.handlers,
    *holdgate.web.styleguide.handlers,
    *holdgate.tasks.pages.metrics.handlers,
    *holdgate.doctor.views.handlers,
    *holdgate.accounts.pages.sign_in.handlers,
    *holdgate.accounts.pages.settings.handlers,
    *holdgate.accounts.pages.tokens.handlers,
    *holdgate.accounts.pages.people.handlers,
    *holdgate.stats.live_views.handlers,
    *holdgate.overview.views.handlers,
    *holdgate.runs.pages.runs.handlers,
    *holdgate.runs.pages.search.handlers,
    *holdgate.tasks.pages.list.handlers,
    *holdgate.tasks.pages.saved.handlers,
    *holdgate.tasks.pages.exports.handlers,
    *holdgate.tasks.pages.detail.handlers,
    *holdgate.tasks.pages.workers.handlers,
    *holdgate.tasks.pages.edit.handlers,
    *holdgate.tasks.pages.artifacts.handlers,
    *holdgate.tasks.pages.new.handlers,
    *holdgate.tasks.pages.queues.handlers,
    *holdgate.audit.views.handlers,
    *holdgate.schedules.views.handlers,
    *holdgate.tasks.pages.dead_letters.handlers,
    *holdgate.bulk.views.handlers,
    *holdgate.approvals.pages.inbox.handlers,
    *holdgate.approvals.pages.review.handlers,
    *holdgate.approvals.pages.receipts.handlers,
    *holdgate.approvals.pages.groups.handlers,
    *holdgate.approvals.pages.side_actions.handlers,
    *holdgate.postings.pages.list.handlers,
    *holdgate.mail.views.handlers,
    *holdgate.webhooks.views.handlers,
    *holdgate.api.docs_views.handlers(API_HANDLERS),
    api_router(API_HANDLERS, authenticate=bearer_middleware),
]


# Features whose things go on after the token that made them is revoked.
TOKEN_USES = (holdgate.schedules.token_uses, holdgate.webhooks.token_uses)


def create_app(settings: Settings) -> ASGIApp:
    """The application on the servers that `settings` names."""
    load_kinds(settings.kinds)
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
    settings = attached(load(environment(os.environ)))
    log.configure(json=not settings.development, level=settings.log_level)
    tracing.configure(settings.traces_url, "holdgate-web")
    try:
        return create_app(settings)
    except KindsNotLoaded as problem:  # said in a few lines, not below the server's own traceback
        sys.exit(str(problem))
