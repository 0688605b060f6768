"""/admin/users: administrators see who has access, give it, take it away."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery

from holdgate.accounts import queries, service
from holdgate.accounts.models import User
from holdgate.accounts.tokens.bearer import forget_holders
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.telemetry import log
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

logger = log.get(__name__)

PAGE_SIZE = 100


class NewUserForm(msgspec.Struct):
    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    role: Literal["member", "admin"] = "member"
    invite: bool = False


class RoleForm(msgspec.Struct):
    role: Literal["member", "admin"]


class UserRow(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    name: str
    role: str
    signed_in_at: Any
    created_at: Any
    disabled: bool
    is_self: bool


class UsersView(msgspec.Struct, frozen=True, kw_only=True):
    users: list[UserRow]
    form: Form[NewUserForm]
    search: str
    next_url: str | None
    login_url: str


@get("/", include_in_schema=False)
async def list_users(
    request: WebRequest, read: Read, user: SignedIn, q: FromQuery[str] = "", after: FromQuery[str] = ""
) -> Response[str]:
    return await _page(request, read, user.id, search=_search(q), after=_search(after))


@post("/", include_in_schema=False, status_code=200)
async def add_user(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form = await read_form(request, NewUserForm)
    new = form.data
    if new is not None:
        try:
            added = await service.add_user(write, new.email, admin=new.role == "admin", name=new.name)
        except Invalid as problem:
            form = form.refused(problem)
        else:
            logger.info("user added", user=added.email, role=added.role, by=user.email)
            said = f"{added.email} can now sign in at {request.app.state.settings.base_url}/login"
            if new.invite:
                await service.invite(write, user, added)
                said += "; an invitation was emailed"
            return see_other(request, "/admin/users", said)
    return await _page(request, write, user.id, form=form)


@post("/{user_id:uuid}/role", include_in_schema=False)
async def change_role(request: WebRequest, write: Write, user: SignedIn, user_id: FromPath[UUID]) -> Response[str]:
    form = await read_form(request, RoleForm)
    if form.data is None:
        raise Invalid("Choose member or administrator.", dict(form.errors))
    changed = await service.change_role(write, user_id, form.data.role)
    forget_holders(request)
    logger.info("role changed", user=changed.email, role=changed.role, by=user.email)
    word = "an administrator" if changed.role == "admin" else "a member"
    return see_other(request, _after(user.id == user_id, changed), f"{changed.email} is now {word}.")


@post("/{user_id:uuid}/disable", include_in_schema=False)
async def disable_user(request: WebRequest, write: Write, user: SignedIn, user_id: FromPath[UUID]) -> Response[str]:
    changed = await service.disable(write, user_id)
    forget_holders(request)
    logger.info("user disabled", user=changed.email, by=user.email)
    return see_other(request, "/admin/users", f"{changed.email} was signed out everywhere and can’t sign in.")


@post("/{user_id:uuid}/enable", include_in_schema=False)
async def enable_user(request: WebRequest, write: Write, user: SignedIn, user_id: FromPath[UUID]) -> Response[str]:
    changed = await service.enable(write, user_id)
    logger.info("user enabled", user=changed.email, by=user.email)
    return see_other(request, "/admin/users", f"{changed.email} can sign in again.")


async def _page(
    request: WebRequest,
    session: Session,
    own_id: UUID,
    *,
    search: str = "",
    after: str = "",
    form: Form[NewUserForm] | None = None,
) -> Response[str]:
    found = await queries.users_page(session, search=search, after=after, limit=PAGE_SIZE + 1)
    more = found[PAGE_SIZE - 1].email if len(found) > PAGE_SIZE else None
    view = UsersView(
        users=[_row(user, own_id) for user in found[:PAGE_SIZE]],
        form=form or blank({"role": "member", "invite": True}),
        search=search,
        next_url=f"/admin/users?{urlencode({'q': search, 'after': more})}" if more else None,
        login_url=f"{request.app.state.settings.base_url}/login",
    )
    return await render(request, "accounts/users.html", view, nav="users", status=422 if form else 200)


def _row(user: User, own_id: UUID) -> UserRow:
    return UserRow(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        signed_in_at=user.signed_in_at,
        created_at=user.created_at,
        disabled=user.disabled_at is not None,
        is_self=user.id == own_id,
    )


def _after(is_self: bool, changed: User) -> str:
    """Who has just given up the role may not see the list any more."""
    return "/settings" if is_self and changed.role != "admin" else "/admin/users"


def _search(text: str) -> str:
    return text.replace("\0", "").strip()[:254]


router = Router(
    "/admin/users",
    route_handlers=[list_users, add_user, change_role, disable_user, enable_user],
    guards=[admin_only],
)

handlers = [router]
