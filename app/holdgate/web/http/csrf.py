"""Forged forms: the hidden field `_csrf_token` (or the header X-CSRF-Token) must equal an HttpOnly cookie.

Another site can make a browser send the cookie, but can neither read it nor, thanks to its prefix, set it. The shield
checks Origin and Sec-Fetch-Site besides. Programs with a bearer token and the links whose own token travels in the
form need no cookie: they are left out by path.
"""

import re
from secrets import compare_digest

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from holdgate.core.errors import Forbidden, Invalid
from holdgate.core.tokens import mint
from holdgate.web.http.cookies import CSRF, read_cookie, set_cookie
from holdgate.web.http.request import WebRequest

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
EXEMPT = re.compile(r"/(api|mcp|static|review)(/|$)")
FIELD, HEADER = "_csrf_token", "x-csrf-token"
SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
A_YEAR = 365 * 86400


def csrf_middleware(app: ASGIApp) -> ASGIApp:
    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request = WebRequest(scope, receive, send)
        kept = _kept(request)
        if scope["method"] not in SAFE_METHODS and not EXEMPT.match(scope["path"]):
            await _verify(request, kept)

        async def send_with_cookie(message: Message) -> None:
            made = scope["state"].get("csrf_token", "")
            if message["type"] == "http.response.start" and made and made != kept:
                cookie = set_cookie(request.app.state.settings, CSRF, made, max_age=A_YEAR)
                MutableScopeHeaders.from_message(message).add("set-cookie", cookie.to_header(header=""))
            await send(message)

        await app(scope, receive, send_with_cookie)

    return check


async def _verify(request: WebRequest, kept: str) -> None:
    given = request.headers.get(HEADER, "")
    if kept and not given:  # without the cookie no form fits, so none is read
        try:
            given = str((await request.form()).get(FIELD, ""))
        except (UnicodeDecodeError, LookupError) as problem:
            raise Invalid("The form's text is not UTF-8.") from problem
    if not kept or not compare_digest(given.encode(), kept.encode()):
        raise Forbidden("This form has expired, or cookies are blocked. Reload the page and send it again.")


def token(request: WebRequest) -> str:
    """The token for this page's forms. Where the browser has none yet, asking makes one and sets the cookie."""
    state = request.scope["state"]
    if "csrf_token" not in state:
        state["csrf_token"] = _kept(request) or mint()
    return str(state["csrf_token"])


def _kept(request: WebRequest) -> str:
    """The browser's, if it has one."""
    found = read_cookie(request.app.state.settings, request.cookies, CSRF)
    return found if SHAPE.fullmatch(found) else ""
