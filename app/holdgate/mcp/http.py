"""One message over HTTP, answered whole, as JSON. Nothing is kept for the next one, which may meet another process."""

from typing import Any

import httpx
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from holdgate.client.asynchronous import AsyncClient
from holdgate.mcp.server import make_server

WITHIN = "http://holdgate"  # no name is looked up
MOST_BYTES = 1024 * 1024


async def answer(app: Any, token: str, scope: Any, receive: Any, send: Any) -> None:
    """What the tools do goes to the API of this application, in the name of this token."""
    transport = httpx.ASGITransport(_within(app, scope), client=scope["client"] or ("", 0))
    async with AsyncClient(WITHIN, token, tries=1, transport=transport) as hold:
        manager = StreamableHTTPSessionManager(
            make_server(hold), json_response=True, stateless=True, max_request_body_size=MOST_BYTES
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)


def _within(app: Any, outer: Any) -> Any:
    """The API as this request's own calls reach it: behind the shield already, under the same id."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        state = {"request_id": outer["state"].get("request_id", ""), "method": scope["method"]}
        await app({**scope, "state": state}, receive, send)

    return call
