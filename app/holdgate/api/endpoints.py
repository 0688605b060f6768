"""Routes of the API: one declaration says how a route is reached, what it needs, and how it is described."""

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


def endpoint(
    method: Literal["GET", "POST"],
    path: str,
    *,
    scope: Scope,
    tag: str,
    summary: str,
    answers: Mapping[int, Any],
    problems: tuple[int, ...] = (),
    query: type[msgspec.Struct] | None = None,
    body: Any = None,
    bodies: Mapping[str, Any] | None = None,
    example: Any = None,
    once: bool = False,
    media: str = JSON,
    headers: Mapping[str, str] | None = None,
    name: str = "",
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Register a handler; it takes what Litestar injects. `body` is short for a JSON body of that type; the description
    calls the route `name`, else as its handler is called."""
    made = Endpoint(
        scope=scope,
        summary=summary,
        tag=tag,
        answers=answers,
        problems=problems,
        query=query,
        bodies=bodies or ({JSON: body} if body is not None else {}),
        example=example,
        once=once,
        media=media,
        headers=headers or {},
    )
    register = get if method == "GET" else post
    opt = {"endpoint": made, **({"name": name} if name else {})}
    return register(path, guards=[needs(scope)], opt=opt, status_code=min(answers))
