"""Routes that change something and need no more for it than their person, what the address names, and a JSON body.

Such a route is the work alone. What all of them have around it is here: the body is read first, and the work is done in
one transaction, at most once for an Idempotency-Key. Whoever needs more declares an endpoint and calls `once`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, Required, TypedDict, TypeVar, Unpack, overload

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from holdgate.api.bodies import read_json
from holdgate.api.endpoints import endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest

T = TypeVar("T")
Answer = MutationReply | msgspec.Struct  # a struct alone is answered as 200


class Declared(TypedDict, total=False):
    """What an endpoint says of itself (api/endpoints.py)."""

    scope: Required[Scope]
    tag: Required[str]
    summary: Required[str]
    answers: Required[Mapping[int, Any]]
    problems: tuple[int, ...]
    example: Any
    name: str


@overload
def change(
    path: str, *, body: type[T], **declared: Unpack[Declared]
) -> Callable[[Callable[Concatenate[WriteSession, Principal, T, ...], Awaitable[Answer]]], HTTPRouteHandler]: ...


@overload
def change(
    path: str, **declared: Unpack[Declared]
) -> Callable[[Callable[Concatenate[WriteSession, Principal, ...], Awaitable[Answer]]], HTTPRouteHandler]: ...


def change(path: str, *, body: Any = None, **declared: Unpack[Declared]) -> Any:
    """Register the work: it takes the session, who asks, the body if there is one, and the address's parameters by
    their names; what it returns is answered, and what it raises undoes it."""

    def declare(work: Callable[..., Awaitable[Answer]]) -> HTTPRouteHandler:
        async def handle(request: WebRequest, user: SignedIn) -> Response[Any]:
            sent = [] if body is None else [await read_json(request, body)]

            async def do(session: WriteSession) -> MutationReply:
                done = await work(session, user, *sent, **request.path_params)
                return done if isinstance(done, MutationReply) else MutationReply(done)

            return await once(request, user, do)

        handle.__name__ = handle.__qualname__ = work.__name__
        handle.__doc__ = work.__doc__
        return endpoint("POST", path, body=body, once=True, **declared)(handle)

    return declare
