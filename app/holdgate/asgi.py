"""The web server's entry: `uvicorn --factory holdgate.asgi:create`. Puts the features together.

`app` is for another application that mounts it (web/mounted.py).
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from litestar import Litestar, Response, get
from litestar.types import ASGIApp
from redis.asyncio import Redis

from holdgate.accounts.sign_in.session_auth import session_middleware
from holdgate.accounts.tokens.bearer import bearer_middleware
from holdgate.api import docs_views
from holdgate.api.router import api_router
from holdgate.core.config import Settings, load
from holdgate.core.db import Database
from holdgate.core.process import garbage
from holdgate.core.process.ending import Ending
from holdgate.core.project import environment
from holdgate.core.revisions import head
from holdgate.core.telemetry import log, metrics, tracing
from holdgate.embedded.attach import attached
from holdgate.feature import handlers, parts
from holdgate.features import FEATURES
from holdgate.kinds import KindsNotLoaded, load_kinds
from holdgate.mcp.views import mcp_router
from holdgate.runtime.doorbell import Doorbell
from holdgate.stats.live import Changes
from holdgate.web.http.prefix import Prefix
from holdgate.web.http.request import WebRequest, principal
from holdgate.web.mounted import MountedApp, end_streams, end_streams_too
from holdgate.web.render import render, see_other
from holdgate.web.site import make_site

# Of a request's statement: somebody waits for the answer. Exports have more (core/db.py).
STATEMENT_LIMIT = timedelta(seconds=5)


@get("/")
async def landing(request: WebRequest) -> Response[str] | Response[None]:
    if principal(request.scope) is not None:
        return see_other(request, "/overview")
    return await render(request, "landing.html")


@get("/about")
async def about(request: WebRequest) -> Response[str]:
    """The landing page, for those who are signed in, too."""
    return await render(request, "landing.html", nav="about")


MEANT = {"/docs": "/api/docs", "/dashboard": "/overview", "/create": "/tasks/new", "/jobs": "/tasks"}


@get(list(MEANT), include_in_schema=False)
async def redirect_to_meant(request: WebRequest) -> Response[str]:
    """What people type who come from another queue."""
    return see_other(request, MEANT[request.scope["path"]])


# Seconds for a clean end. The command `web` gives requests three of them.
END_WITHIN = 8.0

API_HANDLERS = [handler for feature in FEATURES for handler in handlers(feature.api)]

HANDLERS = [
    landing,
    about,
    redirect_to_meant,
    *(handler for feature in FEATURES for handler in handlers(feature.pages)),
    *docs_views.handlers(API_HANDLERS),
    api_router([*API_HANDLERS, *handlers(["holdgate.tasks.api.testing"])], authenticate=bearer_middleware),
    mcp_router(authenticate=bearer_middleware),
]


def create_app(settings: Settings) -> ASGIApp:
    """The application on the servers that `settings` names."""
    return _make(settings, _end_streams_first)[0]


def _make(settings: Settings, began: Callable[[Litestar], None]) -> tuple[ASGIApp, Litestar]:
    """The application, wrapped and bare.

    Args:
        began: is called when it starts.
    """
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
    [count_waiting] = parts("waiting")

    @asynccontextmanager
    async def life(app: Litestar) -> AsyncIterator[None]:
        began(app)
        yield
        await changes.stop()
        tracing.stop()
        await redis.aclose()
        await database.dispose()

    shield, bare = make_site(
        settings,
        database,
        HANDLERS,
        authenticate=session_middleware,
        redis=redis,
        waiting=count_waiting,
        observe=metrics.observe_request,
        state={"schema_head": head(), "changes": changes},
        lifespan=[life],
        openapi_config=None,
    )
    return (Prefix(shield, settings.base_path) if settings.base_path else shield), bare


app = MountedApp(lambda: _make(_settings(), end_streams_too))


def _end_streams_first(app: Litestar) -> None:
    """When the server is told to end, it waits for its requests: those that only listen must end by themselves.

    The server has its own handlers of signals; where it has none, in a test say, this does nothing.
    """
    server = signal.getsignal(signal.SIGTERM)
    if not callable(server) or threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def begin(number: int) -> None:
        loop.call_soon_threadsafe(end_streams, app)
        server(signal.SIGTERM if number == signal.SIGHUP else number, None)

    Ending(begin, END_WITHIN).listen()


def create() -> ASGIApp:
    """What uvicorn calls, with the settings of the environment."""
    settings = _settings()
    log.configure(json=settings.json_logs, level=settings.log_level)
    tracing.configure(settings.traces_url, "holdgate-web")
    try:
        app = create_app(settings)
    except KindsNotLoaded as problem:  # said in a few lines, not below the server's own traceback
        sys.exit(str(problem))
    garbage.settle()
    return app


def _settings() -> Settings:
    return attached(load(environment(os.environ)))
