"""GET /events: tells an open page that something has changed. It says only ids; the page asks for the rest."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from litestar import get
from litestar.response import Stream

from holdgate.core.principal import Principal
from holdgate.stats.live import Changes
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest

BREATH = 15.0  # seconds of silence after which a comment keeps proxies from closing the stream
# The browser connects again at once, and so is asked again who it is: a session that was ended stops hearing.
LASTS = 300.0

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get("/events")
async def changes(request: WebRequest, user: SignedIn) -> Stream:
    """Server-sent events `change` with `{"tasks": [id, …] | null, "runs": [id, …] | null}`; null: too many to name."""
    watch: Changes = request.app.state.changes
    watch.streams.admit(user.id)
    stream = _stream(watch, user)
    return Stream(stream, media_type="text/event-stream", headers=HEADERS)


async def _stream(changes: Changes, user: Principal) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + LASTS
    with changes.streams.one_more(user.id):
        async with changes.listening(user.scope) as inbox:
            yield b"retry: 2000\n: listening\n\n"
            while (left := ends - loop.time()) > 0:
                try:
                    async with asyncio.timeout(min(BREATH, left)):
                        change = await inbox.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if change is None:
                    return
                yield b"event: change\ndata: " + msgspec.json.encode(change) + b"\n\n"


handlers = [changes]
