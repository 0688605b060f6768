"""One's own account for programs: settings, profile, tokens and where one is signed in.

A program makes no tokens: revoking a token that has leaked must end all that its finder can do.
"""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath
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
from holdgate.accounts.tokens.bearer import holders_of
from holdgate.api.bodies import read_query
from holdgate.api.endpoints import JSON, endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.mutations import change
from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

TAG = "Account"
PROFILE = {
    "name": "Ann Archer",
    "email": "ann@example.org",
    "phone": "+44 20 7946 0000",
    "cover_letter": "Dear {company} team, …",
    "answers": {"Do you need a visa?": "No"},
}


@endpoint("GET", "/account", scope=Scope.TASKS_READ, tag=TAG, summary="Read one's account", answers={200: AccountItem})
async def get_account(user: SignedIn, read: Read) -> Response[Any]:
    """Whose token this is."""
    return Response(msgspec.json.encode(await _account(read, user.id)), media_type=JSON)


async def _account(session: Session, user_id: UUID) -> AccountItem:
    found = await service.find_user(session, user_id)
    if found is None:
        raise UserNotFound
    return account_item(found)


@change(
    "/account",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Change one's settings",
    answers={200: AccountItem},
    body=AccountChange,
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


@endpoint(
    "GET", "/account/profile", scope=Scope.TASKS_READ, tag=TAG, summary="Read one's profile", answers={200: ProfileItem}
)
async def get_profile(user: SignedIn, read: Read) -> Response[Any]:
    """What one's applications are made from."""
    return Response(msgspec.json.encode(await _profile(read, user.id)), media_type=JSON)


async def _profile(session: Session, user_id: UUID) -> ProfileItem:
    found = await profiles.load_profile(session, user_id)
    if found is None:
        raise UserNotFound
    return profile_item(found)


@change(
    "/account/profile",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Change one's profile",
    answers={200: ProfileItem},
    body=NewProfile,
    example=PROFILE,
)
async def change_profile(session: WriteSession, by: Principal, wanted: NewProfile) -> ProfileItem:
    """All of it but the résumé. Applications that are made from then on have it."""
    await profiles.save_profile(session, by.id, ProfileChange(**msgspec.structs.asdict(wanted)))
    return await _profile(session, by.id)


@endpoint(
    "GET", "/account/tokens", scope=Scope.TASKS_READ, tag=TAG, summary="List one's tokens", answers={200: TokenList}
)
async def list_tokens(user: SignedIn, read: Read) -> Response[Any]:
    """Newest first. New ones are made by a person who is signed in, or by an operator."""
    items = [token_item(token) for token in await token_queries.tokens_of(read, user.id)]
    return Response(msgspec.json.encode(TokenList(items)), media_type=JSON)


@endpoint(
    "POST",
    "/account/tokens/{token_id:uuid}/revoke",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Revoke one of one's tokens",
    answers={200: RevokedToken},
    query=Revoking,
    once=True,
)
async def revoke_token(request: WebRequest, user: SignedIn, token_id: FromPath[UUID]) -> Response[Any]:
    """Also the one that asks for it: this answer is its last. `goes_on` lists the schedules and webhooks that it made,
    or changed last, and that are still on."""
    wanted = read_query(request, Revoking)

    async def work(session: WriteSession) -> MutationReply:
        left = await uses.revoke(request.app.state.token_uses, session, user, token_id, pause=wanted.pause)
        return MutationReply(RevokedToken(token_id, [TokenUse(*use) for use in left]))

    answer = await once(request, user, work)
    holders_of(request.app.state).forget()
    return answer


@endpoint(
    "GET",
    "/account/sessions",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="List where one is signed in",
    answers={200: SessionList},
)
async def list_sessions(user: SignedIn, read: Read) -> Response[Any]:
    """The browsers, last used first."""
    items = [session_item(row) for row in await queries.sessions_of(read, user.id)]
    return Response(msgspec.json.encode(SessionList(items)), media_type=JSON)


@change(
    "/account/sessions/{session_id:uuid}/revoke",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Sign a browser out",
    answers={200: Revoked},
)
async def revoke_session(session: WriteSession, by: Principal, session_id: UUID) -> Revoked:
    await service.end_session(session, by.id, session_id)
    return Revoked(session_id)


@change(
    "/account/sessions/revoke",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Sign out everywhere",
    answers={200: SignedOut},
)
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
