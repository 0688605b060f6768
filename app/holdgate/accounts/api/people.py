"""People for programs of administrators: who has access, giving it, taking it away."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import Response

from holdgate.accounts import queries, service
from holdgate.accounts.api.schemas import NewUser, RoleChange, UserItem, UserPage, UserQuery, user_item
from holdgate.accounts.errors import UserNotFound
from holdgate.accounts.models import User
from holdgate.accounts.tokens.bearer import forget_holders
from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.request import WebRequest

TAG = "People"


@get("/users", scope=Scope.ADMIN, tag=TAG, summary="List people")
async def list_users(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[UserQuery]
) -> Response[UserPage]:
    """By address, those who are shut out as well."""
    place = position(wanted)
    last = await queries.user_by_id(read, place.id) if place else None
    if place is not None and last is None:
        raise Invalid("This cursor is damaged.", {"?cursor": "Take `next_cursor` as it was given."})
    rows = await queries.users_page(
        read, search=wanted.q.strip(), after=last.email if last else "", limit=wanted.limit + 1
    )
    total = await queries.count_found(read, search=wanted.q.strip())
    return page(request, UserPage, rows, wanted, user_item, lambda row: Cursor(row.created_at, row.id), total)


@get("/users/{user_id:uuid}", scope=Scope.ADMIN, tag=TAG, summary="Read a person")
async def get_user(user: Principal, read: ReadSession, user_id: UUID) -> UserItem:
    found = await service.find_user(read, user_id)
    if found is None:
        raise UserNotFound
    return user_item(found)


@post(
    "/users",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Invite a user",
    example={"email": "ann@example.org", "name": "Ann", "role": "member", "invite": True},
    after=forget_holders,
)
async def add_user(session: WriteSession, by: Principal, wanted: NewUser) -> MutationReply[UserItem]:
    """200 when there was somebody with this address: they stay as they are, but become administrator if asked for."""
    known = await service.find_user_by_email(session, wanted.email.strip()) is not None
    added = await service.add_user(session, wanted.email, admin=wanted.role == "admin", name=wanted.name)
    if wanted.invite:
        await service.invite(session, by, added)
    return MutationReply(user_item(added), 200 if known else 201, f"{PATH}/users/{added.id}")


@post(
    "/users/{user_id:uuid}/role",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Change a person's role",
    example={"role": "admin"},
    problems=(409,),
    after=forget_holders,
)
async def change_role(session: WriteSession, wanted: RoleChange, user_id: UUID) -> UserItem:
    """409 for the last administrator. Tokens with the scope `admin` are worth a member's from then on."""
    return user_item(await service.change_role(session, user_id, wanted.role))


def _verb(name: str, act: Callable[[WriteSession, UUID], Awaitable[User]], summary: str, says: str) -> Any:
    async def change(session: WriteSession, user_id: UUID) -> UserItem:
        return user_item(await act(session, user_id))

    change.__doc__ = says
    return post(
        f"/users/{{user_id:uuid}}/{name}",
        scope=Scope.ADMIN,
        tag=TAG,
        summary=summary,
        problems=(409,),
        name=f"{name}_user",
        after=forget_holders,
    )(change)


handlers = [
    list_users,
    get_user,
    add_user,
    change_role,
    _verb(
        "disable",
        service.disable,
        "Disable a user",
        "Their sessions and tokens end at once. 409 for the last administrator.",
    ),
    _verb("enable", service.enable, "Enable a user", "Their tokens work again, too."),
]
