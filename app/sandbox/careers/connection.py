"""Hanging up on a client without an answer, which ASGI itself has no word for."""

import asyncio
from typing import cast

from litestar import Request
from litestar.datastructures import State
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "careers.transport"


class Connection(H11Protocol):
    """uvicorn's HTTP/1.1 connection, which also lends its transport to the requests that come over it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        # Copied, because uvicorn shares one dictionary among all its connections.
        self.app_state = {**self.app_state, _TRANSPORT: transport}


async def hang_up(request: Request[None, None, State]) -> None:
    """Close the connection now. What the handler returns afterwards goes nowhere."""
    transport = cast(asyncio.Transport, request.scope["state"][_TRANSPORT])
    transport.abort()
    # Only once uvicorn has seen the connection go does it swallow the response instead of writing it.
    while (await request.receive())["type"] != "http.disconnect":
        pass
