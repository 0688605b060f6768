"""Who makes a request: the session cookie resolved to a Principal, by one query, and none without a cookie.

Sessions last 30 days from signing in, whether used or not: no request has to renew a cookie, and a stolen one
ends by itself. That a person was here is noted at most every five minutes, in a transaction of its own; it does not
matter when that fails.
"""

import asyncio
from typing import Literal

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.exc import DBAPIError

from holdgate.accounts import queries
from holdgate.accounts.queries import SessionUser
from holdgate.core.db import NOTE_SECONDS, Database
from holdgate.core.postgres.outages import is_away
from holdgate.core.principal import Principal
from holdgate.core.telemetry import log
from holdgate.core.tokens import digest
from holdgate.web.http.cookies import SESSION, read_cookie
from holdgate.web.http.request import WebRequest, is_api

logger = log.get(__name__)


def session_middleware(app: ASGIApp) -> ASGIApp:
    """Sets `scope["user"]` to a Principal or None and `scope["auth"]` to the session's id, unless both are set.

    Not for the API: a cookie, which browsers send by themselves, opens nothing there (accounts/tokens/bearer.py).
    """

    async def resolve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and not scope.get("user") and not is_api(scope):
            request = WebRequest(scope)
            token = read_cookie(request.app.state.settings, request.cookies, SESSION)
            found = None
            if token and len(token) <= 100 and not scope["path"].startswith("/static/"):
                found = await _find(request.app.state.database, digest(token))
            scope["user"] = _principal(found)
            scope["auth"] = found.session_id if found else None
        await app(scope, receive, send)

    return resolve


def _principal(found: SessionUser | None) -> Principal | None:
    if found is None:
        return None
    role: Literal["member", "admin"] = "admin" if found.role == "admin" else "member"
    return Principal(found.id, found.email, found.name, role, found.time_zone or "", found.shortcuts)


async def _find(database: Database, token_hash: bytes) -> SessionUser | None:
    try:
        found = await _lookup(database, token_hash)
    except DBAPIError as problem:
        if not problem.connection_invalidated:
            raise
        # The server was restarted under a pooled connection. The pool is new now: a second try tells.
        found = await _lookup(database, token_hash)
    if found is not None and found.stale:
        try:
            async with asyncio.timeout(NOTE_SECONDS), database.write(f"user:{found.email}") as session:
                await queries.note_seen(session, token_hash)
        except Exception as error:
            logger.warning("could not note that a person was here", error=repr(error), exc_info=not is_away(error))
    return found


async def _lookup(database: Database, token_hash: bytes) -> SessionUser | None:
    async with database.read() as session:
        return await queries.session_person(session, token_hash)
