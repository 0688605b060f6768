"""/attention: what a tab says of itself while nobody looks at it (static/js/attention.js)."""

from typing import Any

import msgspec
from litestar import Response, get

from holdgate.alarms import service as alarms
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read


class Attention(msgspec.Struct, frozen=True):
    """How many requests wait for this person, and how many of their alarms fire."""

    waiting: int
    alarms: int


@get("/attention", include_in_schema=False)
async def attention(request: WebRequest, user: SignedIn, read: Read) -> Response[Any]:
    count = request.app.state.waiting
    waiting = int(await count(read, user)) if count else 0
    return Response(Attention(waiting, await alarms.count_firing(read, user)), media_type="application/json")


handlers = [attention]
