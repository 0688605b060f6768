"""Where the API's routes hang, and what each request to them passes: its token, then its limits."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Router
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from holdgate.core.config import Settings
from holdgate.core.errors import Unauthorized
from holdgate.web.http.limits import SHARED, Limit, RateLimits, shared_limits, telling
from holdgate.web.http.request import WebRequest, client_address, principal
from holdgate.web.http.sessions import SAFE_METHODS

PATH = "/api/v1"
READS = 10  # so much more may be read than changed


def api_router(handlers: Sequence[Any], authenticate: Callable[[ASGIApp], ASGIApp]) -> Router:
    return Router(PATH, route_handlers=list(handlers), middleware=[unknown_middleware, authenticate, limits_middleware])


def unknown_middleware(app: ASGIApp) -> ASGIApp:
    """Counts refused tokens by address, so that guessing is slow and costs us little."""

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Unauthorized:
            request = WebRequest(scope)
            settings: Settings = request.app.state.settings
            limits: RateLimits = request.app.state.limits
            refused = Limit("api-refused", settings.rate_limit_max * SHARED, settings.rate_limit_window)
            await limits.hit(refused, client_address(scope))
            raise

    return count


def limits_middleware(app: ASGIApp) -> ASGIApp:
    """Counts a request for its person and for its address, and tells how the person's limit stands."""

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        user = principal(scope)
        if scope["type"] != ScopeType.HTTP or user is None:
            await app(scope, receive, send)
            return
        request = WebRequest(scope)
        writes = scope["method"] not in SAFE_METHODS
        name, times = ("api-write", 1) if writes else ("api-read", READS)
        own, client = shared_limits(name, request.app.state.settings, times)
        limits: RateLimits = request.app.state.limits
        quota, _ = await limits.hit_all((own, str(user.id)), (client, client_address(scope)))
        await app(scope, receive, telling(send, quota))

    return count
