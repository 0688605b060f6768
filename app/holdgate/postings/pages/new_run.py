"""Starting a run of applications: the page on which postings are chosen, and its form."""

from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from holdgate.core.config import Settings
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.text import zones
from holdgate.core.tokens import Signer
from holdgate.postings import queries, service
from holdgate.postings.pages.selection import Choice, MaterialChoice, as_uuid, material_choice, missing_parts, offered
from holdgate.postings.queries import open_ones
from holdgate.postings.service import MOST, Material, Started
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other


class NewRunForm(msgspec.Struct):
    """`posting` are the chosen ones; `all` adds every one not yet applied to that matches `matching`, the search
    for which the page has named their number. `form` is the run's id to be, signed. `searched` is the search that the
    page shows."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    form: str = ""
    posting: Annotated[list[UUID], msgspec.Meta(max_length=MOST)] = []
    all: bool = False
    matching: str = ""
    searched: str = ""
    q: str = ""
    force: bool = False
    resume: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""


class NewRunView(msgspec.Struct, frozen=True, kw_only=True):
    form: Form[NewRunForm]
    choice: Choice
    key: str
    missing: str
    material: MaterialChoice
    here: str = "/runs/new"


@get("/runs/new", include_in_schema=False)
async def new_run(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    posting: FromQuery[list[str] | None] = None,
    q: FromQuery[str] = "",
    name: FromQuery[str] = "",
    all: FromQuery[str] = "",
    force: FromQuery[str] = "",
) -> Response[str]:
    form = blank(
        {
            "name": name.strip() or await usual_name(read),
            "posting": posting or [],
            "q": q.strip(),
            "all": all == "true",
            "force": force == "true",
        }
    )
    return await _page(request, read, user, form, 200)


async def usual_name(session: Session) -> str:
    """By the day where the person is."""
    today = await queries.today(session, zones.shown())
    return f"Applications, {today.day} {today:%b}"


async def _page(
    request: WebRequest, session: Session, user: Principal, form: Form[NewRunForm], status: int
) -> Response[str]:
    view = NewRunView(
        form=form,
        choice=await offered(session, user, form),
        # Shown again after a refusal, the form keeps its key: it has not made a run.
        key=form.value("form") if _run_id(request, user, form.value("form")) else _new_key(request, user),
        missing=await missing_parts(session, user),
        material=await material_choice(session, user),
    )
    return await render(request, "runs/new.html", view, nav="runs", fragment="runs/_new_choice.html", status=status)


def _signer(request: WebRequest) -> Signer:
    settings: Settings = request.app.state.settings
    return Signer(settings.secret_keys, "new-run")


def _new_key(request: WebRequest, user: Principal) -> str:
    return _signer(request).sign([str(user.id), str(uuid7())])


def _run_id(request: WebRequest, user: Principal, key: str) -> UUID | None:
    """The id a form of ours carries for its run; None for a form that was not shown to this person."""
    value = _signer(request).load(key) if key else None
    if not isinstance(value, list) or len(value) != 2 or value[0] != str(user.id):
        return None
    return as_uuid(value[1])


@post("/runs", include_in_schema=False)
async def create_run(
    request: WebRequest, user: SignedIn, write: Write, enter: FromQuery[str] = ""
) -> Response[str] | Response[None]:
    form: Form[NewRunForm] = await read_form(request, NewRunForm)
    # A browser does not tell in which field Enter was pressed. Where there is a search that the page has not shown
    # yet, it was that one.
    if enter and form.value("q") != form.value("searched"):
        return see_other(request, f"/runs/new?{_as_query(form)}")
    if form.data is not None:
        try:
            started = await _start(request, write, user, form.data)
            return see_other(request, f"/runs/{started.run_id}", said_started(started), level=_level(started))
        except Invalid as problem:
            form = form.refused(problem)
    return await _page(request, write, user, form, 422)


def _as_query(form: Form[NewRunForm]) -> str:
    ticked = {name: "true" for name in ("all", "force") if form.value(name, False)}
    given = {"name": form.value("name"), "q": form.value("q"), "posting": form.value("posting", [])[:MOST]}
    return urlencode({**given, **ticked}, doseq=True)


async def _start(request: WebRequest, session: WriteSession, user: Principal, wanted: NewRunForm) -> Started:
    run_id = _run_id(request, user, wanted.form)
    if run_id is None:
        raise Invalid("This form was not made for you, or is out of date. Nothing has been started; send it again.")
    ids = list(wanted.posting)
    if wanted.all:
        ids += await queries.ids_of(session, user.id, open_ones(wanted.matching), MOST)
    return await service.start_applications(
        session,
        user,
        name=wanted.name,
        posting_ids=ids,
        force=wanted.force,
        form=run_id,
        material=Material(wanted.resume, wanted.letter),
    )


def said_started(started: Started) -> str:
    if started.again:
        return "This run was started by the same form before. To start another one, choose “New run”."
    tasks = f"The run has started with {started.tasks:,} task{'s' if started.tasks != 1 else ''}."
    if not started.skipped:
        return tasks
    return f"{tasks} {started.skipped:,} posting{'s' if started.skipped != 1 else ''} skipped: already applied."


def _level(started: Started) -> Literal["success", "info"]:
    return "info" if started.again else "success"


handlers: list[HTTPRouteHandler] = [new_run, create_run]
