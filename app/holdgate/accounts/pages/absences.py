"""/settings/absences, and the same for administrators: when somebody is away, and who is asked in their place."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath

from holdgate.accounts import service
from holdgate.accounts.availability import absences, queries
from holdgate.accounts.errors import UserNotFound
from holdgate.accounts.models import Absence, User
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

OWN = "/settings/absences"
# Bounds that calendars and the database both know.
_FIRST, _LAST = date(2000, 1, 1), date(2200, 1, 1)


class AbsenceForm(msgspec.Struct):
    """Whole days, the last one included, in the zone of who is away."""

    first: date
    last: date
    substitute: Annotated[str, msgspec.Meta(max_length=254)] = ""


class AbsencesView(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: whose they are, for an administrator; "" for one's own."""

    absences: list[Absence]
    form: Form[AbsenceForm]
    path: str
    name: str
    zone: str


@get("/", include_in_schema=False)
async def own_absences(request: WebRequest, read: Read, user: SignedIn) -> Response[str]:
    return await _page(request, read, await _person(read, user.id), OWN)


@post("/", include_in_schema=False)
async def add_own(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    return await _add(request, write, await _person(write, user.id), OWN)


@post("/{absence_id:uuid}/delete", include_in_schema=False)
async def delete_own(request: WebRequest, write: Write, user: SignedIn, absence_id: FromPath[UUID]) -> Response[str]:
    await absences.delete_absence(write, user.id, absence_id)
    return see_other(request, OWN, "Deleted.")


@get("/", include_in_schema=False)
async def their_absences(request: WebRequest, read: Read, user_id: FromPath[UUID]) -> Response[str]:
    return await _page(request, read, await _person(read, user_id), _path(user_id), name=True)


@post("/", include_in_schema=False)
async def add_theirs(request: WebRequest, write: Write, user_id: FromPath[UUID]) -> Response[str]:
    return await _add(request, write, await _person(write, user_id), _path(user_id), name=True)


@post("/{absence_id:uuid}/delete", include_in_schema=False)
async def delete_theirs(
    request: WebRequest, write: Write, user_id: FromPath[UUID], absence_id: FromPath[UUID]
) -> Response[str]:
    await absences.delete_absence(write, user_id, absence_id)
    return see_other(request, _path(user_id), "Deleted.")


def _path(user_id: UUID) -> str:
    return f"/admin/users/{user_id}/absences"


async def _person(session: Session, user_id: UUID) -> User:
    person = await service.find_user(session, user_id)
    if person is None:
        raise UserNotFound
    return person


async def _add(request: WebRequest, session: Any, person: User, path: str, *, name: bool = False) -> Response[str]:
    form = await read_form(request, AbsenceForm)
    if form.data is None:
        return await _page(request, session, person, path, form=form, name=name)
    try:
        starts_at, ends_at = _time(form.data, person.time_zone or "")
        await absences.add_absence(session, person.id, starts_at, ends_at, form.data.substitute)
    except Invalid as problem:
        named = {"starts_at": "first", "ends_at": "last"}
        fields = {named.get(field, field): sentence for field, sentence in problem.fields.items()}
        return await _page(request, session, person, path, form=form.refused(Invalid(str(problem), fields)), name=name)
    return see_other(request, path, "Saved. Open requests keep their approvers.")


def _time(given: AbsenceForm, zone: str) -> tuple[datetime, datetime]:
    for field in ("first", "last"):
        if not _FIRST <= getattr(given, field) <= _LAST:
            raise Invalid("Enter a valid date.", {field: "Enter a date of this century."})
    return absences.days(given.first, given.last, zone)


async def _page(
    request: WebRequest,
    session: Session,
    person: User,
    path: str,
    *,
    form: Form[AbsenceForm] | None = None,
    name: bool = False,
) -> Response[str]:
    if form is not None:
        await discard(request)
    view = AbsencesView(
        absences=list(await queries.absences_of(session, person.id)),
        form=form or blank(),
        path=path,
        name=person.email if name else "",
        zone=person.time_zone or "UTC",
    )
    nav = "users" if name else "settings"
    return await render(request, "accounts/absences.html", view, nav=nav, status=422 if form else 200)


handlers = [
    Router(OWN, route_handlers=[own_absences, add_own, delete_own]),
    Router(
        "/admin/users/{user_id:uuid}/absences",
        route_handlers=[their_absences, add_theirs, delete_theirs],
        guards=[admin_only],
    ),
]
