"""Answers of pages: the page or its fragment, and the redirect after a POST. The one home of HX- headers."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Response
from litestar.datastructures import Cookie

from holdgate.core.config import Settings
from holdgate.core.db import Session
from holdgate.core.principal import Principal
from holdgate.core.tokens import Signer
from holdgate.web.http import csrf, sessions
from holdgate.web.http.cookies import DENSITY, FLASH, THEME, drop_cookie, read_cookie, set_cookie
from holdgate.web.http.headers import PRIVATE_LINK
from holdgate.web.http.request import WebRequest, principal, request_id

Level = Literal["info", "success", "warning", "error"]
Waiting = Callable[[Session, Principal], Awaitable[int]]

FLASH_SECONDS = 60
URL_SIGNS = "/:?#[]@!$&'()*+,;=%~"


THEMES = ("light", "dark")
COMPACT = "compact"


class Flash(NamedTuple):
    """What a page says of the POST before it. `undo`: where a POST takes that back; empty where nothing does."""

    level: str
    text: str
    undo: str = ""


class PageContext(msgspec.Struct, frozen=True, kw_only=True):
    """What every template may use beside its `view`. `now` is this machine's clock, for display only."""

    user: Principal | None
    nav: str
    csrf_token: str
    development: bool
    waiting: int
    flash: tuple[Flash, ...]
    request_id: str
    now: datetime
    theme: str = ""  # as chosen in this browser; empty: as its system says
    compact: bool = False  # lists with low rows, as chosen in this browser


async def render(
    request: WebRequest,
    template: str,
    view: Any = None,
    *,
    nav: str = "",
    fragment: str | Mapping[str, str] | None = None,
    tells: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    cookies: list[Cookie] | None = None,
    keep: bool = False,
) -> Response[str]:
    """The page `template`, or only `fragment` when htmx asks for a part of it.

    Args:
        view: one frozen object, the template's `view`.
        fragment: of a page with several parts that are fetched apart, by the id of the part.
        tells: which of the parts shows `page.flash`, as the page does.
        nav: which entry of the navigation is the current one.
        status: 422 for a form that is shown again. From 400 on, what the transaction did is undone first.
        keep: do not undo it (a counted wrong guess).
    """
    if status >= 400 and not keep:
        await sessions.discard(request)
    target = request.headers.get("HX-Target", "")
    part = fragment.get(target) if isinstance(fragment, Mapping) else fragment
    partial = part is not None and wants_fragment(request)
    settings: Settings = request.app.state.settings
    page = page_of(
        request,
        nav=nav,
        waiting=0 if partial else await _waiting(request),
        flash=() if partial and target != (tells or None) else _flash(request),
    )
    chosen = part if partial and part is not None else template
    text = request.app.state.templates.get_template(chosen).render(view=view, page=page)
    return Response(
        text,
        status_code=status,
        media_type="text/html",
        headers={"Vary": "HX-Request, HX-Target" if isinstance(fragment, Mapping) else "HX-Request", **(headers or {})},
        cookies=[*(cookies or ()), *([drop_cookie(settings, FLASH)] if page.flash else ())],
    )


async def render_private(
    request: WebRequest, template: str, view: Any, *, status: int = 200, keep: bool = False
) -> Response[str]:
    """A page behind a personal link: no script, no referrer, no cache, no index (design §6)."""
    return await render(request, template, view, status=status, headers=PRIVATE_LINK, keep=keep)


def see_other(
    request: WebRequest,
    path: str,
    flash: str = "",
    *,
    level: Level = "success",
    undo: str = "",
    cookies: list[Cookie] | None = None,
) -> Response[str]:
    """The 303 after a POST that has done something; `flash` is shown on the page that follows.

    Args:
        path: on this site only.
        undo: where a POST takes back what was done, for a button beside `flash`.
    """
    settings: Settings = request.app.state.settings
    added = list(cookies or ())
    if flash:
        added.append(set_cookie(settings, FLASH, _signer(settings).sign([level, flash, undo]), max_age=FLASH_SECONDS))
    headers = {"Location": quote(path, safe=URL_SIGNS)}
    return Response("", status_code=303, media_type="text/plain", headers=headers, cookies=added)


def wants_fragment(request: WebRequest) -> bool:
    """An htmx request for a part of the page: neither a boosted link nor a step back in the history."""
    return (
        request.headers.get("HX-Request") == "true"
        and request.headers.get("HX-Boosted") != "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )


def page_address(request: WebRequest) -> str:
    """Path and query of the page a person is on: for htmx the one around the part that is asked for."""
    if wants_fragment(request):
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
        path, query = parts.path or "/", parts.query
    else:
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def leave(path: str) -> dict[str, str]:
    """The header by which htmx loads a whole new page: it would put the target of a 303 into the fragment's place."""
    return {"HX-Redirect": path}


def page_of(request: WebRequest, *, nav: str = "", waiting: int = 0, flash: tuple[Flash, ...] = ()) -> PageContext:
    return PageContext(
        user=principal(request.scope),
        nav=nav,
        csrf_token=csrf.token(request),
        development=request.app.state.settings.development,
        waiting=waiting,
        flash=flash,
        request_id=request_id(request.scope),
        now=datetime.now(UTC),
        theme=theme if (theme := _chosen(request, THEME)) in THEMES else "",
        compact=_chosen(request, DENSITY) == COMPACT,
    )


def _chosen(request: WebRequest, name: str) -> str:
    return read_cookie(request.app.state.settings, request.cookies, name)


async def _waiting(request: WebRequest) -> int:
    """How many approvals wait for this person; in the transaction the request has, if it has one."""
    user, count = principal(request.scope), request.app.state.waiting
    if user is None or count is None:
        return 0
    session = sessions.open_session(request)
    if session is not None:
        return int(await count(session, user))
    async with request.app.state.database.read() as reading:
        return int(await count(reading, user))


def _flash(request: WebRequest) -> tuple[Flash, ...]:
    settings: Settings = request.app.state.settings
    signed = read_cookie(settings, request.cookies, FLASH)
    value = _signer(settings).load(signed, max_age=FLASH_SECONDS) if signed else None
    return (Flash(*map(str, value)),) if value else ()


def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret_keys, "flash")
