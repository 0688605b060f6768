"""Routes of the API: a handler is its work alone. Its annotations say what it takes and answers; what all of them have
around it is here.

    @get("/tasks/{task_id:uuid}/steps", scope=Scope.TASKS_READ, tag=TAG, summary="List the completed steps of a task")
    async def list_steps(user: Principal, read: ReadSession, task_id: UUID) -> StepList: ...

A parameter is given by its type: the request, who asks, a session, the query string (`Query[…]`), the JSON body
(another struct); or by its name: what the address has. A handler that takes a `WriteSession` changes something: the
body is read first, then the work is done in one transaction, at most once for an Idempotency-Key.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Required, TypedDict, Unpack

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from holdgate.api.bodies import read_json, read_query
from holdgate.api.endpoints import JSON, Endpoint, register
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.signatures import HandlerSignature, read_signature
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

Handler = Callable[..., Awaitable[Any]]
PATH_NAME = re.compile(r"\{(\w+):\w+\}")


class Declared(TypedDict, total=False):
    """What annotations do not say (api/endpoints.py).

    name: of the route, else its handler's. bodies: what a `BodyReader` reads. answer: the body's type where the handler
    makes the response. after: is called once a change is committed.
    """

    scope: Required[Scope]
    tag: Required[str]
    summary: Required[str]
    problems: tuple[int, ...]
    example: Any
    name: str
    media: str
    headers: Mapping[str, str]
    also: Scope
    instead: Scope
    bodies: Mapping[str, Any]
    answer: Any
    after: Callable[[WebRequest], None]


def get(path: str, **declared: Unpack[Declared]) -> Callable[[Handler], HTTPRouteHandler]:
    """Register a handler that reads."""
    return _route("GET", path, declared)


def post(path: str, **declared: Unpack[Declared]) -> Callable[[Handler], HTTPRouteHandler]:
    """Register a handler that changes something, or reads by what a body says."""
    return _route("POST", path, declared)


def _route(method: Literal["GET", "POST"], path: str, declared: Declared) -> Callable[[Handler], HTTPRouteHandler]:
    def declare(handler: Handler) -> HTTPRouteHandler:
        taken = read_signature(handler, frozenset(PATH_NAME.findall(path)))
        if method == "GET" and (taken.write or taken.body or taken.reader):
            raise TypeError(f"{handler.__qualname__}: GET reads; what changes something or has a body is a POST")
        act = _change(handler, taken, declared.get("after")) if taken.write else _reading(handler, taken)
        act.__name__ = act.__qualname__ = handler.__name__
        act.__doc__ = handler.__doc__
        return register(method, path, _endpoint(taken, declared), declared.get("name", ""))(act)

    return declare


def _endpoint(taken: HandlerSignature, declared: Declared) -> Endpoint:
    return Endpoint(
        scope=declared["scope"],
        summary=declared["summary"],
        tag=declared["tag"],
        answers={200: declared["answer"]} if "answer" in declared else taken.answers,
        problems=declared.get("problems", ()),
        query=taken.query[1] if taken.query else None,
        bodies={JSON: taken.body[1]} if taken.body else declared.get("bodies", {}),
        example=declared.get("example"),
        once=taken.write is not None,
        media=declared.get("media", JSON),
        headers=declared.get("headers", {}),
        also=declared.get("also"),
        instead=declared.get("instead"),
    )


def _reading(handler: Handler, taken: HandlerSignature) -> Handler:
    async def answer(request: WebRequest, user: SignedIn, read: ReadSession | None) -> Response[Any]:
        given, _ = await _given(taken, request, user)
        if taken.read:
            given[taken.read] = read
        found = await handler(**given)
        return found if isinstance(found, Response) else Response(found, media_type=JSON)

    async def with_session(request: WebRequest, user: SignedIn, read: Read) -> Response[Any]:
        return await answer(request, user, read)

    async def without_session(request: WebRequest, user: SignedIn) -> Response[Any]:
        return await answer(request, user, None)

    return with_session if taken.read else without_session


def _change(handler: Handler, taken: HandlerSignature, after: Callable[[WebRequest], None] | None) -> Handler:
    async def change(request: WebRequest, user: SignedIn) -> Response[Any]:
        given, digest = await _given(taken, request, user)

        async def work(session: WriteSession) -> MutationReply[Any]:
            done = await handler(**given, **{taken.write or "": session})
            return done if isinstance(done, MutationReply) else MutationReply(done, 200)

        answer = await once(request, user, work, digest)
        if after is not None:
            after(request)
        return answer

    return change


async def _given(taken: HandlerSignature, request: WebRequest, user: SignedIn) -> tuple[dict[str, Any], bytes | None]:
    """The handler's arguments, but for a session; and the body's digest where it was read as a stream."""
    given = {name: request.path_params[name] for name in taken.path}
    digest = None
    if taken.request:
        given[taken.request] = request
    if taken.user:
        given[taken.user] = user
    if taken.query:
        given[taken.query[0]] = read_query(request, taken.query[1])
    if taken.body:
        given[taken.body[0]] = await read_json(request, taken.body[1])
    if taken.reader:
        name, reader = taken.reader
        given[name], digest = await reader.read(request, given[taken.query[0]] if taken.query else None)
    return given, digest
