"""“Applied elsewhere”: postings that a person has applied to without Holdgate, one or many, and taking it back."""

from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.applications import service
from holdgate.core.errors import Invalid
from holdgate.core.text import zones
from holdgate.postings import service as postings
from holdgate.postings.service import MOST
from holdgate.web.forms import read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write
from holdgate.web.render import see_other


class AppliedForm(msgspec.Struct):
    """`day`: on which; without it today."""

    posting: Annotated[list[UUID], msgspec.Meta(max_length=MOST)] = []
    day: date | None = None


@post("/postings/applied", include_in_schema=False)
async def mark_many(request: WebRequest, user: SignedIn, write: Write) -> Response[str]:
    form = await read_form(request, AppliedForm)
    if form.data is None:
        raise Invalid("Choose at most 10,000 postings, and a day as 2026-11-29.", dict(form.errors))
    n = await postings.mark_applied_elsewhere(write, user, form.data.posting, at=_noon(form.data.day))
    said = f"{n:,} posting{'s' if n != 1 else ''} marked as applied elsewhere."
    return see_other(request, "/postings", said)


@post("/postings/{posting_id:uuid}/applied", include_in_schema=False)
async def mark_one(request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID]) -> Response[str]:
    form = await read_form(request, AppliedForm)
    if form.data is None:
        raise Invalid("Give a day as 2026-11-29, or none.", dict(form.errors))
    await postings.mark_applied_elsewhere(write, user, [posting_id], at=_noon(form.data.day))
    return see_other(request, f"/postings/{posting_id}", "Marked as applied elsewhere.")


@post("/postings/{posting_id:uuid}/not-applied", include_in_schema=False)
async def take_back(request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID]) -> Response[str]:
    await service.take_back_elsewhere(write, user, posting_id)
    return see_other(request, f"/postings/{posting_id}", "No longer marked as applied to.")


def _noon(day: date | None) -> datetime | None:
    """A time of the day that is of that day everywhere near; of today and later, now."""
    return datetime.combine(day, time(12), zones.shown()) if day else None


handlers: list[HTTPRouteHandler] = [mark_many, mark_one, take_back]
