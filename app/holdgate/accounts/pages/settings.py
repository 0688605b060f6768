"""/settings: the profile that applications are made from, the résumé, notices, and where one is signed in."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.accounts import queries, service
from holdgate.accounts.models import UserSession
from holdgate.accounts.pages import resumes as resumes_page
from holdgate.accounts.profile import profiles
from holdgate.accounts.profile.cover_letter import DEFAULT, LONGEST, PLACEHOLDERS
from holdgate.accounts.profile.profiles import (
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    MOST_ANSWERS,
    ProfileChange,
    ProfileView,
)
from holdgate.accounts.profile.resumes import KeptResume, list_resumes
from holdgate.accounts.sign_in.user_agents import browser_name
from holdgate.core.config import Settings
from holdgate.core.db import Session
from holdgate.core.errors import Invalid, NotFound, Unauthorized
from holdgate.core.text import zones
from holdgate.web.forms import Form, blank, read_form, uploaded
from holdgate.web.http.cookies import DENSITY, THEME, drop_cookie, set_cookie
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import UPLOAD, WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

A_YEAR = 365 * 24 * 3600  # seconds
Line = Annotated[str, msgspec.Meta(max_length=LONGEST_QUESTION)]
Answer = Annotated[str, msgspec.Meta(max_length=LONGEST_ANSWER)]
PLAIN = ("name", "first_name", "last_name", "email", "phone", "cover_letter")


class ProfileForm(msgspec.Struct):
    """`question` and `answer` are the two columns of the standing answers, row by row; `letter_name` and `letter` those
    of further letters."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    first_name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    last_name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    phone: Annotated[str, msgspec.Meta(max_length=50)] = ""
    links: list[str] = []
    letter_name: list[Annotated[str, msgspec.Meta(max_length=100)]] = []
    letter: list[Annotated[str, msgspec.Meta(max_length=LONGEST)]] = []
    cover_letter: Annotated[str, msgspec.Meta(max_length=LONGEST)] = ""
    question: list[Line] = []
    answer: list[Answer] = []


class NoticesForm(msgspec.Struct):
    run_notices: bool = False


class KeyboardForm(msgspec.Struct):
    shortcuts: bool = False


class AppearanceForm(msgspec.Struct):
    theme: Literal["system", "light", "dark"] = "system"
    density: Literal["comfortable", "compact"] = "comfortable"


class SessionRow(msgspec.Struct, frozen=True):
    id: UUID
    browser: str
    address: str
    signed_in_at: Any
    seen_at: Any
    current: bool


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    profile: ProfileView
    form: Form[ProfileForm]
    rows: list[tuple[str, str]]
    sessions: list[SessionRow]
    run_notices: bool
    resumes: list[KeptResume]
    letters: list[tuple[str, str]]
    standard_letter: str = DEFAULT
    zones: tuple[str, ...] = zones.names()
    placeholders: tuple[str, ...] = tuple(f"{{{name}}}" for name in PLACEHOLDERS)


@get("/settings", include_in_schema=False)
async def settings(request: WebRequest, read: Read, user: SignedIn) -> Response[str]:
    return await _page(request, read, user.id)


@post("/settings/profile", include_in_schema=False, opt={UPLOAD: True})
async def save_profile(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form = await read_form(request, ProfileForm)
    file = await uploaded(request, "resume")
    if form.data is None:
        return await _page(request, write, user.id, form)
    warning = ""
    try:
        answers = _answers(form.data.question, form.data.answer)
        plain = {name: getattr(form.data, name) for name in PLAIN}
        letters = _letters(form.data.letter_name, form.data.letter)
        links = [link for link in form.data.links if link]
        change = ProfileChange(**plain, links=links, letters=letters, answers=answers)
        await profiles.save_profile(write, user.id, change)
        if file is not None:
            warning = await resumes_page.keep(write, user, file, replace=True)
    except Invalid as problem:
        return await _page(request, write, user.id, form.refused(problem))
    resumed = await profiles.settle_profile(write, user)
    said = f"Saved. {resumed:,} waiting task{'' if resumed == 1 else 's'} resumed." if resumed else "Saved."
    if warning:
        return see_other(request, "/settings", f"{said} {warning}", level="warning")
    return see_other(request, "/settings", said)


@post("/settings/time-zone", include_in_schema=False)
async def save_time_zone(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    name = (await request.form()).get("time_zone", "")
    name = name if isinstance(name, str) else "a file"
    await service.choose_time_zone(write, user.id, name or None)
    return see_other(request, "/settings#times", "Times are shown in " + (name or "your browser's zone") + ".")


@post("/settings/notices", include_in_schema=False)
async def save_notices(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form = await read_form(request, NoticesForm)
    if form.data is None:
        raise Invalid("Choose yes or no.", dict(form.errors))
    await service.choose_run_notices(write, user.id, form.data.run_notices)
    return see_other(request, "/settings#notices", "Saved.")


@post("/settings/keyboard", include_in_schema=False)
async def save_keyboard(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form = await read_form(request, KeyboardForm)
    if form.data is None:
        raise Invalid("Choose yes or no.", dict(form.errors))
    await service.choose_shortcuts(write, user.id, form.data.shortcuts)
    said = "Single keys are on." if form.data.shortcuts else "Single keys are off."
    return see_other(request, "/settings#keys", said)


@post("/settings/appearance", include_in_schema=False)
async def save_appearance(request: WebRequest, user: SignedIn) -> Response[str]:
    """Of this browser: a desk may be dark and a phone not. The server writes it into the page, so nothing flashes."""
    form = await read_form(request, AppearanceForm)
    if form.data is None:
        raise Invalid("Choose an option from the list.", dict(form.errors))
    settings: Settings = request.app.state.settings
    chosen = ((THEME, form.data.theme, "system"), (DENSITY, form.data.density, "comfortable"))
    cookies = [
        drop_cookie(settings, name) if value == usual else set_cookie(settings, name, value, max_age=A_YEAR)
        for name, value, usual in chosen
    ]
    return see_other(request, "/settings#appearance", "Saved.", cookies=cookies)


@post("/settings/sessions/{session_id:uuid}/revoke", include_in_schema=False)
async def revoke_session(
    request: WebRequest, write: Write, user: SignedIn, session_id: FromPath[UUID]
) -> Response[str]:
    await service.end_session(write, user.id, session_id)
    return see_other(request, "/settings#sessions", "Session ended.")


@post("/settings/sessions/revoke-others", include_in_schema=False)
async def revoke_others(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    current: UUID | None = request.auth
    if current is None:
        raise Unauthorized("This works in a browser only.")
    ended = await service.end_sessions(write, user.id, but=current)
    places = "one other place" if ended == 1 else f"{ended} other places"
    said = f"Signed out in {places}." if ended else "You are signed in nowhere else."
    return see_other(request, "/settings#sessions", said)


async def _page(
    request: WebRequest, session: Session, user_id: UUID, form: Form[ProfileForm] | None = None
) -> Response[str]:
    """The whole page; with a `form` that was refused, as 422."""
    if form is not None:
        await discard(request)  # before reading: what was half saved is not to be shown
    profile = await profiles.load_profile(session, user_id)
    person = await service.find_user(session, user_id)
    if profile is None or person is None:
        raise NotFound("Your account no longer exists.")
    rows = list(profile.answers.items()) if form is None else _rows(form.values)
    letters = list(profile.letters.items())
    if form is not None:
        letters = list(zip(form.value("letter_name", []), form.value("letter", []), strict=False))
    view = SettingsView(
        profile=profile,
        form=form or blank(msgspec.structs.asdict(profile)),
        rows=[*rows, *[("", "")] * (3 if len(rows) <= MOST_ANSWERS - 3 else 0)],
        sessions=[_session(row, request.auth) for row in await queries.sessions_of(session, user_id)],
        run_notices=person.run_notices,
        resumes=await list_resumes(session, user_id),
        letters=[*letters, ("", "")],
    )
    return await render(request, "accounts/settings.html", view, nav="settings", status=422 if form else 200)


def _session(row: UserSession, current: UUID | None) -> SessionRow:
    return SessionRow(row.id, browser_name(row.user_agent), row.address, row.created_at, row.seen_at, row.id == current)


def _rows(values: Any) -> list[tuple[str, str]]:
    """The rows as they were sent; those left blank are dropped."""
    pairs = zip(values.get("question", []), values.get("answer", []), strict=False)
    return [(question, answer) for question, answer in pairs if question or answer]


def _letters(names: list[str], letters: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, letter in zip(names, letters, strict=False):
        if bool(name) != bool(letter) or name in found:
            sentence = "Give each letter a name of its own and a text, or clear both to remove it."
            raise Invalid(sentence, {"letters": sentence})
        if name:
            found[name] = letter
    return found


def _answers(questions: list[str], answers: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for question, answer in _rows({"question": questions, "answer": answers}):
        if not question:
            _refuse(f"The answer “{answer[:60]}” has no question.")
        if question in found:
            _refuse(f"The question “{question}” is there twice.")
        found[question] = answer
    return found


def _refuse(sentence: str) -> None:
    raise Invalid(sentence, {"answers": sentence})


handlers: list[HTTPRouteHandler] = [
    settings,
    save_profile,
    save_time_zone,
    *resumes_page.handlers,
    save_notices,
    save_keyboard,
    save_appearance,
    revoke_session,
    revoke_others,
]
