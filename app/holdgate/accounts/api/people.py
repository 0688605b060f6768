"""People for programs of administrators: who has access, giving it, taking it away."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from holdgate.accounts import queries, service
from holdgate.accounts.api.schemas import NewUser, RoleChange, UserItem, UserPage, UserQuery, user_item
from holdgate.accounts.errors import UserNotFound
from holdgate.accounts.models import User
from holdgate.accounts.tokens.bearer import holders_of
from holdgate.api.bodies import read_json, read_query
from holdgate.api.endpoints import JSON, endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

TAG = "People"


@endpoint("GET", "/users", scope=Scope.ADMIN, tag=TAG, summary="List people", answers={200: UserPage}, query=UserQuery)
async def list_users(request: WebRequest, user: SignedIn, read: Read) -> Response[Any]:
    """By address, those who are shut out as well."""
    wanted = read_query(request, UserQuery)
    place = position(wanted)
    last = await queries.user_by_id(read, place.id) if place else None
    if place is not None and last is None:
        raise Invalid("This cursor is damaged.", {"?cursor": "Take `next_cursor` as it was given."})
    rows = await queries.users_page(
        read, search=wanted.q.strip(), after=last.email if last else "", limit=wanted.limit + 1
    )
    return page(request, UserPage, rows, wanted, user_item, lambda row: Cursor(row.created_at, row.id))


@endpoint("GET", "/users/{user_id:uuid}", scope=Scope.ADMIN, tag=TAG, summary="Read a person", answers={200: UserItem})
async def get_user(user: SignedIn, read: Read, user_id: FromPath[UUID]) -> Response[Any]:
    found = await service.find_user(read, user_id)
    if found is None:
        raise UserNotFound
    return Response(msgspec.json.encode(user_item(found)), media_type=JSON)


@endpoint(
    "POST",
    "/users",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Give somebody access",
    answers={201: UserItem, 200: UserItem},
    body=NewUser,
    example={"email": "ann@example.org", "name": "Ann", "role": "member", "invite": True},
    once=True,
)
async def add_user(request: WebRequest, user: SignedIn) -> Response[Any]:
    """200 when there was somebody with this address: they stay as they are, but become administrator if asked for."""
    wanted = await read_json(request, NewUser)

    async def work(session: WriteSession) -> MutationReply:
        known = await service.find_user_by_email(session, wanted.email.strip()) is not None
        added = await service.add_user(session, wanted.email, admin=wanted.role == "admin", name=wanted.name)
        if wanted.invite:
            await service.invite(session, user, added)
        return MutationReply(user_item(added), 200 if known else 201, f"{PATH}/users/{added.id}")

    return await _done(request, user, work)


@endpoint(
    "POST",
    "/users/{user_id:uuid}/role",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Change a person's role",
    answers={200: UserItem},
    body=RoleChange,
    example={"role": "admin"},
    problems=(409,),
    once=True,
)
async def change_role(request: WebRequest, user: SignedIn, user_id: FromPath[UUID]) -> Response[Any]:
    """409 for the last administrator. Tokens with the scope `admin` are worth a member's from then on."""
    wanted = await read_json(request, RoleChange)

    async def work(session: WriteSession) -> MutationReply:
        return MutationReply(user_item(await service.change_role(session, user_id, wanted.role)))

    return await _done(request, user, work)


async def _done(
    request: WebRequest, by: Principal, work: Callable[[WriteSession], Awaitable[MutationReply]]
) -> Response[Any]:
    """What is believed of tokens is looked up anew after it."""
    answer = await once(request, by, work)
    holders_of(request.app.state).forget()
    return answer


def _verb(name: str, act: Callable[[WriteSession, UUID], Awaitable[User]], summary: str, says: str) -> Any:
    async def change(request: WebRequest, user: SignedIn, user_id: FromPath[UUID]) -> Response[Any]:
        async def work(session: WriteSession) -> MutationReply:
            return MutationReply(user_item(await act(session, user_id)))

        return await _done(request, user, work)

    change.__doc__ = says
    made = endpoint(
        "POST",
        f"/users/{{user_id:uuid}}/{name}",
        scope=Scope.ADMIN,
        tag=TAG,
        summary=summary,
        answers={200: UserItem},
        problems=(409,),
        once=True,
    )(change)
    made.opt["name"] = f"{name}_user"
    return made


handlers = [
    list_users,
    get_user,
    add_user,
    change_role,
    _verb(
        "disable",
        service.disable,
        "Shut a person out",
        "Their sessions and tokens end at once. 409 for the last administrator.",
    ),
    _verb("enable", service.enable, "Let a person in again", "Their tokens work again, too."),
]
