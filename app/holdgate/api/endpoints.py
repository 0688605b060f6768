"""What the description says of a route, and how one is registered with nothing inferred (api/routes.py infers it)."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from holdgate.api.access import needs
from holdgate.core.scopes import Scope

JSON, NDJSON, CSV, SSE = "application/json", "application/x-ndjson", "text/csv", "text/event-stream"
ANY = "*/*"  # as it is stored


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the description says of a route beyond its path.

    Args:
        answers: status → the body's type; None is a body that `media` describes alone.
        problems: statuses of refusals, beside those that every route may have.
        bodies: content type → the body's type; empty: no body is read.
        once: takes an Idempotency-Key.
        headers: those that a request may have beside, with what they say.
        also: another scope that it needs.
        instead: another scope that is enough, for what the program has asked for itself (`Principal.asks_only`).
    """

    scope: Scope
    summary: str
    tag: str
    answers: Mapping[int, Any]
    problems: tuple[int, ...] = ()
    query: type[msgspec.Struct] | None = None
    bodies: Mapping[str, Any] = {}
    example: Any = None
    once: bool = False
    media: str = JSON
    headers: Mapping[str, str] = {}
    also: Scope | None = None
    instead: Scope | None = None


def register(
    method: Literal["GET", "POST"], path: str, made: Endpoint, name: str = ""
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Register a handler; it takes what Litestar injects. The description calls the route `name`, else as its handler
    is called."""
    route = get if method == "GET" else post
    opt = {"endpoint": made, **({"name": name} if name else {})}
    guards = [needs(made.scope, made.instead), *([needs(made.also)] if made.also else [])]
    return route(path, guards=guards, opt=opt, status_code=min(made.answers))
