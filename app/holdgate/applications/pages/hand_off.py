"""An application that its person sends: the employer's form beside what goes into it, and how it ended."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.applications import service
from holdgate.applications.copies import ApplicationCopy
from holdgate.applications.models import Application
from holdgate.applications.service import MOST_LINE
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text.web_address import is_web_address
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other


class SentForm(msgspec.Struct):
    confirmation: Annotated[str, msgspec.Meta(max_length=MOST_LINE)] = ""


class NotSentForm(msgspec.Struct):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_LINE)]


class HandOffView(msgspec.Struct, frozen=True, kw_only=True):
    """`form_url`: where the employer takes applications, if that can be opened; `sent`: there is nothing to do."""

    application: Application
    copy: ApplicationCopy
    form_url: str
    sent: bool
    form: Form[Any]


@get("/applications/{application_id:uuid}/hand-off", include_in_schema=False)
async def show_hand_off(
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
    copy = service.copy_of(found) or ApplicationCopy(apply_url=found.url)
    opens = is_web_address(copy.apply_url) or copy.apply_url[:7].lower() == "mailto:"
    view = HandOffView(
        application=found,
        copy=copy,
        form_url=copy.apply_url if opens else found.url,
        sent=found.sent_at is not None,
        form=form or blank(),
    )
    return await render(request, "applications/hand_off.html", view, nav="applications", status=422 if form else 200)


@post("/applications/{application_id:uuid}/hand-off/sent", include_in_schema=False)
async def say_sent(request: WebRequest, user: SignedIn, write: Write, application_id: FromPath[UUID]) -> Response[str]:
    form = await read_form(request, SentForm)
    if form.data is None:
        return await _page(request, write, user, application_id, form)
    await service.record_sent_by_hand(write, user, application_id, form.data.confirmation)
    return see_other(
        request, f"/applications/{application_id}", "Sent by hand. Its task ends with that as its receipt."
    )


@post("/applications/{application_id:uuid}/hand-off/not-sent", include_in_schema=False)
async def say_not_sent(
    request: WebRequest, user: SignedIn, write: Write, application_id: FromPath[UUID]
) -> Response[str]:
    form = await read_form(request, NotSentForm)
    if form.data is None:
        return await _page(request, write, user, application_id, form)
    try:
        await service.put_aside(write, user, application_id, form.data.reason)
    except Invalid as problem:
        return await _page(request, write, user, application_id, form.refused(problem))
    return see_other(request, f"/applications/{application_id}", "Put aside. Retry its task to take it up again.")


handlers: list[HTTPRouteHandler] = [show_hand_off, say_sent, say_not_sent]
