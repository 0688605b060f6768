"""The outermost wrapper. What must hold for every request and every answer, also those no handler ever sees:

a request id, security headers, one access line, the Host and the Origin checked, a limit for bodies that ends in a
readable answer, and HEAD wherever there is GET.
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message

from holdgate.core.config import Settings
from holdgate.core.errors import AppError, Forbidden
from holdgate.core.telemetry import log, tracing
from holdgate.web import errors
from holdgate.web.http.cors import Cors
from holdgate.web.http.exchange import Exchange
from holdgate.web.http.headers import SCRIPTLESS, security_headers
from holdgate.web.http.request import PROBES, check_fields, is_api, principal

logger = log.get("holdgate.access")

GONE = 499  # the client left before the answer
MAX_BODY = 12 * 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes come by the machine's address, not by its name.
ANY_HOST = tuple(path.decode() for path in PROBES)
# Their forms are (also) on pages without a referrer, from which browsers send `Origin: null`; a token in the body,
# which no other site knows, is what they are checked by.
NULL_ORIGIN = ("/review", "/login", "/logout")

Observe = Callable[[str, str, int, float | None], None]


class Misdirected(AppError):
    status = 421
    title = "Wrong address"


class Shield:
    """Wraps the application.

    Args:
        observe: is told (method, route, status, seconds) of every answer, for the metrics.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, templates: Environment, *, observe: Observe | None = None
    ) -> None:
        self._app = Cors(app, settings.cors_origins) if settings.cors_origins else app
        self._templates = templates
        self._observe = observe
        self._headers = security_headers(settings)
        self._netloc = urlsplit(settings.base_url).netloc.lower()
        self._hosts = {urlsplit(settings.base_url).hostname or ""}
        if settings.development:  # another site's name that leads here is refused there, too
            self._hosts |= {"localhost", "127.0.0.1", "::1"}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, headers=self._headers, max_body=MAX_BODY)
        about: tracing.Attributes = {"http.request.method": exchange.method, "request.id": exchange.request_id}
        with (
            log.about(request_id=exchange.request_id),
            tracing.span(exchange.method, "SERVER", about, parent=exchange.header(tracing.HEADER)) as told,
        ):
            try:
                self._admit(exchange)
                await self._app(exchange.scope, exchange.receive, exchange.send)
            except AppError as refusal:
                await self._answer(exchange, refusal)
            except Exception as problem:
                errors.report(errors.describe(problem), problem, exchange.scope)
                if exchange.status:
                    raise  # the server closes the connection: the answer is cut short, and shall look so
                await self._answer(exchange, problem)
            finally:
                status = exchange.status or GONE
                failed = str(status) if status >= 500 else ""
                seen: tracing.Attributes = {"http.route": exchange.route, "http.response.status_code": status}
                told.say(seen, name=f"{exchange.method} {exchange.route}", failed=failed)
                self._log(exchange, status)

    def _admit(self, exchange: Exchange) -> None:
        """Raises:
        AppError: this request does not get any further.
        """
        path, given = exchange.scope["path"], exchange.header
        if not path.startswith(ANY_HOST) and _hostname(given("host")) not in self._hosts:
            raise Misdirected("This server is not the one your request names.")
        if exchange.method not in SAFE_METHODS and not self._own(exchange):
            raise Forbidden("This request came from another site and has been refused.")
        check_fields(exchange.scope["query_string"])
        if exchange.announced > MAX_BODY:
            raise exchange.too_large()

    def _own(self, exchange: Exchange) -> bool:
        """Whether an unsafe request comes from a page of ours, or from a program (which sends neither header)."""
        path, given = exchange.scope["path"], exchange.header
        if is_api(exchange.scope) and given("authorization").lower().startswith("bearer "):
            return True
        site, origin = given("sec-fetch-site"), given("origin").lower()
        if site:
            return site in ("same-origin", "none")
        if origin == "null":
            return path.startswith(NULL_ORIGIN)
        return not origin or urlsplit(origin).netloc in (self._netloc, given("host").lower())

    async def _answer(self, exchange: Exchange, error: Exception) -> None:
        problem = errors.describe(error)
        partial = exchange.header("hx-request") == "true"
        media_type, body = errors.write(problem, exchange.scope, self._templates, partial=partial)
        headers = {
            "content-type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
            "content-length": str(len(body)),
            "content-security-policy": SCRIPTLESS,
            **problem.headers,
        }
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        start: Message = {"type": "http.response.start", "status": problem.status, "headers": encoded}
        await exchange.send(start)
        await exchange.send({"type": "http.response.body", "body": body, "more_body": False})

    def _log(self, exchange: Exchange, status: int) -> None:
        seconds = time.perf_counter() - exchange.started_at
        route = exchange.route
        if self._observe is not None:
            self._observe(exchange.method, route, status, None if _waits(exchange) else seconds)
        # Probes and scrapes come every few seconds. What they find is told by holdgate.outage.
        write = logger.debug if route.startswith(("/static/", *ANY_HOST)) else logger.info
        write(
            "request",
            method=exchange.method,
            route=route,
            principal=actor.actor if (actor := principal(exchange.scope)) else "",
            status=status,
            ms=round(seconds * 1000, 1),
            bytes=exchange.sent,
            address=exchange.address,
        )


def _waits(exchange: Exchange) -> bool:
    """Whether the client has asked to be answered later: how long that took says nothing of how quick we are."""
    return exchange.route.endswith(("/events", "/mcp")) or b"wait=" in exchange.scope["query_string"]


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # half an IPv6 address
        return ""
