"""Signing in and out: /login, /login/sent, /login/{token}, /login/verify, /logout."""

import asyncio
import time
from datetime import timedelta
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from holdgate.accounts.errors import LinkDead
from holdgate.accounts.queries import SESSION_LASTS
from holdgate.accounts.sign_in import links
from holdgate.accounts.sign_in.codes import code_of, shown
from holdgate.accounts.sign_in.links import LinkState, WrongCode
from holdgate.accounts.sign_in.next_path import HOME, local_path
from holdgate.core.config import Settings
from holdgate.core.errors import Invalid
from holdgate.core.network.networks import network_of
from holdgate.core.telemetry import log
from holdgate.core.text.addresses import canonical_address, checked_address
from holdgate.core.tokens import Signer, mint
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.cookies import ASKING, SESSION, drop_cookie, read_cookie, set_cookie
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import WebRequest, client_address, principal
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, render_private, see_other

logger = log.get(__name__)

# Of an address and a network together: nobody can keep another from asking.
PER_ADDRESS = Limit("login-address", 5, timedelta(minutes=1))
PER_CLIENT = Limit("login-client", 20, timedelta(minutes=1))
TRIES = Limit("login-verify", 30, timedelta(minutes=1))
ASKING_LASTS = 3600  # seconds

# Every request for a link takes this long, whatever had to be done for it.
ANSWER_AFTER = 0.25

Address = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Asking(msgspec.Struct):
    email: Address
    next: str = ""


class Using(msgspec.Struct):
    token: Token
    code: str = ""


class LoginView(msgspec.Struct, frozen=True):
    form: Form[Asking]


class SentView(msgspec.Struct, frozen=True):
    email: str
    code: str
    mailbox: bool


class LinkView(msgspec.Struct, frozen=True):
    token: str
    needs_code: bool
    error: str | None = None


@get("/login", include_in_schema=False)
async def login(request: WebRequest, next: FromQuery[str] = "") -> Response[str]:
    if principal(request.scope) is not None:
        return see_other(request, local_path(next))
    return await render(request, "accounts/login.html", LoginView(blank({"next": _wanted(next)})))


@post("/login", include_in_schema=False)
async def ask(request: WebRequest) -> Response[str]:
    """The same answer for every address, after the same time."""
    settings: Settings = request.app.state.settings
    form = await read_form(request, Asking)
    network = network_of(client_address(request.scope))
    await request.app.state.limits.hit(PER_CLIENT, network)
    if form.data is not None:
        browser, _ = _asking(request)
        browser = browser or mint()
        end = time.monotonic() + ANSWER_AFTER
        try:
            address = checked_address(form.data.email)
            await request.app.state.limits.hit(PER_ADDRESS, f"{canonical_address(address)} {network}")
            # Not the request's session: waiting must not hold a transaction open.
            async with request.app.state.database.write("anonymous") as session:
                await links.ask_for_link(
                    session,
                    address,
                    browser=browser,
                    next_path=local_path(form.data.next),
                    signup=settings.signup,
                    network=network,
                    most_an_hour=settings.sign_in_emails_per_hour,
                )
            await asyncio.sleep(max(0.0, end - time.monotonic()))
            value = _signer(settings).sign([browser, address])
            cookie = set_cookie(settings, ASKING, value, max_age=ASKING_LASTS)
            return see_other(request, "/login/sent", cookies=[cookie])
        except Invalid as problem:
            form = form.refused(problem)
    return await render(request, "accounts/login.html", LoginView(form), status=422)


@get("/login/sent", include_in_schema=False)
async def sent(request: WebRequest) -> Response[str]:
    settings: Settings = request.app.state.settings
    browser, email = _asking(request)
    if not browser:
        return see_other(request, "/login")
    has_mailbox = settings.development and not settings.smtp_url
    return await render(request, "accounts/sent.html", SentView(email, shown(code_of(browser)), has_mailbox))


@get("/login/{token:str}", include_in_schema=False)
async def open_link(request: WebRequest, read: Read, token: FromPath[str]) -> Response[str]:
    """One button. However often it is opened, and by whatever program, nothing changes."""
    browser, _ = _asking(request)
    state = await links.look_at_link(read, token, browser)
    if state is LinkState.DEAD:
        return await _dead(request)
    return await render_private(request, "accounts/link.html", LinkView(token, state is LinkState.NEEDS_CODE))


@post("/login/verify", include_in_schema=False)
async def use_link(request: WebRequest, write: Write) -> Response[str]:
    settings: Settings = request.app.state.settings
    await request.app.state.limits.hit(TRIES, client_address(request.scope))
    form = await read_form(request, Using)
    if form.data is None:
        return await _dead(request)
    browser, _ = _asking(request)
    try:
        outcome = await links.use_link(
            write,
            form.data.token,
            browser=browser,
            code=form.data.code,
            signup=settings.signup,
            old_session=read_cookie(settings, request.cookies, SESSION),
            address=client_address(request.scope),
            user_agent=request.headers.get("user-agent", ""),
        )
    except LinkDead:
        return await _dead(request)
    if isinstance(outcome, WrongCode):
        return await _wrong_code(request, form.data, outcome.left)
    logger.info("signed in", user=outcome.email)
    cookie = set_cookie(settings, SESSION, outcome.token, max_age=int(SESSION_LASTS.total_seconds()))
    return see_other(request, outcome.next_path, cookies=[cookie, drop_cookie(settings, ASKING)])


@post("/logout", include_in_schema=False)
async def logout(request: WebRequest, write: Write) -> Response[str]:
    settings: Settings = request.app.state.settings
    token = read_cookie(settings, request.cookies, SESSION)
    if token:
        await links.sign_out(write, token)
    return see_other(request, "/login", "You are signed out.", cookies=[drop_cookie(settings, SESSION)])


async def _wrong_code(request: WebRequest, tried: Using, left: int) -> Response[str]:
    if left <= 0:
        return await _dead(request, keep=True)
    error = f"Incorrect code. {left} attempt{'' if left == 1 else 's'} left."
    view = LinkView(tried.token, True, error if tried.code.strip() else "Enter the code.")
    return await render_private(request, "accounts/link.html", view, status=422, keep=True)


async def _dead(request: WebRequest, *, keep: bool = False) -> Response[str]:
    return await render_private(request, "accounts/dead_link.html", None, status=LinkDead.status, keep=keep)


def _asking(request: WebRequest) -> tuple[str, str]:
    """This browser's secret and the address it has asked for; empty texts when it has asked for none."""
    settings: Settings = request.app.state.settings
    value = _signer(settings).load(read_cookie(settings, request.cookies, ASKING), max_age=ASKING_LASTS)
    return (str(value[0]), str(value[1])) if isinstance(value, list) and len(value) == 2 else ("", "")


def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret_keys, "asking")


def _wanted(path: str) -> str:
    """The hidden field stays empty when the overview is meant anyway."""
    found = local_path(path)
    return "" if found == HOME else found


handlers: list[HTTPRouteHandler] = [login, ask, sent, open_link, use_link, logout]
