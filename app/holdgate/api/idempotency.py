"""A POST with an Idempotency-Key has its effect once: a repetition is answered as the first was.

Two at once: the one that comes second is told 409 instead of waiting, because a waiting request keeps a connection.
Refusals are not kept: they changed nothing, so the same key may be used again once their reason is gone.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Response

from holdgate.api import idempotency_store
from holdgate.api.endpoints import JSON
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.web.http.request import WebRequest

HEADER = "Idempotency-Key"
T = TypeVar("T")
KEY = re.compile(r"[\x21-\x7e]{1,200}")


class InFlight(Conflict):
    title = "Still being worked on"

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being worked on. Send it again in a moment.")
        self.headers = {"Retry-After": "1"}


class MutationReply(msgspec.Struct, Generic[T], frozen=True):
    """What a change answers that makes something: 201, or 200 where it was there. `location`: the path of what was
    made."""

    body: T
    status: int = 201
    location: str = ""


async def once(
    request: WebRequest,
    by: Principal,
    work: Callable[[WriteSession], Awaitable[MutationReply[Any]]],
    digest: bytes | None = None,
) -> Response[Any]:
    """Carry out `work` in a transaction of its own, after the body has been read; at most once for a key.

    Args:
        digest: of the body, where it was read as a stream.

    Raises:
        InFlight; Invalid: the key is none, or was used for another request.
    """
    database: Database = request.app.state.database
    key = request.headers.get(HEADER)
    async with database.write(by.actor) as session:
        if key is None:
            done = await work(session)
            return _response(done.status, msgspec.json.encode(done.body), done.location)
        if not KEY.fullmatch(key):
            raise Invalid(f"{HEADER} must have 1 to 200 printable ASCII characters.")
        request_hash = _hash(request, sha256(await request.body()).digest() if digest is None else digest)
        if not await idempotency_store.lock_key(session, by.id, key):
            raise InFlight
        kept = await idempotency_store.find_reply(session, by.id, key)
        if kept is not None:
            if kept.request_hash != request_hash:
                raise Invalid(f"This {HEADER} was used for another request. Choose a new one.")
            status = 200 if kept.status == 201 else kept.status
            return _response(status, kept.body, kept.location, {"Idempotency-Replayed": "true"})
        done = await work(session)
        body = msgspec.json.encode(done.body)
        await idempotency_store.keep_reply(
            session, by.id, key, request_hash=request_hash, status=done.status, body=body, location=done.location
        )
    return _response(done.status, body, done.location)


def _hash(request: WebRequest, body: bytes) -> bytes:
    return sha256(f"{request.method} {request.scope['path']}\n".encode() + body).digest()


def _response(status: int, body: bytes, location: str, headers: dict[str, str] | None = None) -> Response[Any]:
    more = {"Location": location} if location else {}
    return Response(body, status_code=status, media_type=JSON, headers={**more, **(headers or {})})
