"""`/mcp`: the tools over Streamable HTTP, for whoever sends a token.

The SDK is imported by the first of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from litestar import Router, asgi
from litestar.types import ASGIApp

from holdgate.api.router import unknown_middleware
from holdgate.core.errors import AppError, Unauthorized
from holdgate.web.http.limits import shared_limits
from holdgate.web.http.request import WebRequest, client_address, principal

PATH = "/mcp"
CALLS = 10  # so many for each change that a person may make: most only wait


class NoStream(AppError):
    status = 405
    title = "Not possible here"
    headers: Mapping[str, str] = MappingProxyType({"Allow": "POST"})


class NotInstalled(AppError):
    status = 501
    title = "Not installed"


@asgi("/", copy_scope=True)
async def speak(scope: Any, receive: Any, send: Any) -> None:
    request = WebRequest(scope)
    user = principal(request.scope)
    if user is None:
        raise Unauthorized("Send a token: “Authorization: Bearer hg_…”. People make them in their settings.")
    if scope["method"] != "POST":
        raise NoStream("Send messages by POST. There is no stream to listen to, and no session to end.")
    own, shared = shared_limits("mcp", request.app.state.settings, CALLS)
    await request.app.state.limits.hit_all((own, str(user.id)), (shared, client_address(scope)))
    _, _, token = request.headers["authorization"].partition(" ")
    try:
        http = await asyncio.to_thread(import_module, "holdgate.mcp.http")  # half a second, the first time
    except ModuleNotFoundError as missing:
        raise NotInstalled("This server lacks the package mcp. Install holdgate[server,mcp].") from missing
    await http.answer(request.app, token.strip(), scope, receive, send)


def mcp_router(authenticate: Callable[[ASGIApp], ASGIApp]) -> Router:
    return Router(PATH, route_handlers=[speak], middleware=[unknown_middleware, authenticate])
