"""/settings/tokens: the personal tokens of one's programs. A new one is shown once, in the answer to its making."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.accounts.errors import TokenNotFound
from holdgate.accounts.models import ApiToken
from holdgate.accounts.tokens import personal, queries
from holdgate.accounts.tokens import uses as token_uses
from holdgate.accounts.tokens.bearer import forget_holders
from holdgate.accounts.tokens.personal import USUAL
from holdgate.accounts.tokens.uses import Use
from holdgate.core.db import Session
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import MEANINGS, Scope
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

LASTS = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("0", "until it is revoked"))


class TokenForm(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scopes: list[Scope] = []
    days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 90


class RevokeForm(msgspec.Struct):
    """`pause`: what the token made is paused, too."""

    pause: bool = False


class RevokePage(msgspec.Struct, frozen=True):
    """`uses`: what goes on without the token."""

    token: ApiToken
    uses: list[Use]


class TokensView(msgspec.Struct, frozen=True, kw_only=True):
    """`made` is the token that was just made, in full; empty otherwise."""

    tokens: list[ApiToken]
    form: Form[TokenForm]
    scopes: list[tuple[str, str, str]]
    lasts: tuple[tuple[str, str], ...] = LASTS
    made: str = ""


@get("/settings/tokens", include_in_schema=False)
async def show_tokens(request: WebRequest, read: Read, user: SignedIn) -> Response[str]:
    return await _page(request, read, user)


@post("/settings/tokens", include_in_schema=False)
async def create_token(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form: Form[TokenForm] = await read_form(request, TokenForm)
    if form.data is None:
        return await _page(request, write, user, form=form, status=422)
    wanted = form.data
    lasts = timedelta(days=wanted.days) if wanted.days else None
    try:
        made = await personal.create_token(write, user.id, name=wanted.name, scopes=wanted.scopes, lasts=lasts)
    except Invalid as problem:
        await discard(request)
        return await _page(request, write, user, form=form.refused(problem), status=422)
    except Conflict as problem:
        await discard(request)
        return await _page(request, write, user, form=form.refused(Invalid(str(problem))), status=422)
    return await _page(request, write, user, made=made, status=201)


@get("/settings/tokens/{token_id:uuid}/revoke", include_in_schema=False)
async def confirm_revoking(request: WebRequest, read: Read, user: SignedIn, token_id: FromPath[UUID]) -> Response[str]:
    token = await queries.find_token(read, user.id, token_id)
    if token is None:
        raise TokenNotFound
    view = RevokePage(token, await token_uses.uses_of(read, user, token_id))
    return await render(request, "accounts/revoke_token.html", view, nav="settings")


@post("/settings/tokens/{token_id:uuid}/revoke", include_in_schema=False)
async def revoke_token(request: WebRequest, write: Write, user: SignedIn, token_id: FromPath[UUID]) -> Response[Any]:
    form: Form[RevokeForm] = await read_form(request, RevokeForm)
    pause = form.data is not None and form.data.pause
    left = await token_uses.revoke(write, user, token_id, pause=pause)
    forget_holders(request)
    said = "The token is revoked: nothing can be done with it any more."
    if left:
        said += f" Still active: {', '.join(f'{use.what} {use.name}' for use in left[:5])}."
    return see_other(request, "/settings/tokens", said)


async def _page(
    request: WebRequest,
    session: Session,
    user: Principal,
    *,
    form: Form[TokenForm] | None = None,
    made: str = "",
    status: int = 200,
) -> Response[str]:
    view = TokensView(
        tokens=list(await queries.tokens_of(session, user.id)),
        form=form or blank({"name": "", "scopes": [scope.value for scope in USUAL], "days": "90"}),
        scopes=[(scope.value, scope.value, text) for scope, text in MEANINGS.items() if _offered(scope, user)],
        made=made,
    )
    return await render(request, "accounts/tokens.html", view, nav="settings", status=status)


def _offered(scope: Scope, user: Principal) -> bool:
    return scope is not Scope.ADMIN or user.is_admin


handlers: list[HTTPRouteHandler] = [show_tokens, create_token, confirm_revoking, revoke_token]
