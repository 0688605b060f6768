"""One application: how it stands, the copy that was sent, notes and reminders, and its hand-off.

`handlers` are those of the whole feature but the list.
"""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.applications import queries, service
from holdgate.applications.copies import ApplicationCopy, PastStatus
from holdgate.applications.models import Application
from holdgate.applications.pages import elsewhere, hand_off
from holdgate.applications.service import MOST_LINE, MOST_NOTES
from holdgate.applications.states import AFTERWARDS, ApplicationStatus
from holdgate.core.db import Session
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.principal import Principal
from holdgate.web.downloads import attachment
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other


class StatusForm(msgspec.Struct):
    """`back`: to the board."""

    status: ApplicationStatus
    back: str = ""


class NotesForm(msgspec.Struct):
    contact: Annotated[str, msgspec.Meta(max_length=MOST_LINE)] = ""
    notes: Annotated[str, msgspec.Meta(max_length=MOST_NOTES)] = ""


class FollowUpForm(msgspec.Struct):
    """Without a day there is no reminder any more."""

    day: date | None = None


class ApplicationView(msgspec.Struct, frozen=True, kw_only=True):
    """One application. `history`: the statuses before, oldest first. `live`: it has not been sent yet."""

    application: Application
    copy: ApplicationCopy | None
    history: list[PastStatus]
    live: bool
    form: Form[Any]
    afterwards: tuple[ApplicationStatus, ...] = AFTERWARDS


@get("/applications/{application_id:uuid}", include_in_schema=False)
async def show_application(
    request: WebRequest, user: SignedIn, read: Read, application_id: FromPath[UUID]
) -> Response[str]:
    return await _page(request, read, user, application_id)


async def _page(
    request: WebRequest, session: Session, user: Principal, application_id: UUID, form: Form[Any] | None = None
) -> Response[str]:
    """The whole page; with a `form` that was refused, as 422."""
    if form is not None:
        await discard(request)
    found = await service.load(session, application_id, user.scope)
    values = {"contact": found.contact, "notes": found.notes, "status": found.status}
    view = ApplicationView(
        application=found,
        copy=service.copy_of(found),
        history=msgspec.convert(found.history, list[PastStatus]),
        live=found.sent_at is None,
        form=blank(values) if form is None else msgspec.structs.replace(form, values={**values, **form.values}),
    )
    return await render(request, "applications/detail.html", view, nav="applications", status=422 if form else 200)


@get("/applications/{application_id:uuid}/resume", include_in_schema=False)
async def download_resume(user: SignedIn, read: Read, application_id: FromPath[UUID]) -> Response[bytes]:
    """The file that went with it, whatever the profile has since."""
    found = await service.load(read, application_id, user.scope)
    copy = service.copy_of(found)
    content = await queries.load_file(read, found.owner_id, copy.resume_sha256) if copy else None
    if copy is None or content is None:
        raise NotFound("No résumé is kept with this application.")
    return attachment(content, copy.resume_name, copy.resume_type)


@post("/applications/{application_id:uuid}/status", include_in_schema=False)
async def record_status(
    request: WebRequest, user: SignedIn, write: Write, application_id: FromPath[UUID]
) -> Response[str]:
    form = await read_form(request, StatusForm)
    if form.data is None:
        return await _page(request, write, user, application_id, form)
    await service.record(write, user, application_id, form.data.status)
    there = "/applications?view=board" if form.data.back == "board" else f"/applications/{application_id}"
    return see_other(request, there, "Status saved.")


@post("/applications/{application_id:uuid}/notes", include_in_schema=False)
async def save_notes(
    request: WebRequest, user: SignedIn, write: Write, application_id: FromPath[UUID]
) -> Response[str]:
    form = await read_form(request, NotesForm)
    if form.data is None:
        return await _page(request, write, user, application_id, form)
    await service.note(write, user, application_id, contact=form.data.contact, notes=form.data.notes)
    return see_other(request, f"/applications/{application_id}#notes", "Notes saved.")


@post("/applications/{application_id:uuid}/follow-up", include_in_schema=False)
async def set_follow_up(
    request: WebRequest, user: SignedIn, write: Write, application_id: FromPath[UUID]
) -> Response[str]:
    form = await read_form(request, FollowUpForm)
    if form.data is None:
        return await _page(request, write, user, application_id, form)
    try:
        await service.follow_up(write, user, application_id, form.data.day)
    except Invalid as problem:
        return await _page(request, write, user, application_id, form.refused(problem))
    said = "Reminder set." if form.data.day else "Reminder removed."
    return see_other(request, f"/applications/{application_id}#follow-up", said)


handlers: list[HTTPRouteHandler] = [
    show_application,
    download_resume,
    record_status,
    save_notes,
    set_follow_up,
    *hand_off.handlers,
    *elsewhere.handlers,
]
