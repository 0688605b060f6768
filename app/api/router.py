"""Where the API's routes hang, and what each request to them passes: its token, then its limits."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Router
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.core.config import Settings
from app.core.errors import Unauthorized
from app.web.limits import Limit, Limits, Quota
from app.web.request import WebRequest, client_address, principal
from app.web.sessions import SAFE_METHODS

PATH = "/api/v1"
# So much more may be read than changed; and so many people may share an address.
READS, SHARED = 10, 10


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
            limits: Limits = request.app.state.limits
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
        own, client = _limits(request.app.state.settings, writes=scope["method"] not in SAFE_METHODS)
        limits: Limits = request.app.state.limits
        quota, _ = await limits.hit_all((own, str(user.id)), (client, client_address(scope)))
        await app(scope, receive, _telling(send, quota))

    return count


def _limits(settings: Settings, *, writes: bool) -> tuple[Limit, Limit]:
    """For a person, and for an address."""
    name, times = ("write", 1) if writes else ("read", READS)
    most, window = settings.rate_limit_max * times, settings.rate_limit_window
    return Limit(f"api-{name}", most, window), Limit(f"api-{name}-address", most * SHARED, window)


def _telling(send: Send, quota: Quota) -> Send:
    async def send_with_quota(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            for name, value in quota.headers().items():
                headers[name] = value
        await send(message)

    return send_with_quota
