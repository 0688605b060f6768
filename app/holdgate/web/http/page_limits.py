"""What one person, and one address, may send by forms: counted like the API's writes, with counters of its own.

Signing in and the pages behind personal links count for themselves (accounts/pages/sign_in.py,
approvals/pages/review.py): whoever sends there need not be signed in.
"""

import re

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from holdgate.core.errors import TooMany
from holdgate.web.http.limits import RateLimits, shared_limits, telling
from holdgate.web.http.request import WebRequest, client_address, principal
from holdgate.web.http.sessions import SAFE_METHODS

APART = re.compile(r"/(api|mcp|login|review)(/|$)")


def page_limits_middleware(app: ASGIApp) -> ASGIApp:
    """Stands behind the one for forged forms: those use nobody's quota up."""

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        user = principal(scope)
        apart = scope["type"] != ScopeType.HTTP or scope["method"] in SAFE_METHODS or APART.match(scope["path"])
        if user is None or apart:
            await app(scope, receive, send)
            return
        request = WebRequest(scope, receive, send)
        limits: RateLimits = request.app.state.limits
        own, shared = shared_limits("page-write", request.app.state.settings)
        try:
            quota, _ = await limits.hit_all((own, str(user.id)), (shared, client_address(scope)))
        except TooMany:
            sent = await request.form()
            # The page that refuses sends it again as it was typed. A file has to be chosen again.
            request.state.refused = [(name, text) for name, text in sent.multi_items() if isinstance(text, str)]
            raise
        await app(scope, receive, telling(send, quota))

    return count
