"""One's own account for programs: settings, profile, tokens and where one is signed in.

A program makes no tokens: revoking a token that has leaked must end all that its finder can do.
"""

from uuid import UUID

import msgspec
from msgspec import UNSET

from holdgate.accounts import queries, service
from holdgate.accounts.api.schemas import (
    AccountChange,
    AccountItem,
    NewProfile,
    ProfileItem,
    Revoked,
    RevokedToken,
    Revoking,
    SessionList,
    SignedOut,
    TokenList,
    TokenUse,
    account_item,
    profile_item,
    session_item,
    token_item,
)
from holdgate.accounts.errors import UserNotFound
from holdgate.accounts.profile import profiles
from holdgate.accounts.profile.profiles import ProfileChange
from holdgate.accounts.tokens import queries as token_queries
from holdgate.accounts.tokens import uses
from holdgate.accounts.tokens.bearer import forget_holders
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope

TAG = "Account"
PROFILE = {
    "name": "Ann Archer",
    "email": "ann@example.org",
    "phone": "+44 20 7946 0000",
    "cover_letter": "Dear {company} team, …",
    "answers": {"Do you need a visa?": "No"},
}


@get("/account", scope=Scope.TASKS_READ, tag=TAG, summary="Get your account")
async def get_account(user: Principal, read: ReadSession) -> AccountItem:
    """Whose token this is."""
    return await _account(read, user.id)


async def _account(session: Session, user_id: UUID) -> AccountItem:
    found = await service.find_user(session, user_id)
    if found is None:
        raise UserNotFound
    return account_item(found)


@post(
    "/account",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Update settings",
    example={"time_zone": "Europe/Berlin", "run_notices": True},
)
async def change_account(session: WriteSession, by: Principal, wanted: AccountChange) -> AccountItem:
    """What is left out stays."""
    if wanted.time_zone is not UNSET:
        await service.choose_time_zone(session, by.id, wanted.time_zone)
    if wanted.run_notices is not UNSET:
        await service.choose_run_notices(session, by.id, wanted.run_notices)
    if wanted.shortcuts is not UNSET:
        await service.choose_shortcuts(session, by.id, wanted.shortcuts)
    return await _account(session, by.id)


@get("/account/profile", scope=Scope.TASKS_READ, tag=TAG, summary="Get your profile")
async def get_profile(user: Principal, read: ReadSession) -> ProfileItem:
    """What your applications are made from."""
    return await _profile(read, user.id)


async def _profile(session: Session, user_id: UUID) -> ProfileItem:
    found = await profiles.load_profile(session, user_id)
    if found is None:
        raise UserNotFound
    return profile_item(found)


@post("/account/profile", scope=Scope.TASKS_WRITE, tag=TAG, summary="Update your profile", example=PROFILE)
async def change_profile(session: WriteSession, by: Principal, wanted: NewProfile) -> ProfileItem:
    """All of it but the résumé. Applications that are made from then on have it."""
    await profiles.save_profile(session, by.id, ProfileChange(**msgspec.structs.asdict(wanted)))
    await profiles.settle_profile(session, by)
    return await _profile(session, by.id)


@get("/account/tokens", scope=Scope.TASKS_READ, tag=TAG, summary="List your tokens")
async def list_tokens(user: Principal, read: ReadSession) -> TokenList:
    """Newest first. New ones are made by a person who is signed in, or by an operator."""
    items = [token_item(token) for token in await token_queries.tokens_of(read, user.id)]
    return TokenList(items)


@post(
    "/account/tokens/{token_id:uuid}/revoke",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Revoke a token",
    after=forget_holders,
)
async def revoke_token(session: WriteSession, by: Principal, wanted: Query[Revoking], token_id: UUID) -> RevokedToken:
    """Also the one that asks for it: this answer is its last. `goes_on` lists the schedules and webhooks that it made,
    or changed last, and that are still on."""
    left = await uses.revoke(session, by, token_id, pause=wanted.pause)
    return RevokedToken(token_id, [TokenUse(*use) for use in left])


@get("/account/sessions", scope=Scope.TASKS_READ, tag=TAG, summary="List where one is signed in")
async def list_sessions(user: Principal, read: ReadSession) -> SessionList:
    """The browsers, last used first."""
    items = [session_item(row) for row in await queries.sessions_of(read, user.id)]
    return SessionList(items)


@post("/account/sessions/{session_id:uuid}/revoke", scope=Scope.TASKS_WRITE, tag=TAG, summary="Sign a browser out")
async def revoke_session(session: WriteSession, by: Principal, session_id: UUID) -> Revoked:
    await service.end_session(session, by.id, session_id)
    return Revoked(session_id)


@post("/account/sessions/revoke", scope=Scope.TASKS_WRITE, tag=TAG, summary="Sign out everywhere")
async def revoke_sessions(session: WriteSession, by: Principal) -> SignedOut:
    """In every browser. Tokens go on; each is revoked by itself."""
    return SignedOut(await service.end_sessions(session, by.id))


handlers = [
    get_account,
    change_account,
    get_profile,
    change_profile,
    list_tokens,
    revoke_token,
    list_sessions,
    revoke_session,
    revoke_sessions,
]
