"""Who makes a request to the API: the bearer token resolved to a Principal. Cookies do not count here."""

import asyncio
from typing import Literal
from uuid import UUID

import msgspec
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from holdgate.accounts.errors import BadToken
from holdgate.accounts.tokens import queries
from holdgate.accounts.tokens.cache import Holders
from holdgate.accounts.tokens.personal import START
from holdgate.accounts.tokens.queries import Holder
from holdgate.api import access
from holdgate.api.access import Access
from holdgate.core.db import NOTE_SECONDS, Database
from holdgate.core.postgres.outages import is_away
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope as TokenScope
from holdgate.core.telemetry import log
from holdgate.core.tokens import digest
from holdgate.web.http.request import WebRequest

logger = log.get(__name__)


def bearer_middleware(app: ASGIApp) -> ASGIApp:
    """Sets `scope["user"]` and `scope["auth"]` (an Access), or both to None without a token. Raises BadToken."""

    async def resolve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            scope["user"], scope["auth"] = await _find(WebRequest(scope))
        await app(scope, receive, send)

    return resolve


async def _find(request: WebRequest) -> tuple[Principal | None, Access | None]:
    given = request.headers.get("authorization", "")
    scheme, _, token = given.partition(" ")
    token = token.strip()
    if not given:
        return None, None
    if scheme.lower() != "bearer" or not token or not token.isascii():
        raise BadToken("Send “Authorization: Bearer” and a token.")
    return await (_by_token(request, token) if token.startswith(START) else _by_jwt(request, token))


async def _by_token(request: WebRequest, token: str) -> tuple[Principal, Access]:
    holders = holders_of(request.app.state)
    token_hash = digest(token)
    holder = holders.get(token_hash) or await _look_up(request.app.state.database, holders, token_hash)
    found = Access("token", holder.prefix, access.known_scopes(holder.scopes))
    principal, found = _principal(holder.user_id, holder.email, holder.name, holder.role, found)
    return msgspec.structs.replace(principal, token_id=holder.token_id), found


def holders_of(state: State) -> Holders:
    """Those of the application with this state."""
    if "holders" not in state:
        state["holders"] = Holders()
    found: Holders = state["holders"]
    return found


def forget_holders(request: WebRequest) -> None:
    """What is believed of tokens is looked up anew: one was revoked, or its person may do something else now."""
    holders_of(request.app.state).forget()


async def _look_up(database: Database, holders: Holders, token_hash: bytes) -> Holder:
    async with database.autocommit() as connection:
        holder = await queries.holder_of(connection, token_hash)
    if holder is None:
        raise BadToken
    holders.keep(token_hash, holder)
    if holder.stale:
        await _note_use(database, holder)
    return holder


async def _note_use(database: Database, holder: Holder) -> None:
    try:
        async with asyncio.timeout(NOTE_SECONDS), database.write(f"user:{holder.email}") as session:
            await queries.note_use(session, holder.token_id)
    except Exception as error:  # that it was used is for people to look at, and no reason to fail
        logger.warning("could not note that a token was used", error=repr(error), exc_info=not is_away(error))


async def _by_jwt(request: WebRequest, token: str) -> tuple[Principal, Access]:
    state = request.app.state
    if not state.settings.jwks_url:
        raise BadToken("Only personal tokens, which begin with hg_, are taken here.")
    from holdgate.accounts.tokens import jwks, jwt  # most installations have no identity provider

    if "jwks" not in state:
        state["jwks"] = jwks.of(state.settings)
    claims = await jwt.verified(token, state.jwks, state.settings)
    async with state.database.read() as session:
        user = await jwt.person_of(session, claims)
    if user is None:
        raise BadToken("The JWT is valid, but no user here has its verified email address.")
    found = Access("jwt", claims.subject[:100], access.known_scopes(claims.scopes))
    return _principal(user.id, user.email, user.name, user.role, found)


def _principal(id: UUID, email: str, name: str, role: str, found: Access) -> tuple[Principal, Access]:
    """An administrator's token without the scope `admin` is a member's."""
    admin = role == "admin" and TokenScope.ADMIN in found.scopes
    acts_as: Literal["member", "admin"] = "admin" if admin else "member"
    if not admin:  # the scope outlives the role
        found = Access(found.via, found.label, found.scopes - {TokenScope.ADMIN})
    asks_only = found.allows(TokenScope.APPROVALS_CREATE) and not found.allows(TokenScope.TASKS_READ)
    return Principal(id, email, name, acts_as, by_program=True, asks_only=asks_only), found
