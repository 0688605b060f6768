"""/admin/personal-data: administrators export and erase a person; /settings/data.json: one's own data."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromQuery
from litestar.response import Stream

from holdgate.accounts import service as accounts
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.telemetry import log
from holdgate.core.text.addresses import checked_address
from holdgate.personal_data import erasing
from holdgate.personal_data.exporting import ExportedPerson, export_person, find_person
from holdgate.personal_data.models import Erasure
from holdgate.web.downloads import download
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

PATH = "/admin/personal-data"
NAME = "holdgate-personal-data.json"

logger = log.get(__name__)


class ErasureForm(msgspec.Struct):
    """`again`: the address a second time, since nothing undoes it."""

    address: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    again: Annotated[str, msgspec.Meta(max_length=254)] = ""


class PersonalDataView(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: of their account, if they have one."""

    address: str
    name: str
    disabled: bool
    form: Form[ErasureForm]
    erasures: Sequence[Erasure]


@get("/", include_in_schema=False)
async def show(request: WebRequest, read: Read, user: SignedIn, address: FromQuery[str] = "") -> Response[str]:
    address = address.replace("\0", "").strip()[:254]
    try:
        checked = checked_address(address) if address else ""
    except Invalid as problem:
        form: Form[ErasureForm] = blank({"address": address})
        return await _page(request, read, "", form.refused(Invalid(str(problem), {"address": str(problem)})))
    return await _page(request, read, checked, blank({"address": checked}))


@get("/export.json", include_in_schema=False)
async def export(request: WebRequest, read: Read, user: SignedIn, address: FromQuery[str]) -> Stream:
    person = await find_person(read, address)
    logger.info("personal data exported", by=user.email)
    return download(export_person(request.app.state.database, person), NAME, "application/json")


@post("/erase", include_in_schema=False, status_code=200)
async def erase(request: WebRequest, write: Write, user: SignedIn) -> Response[str]:
    form = await read_form(request, ErasureForm)
    wanted = form.data
    if wanted is not None:
        try:
            if wanted.again.strip().casefold() != wanted.address.strip().casefold():
                raise Invalid("Enter the address again.", {"again": "It must be the same address."})
            erasure = await erasing.request_erasure(write, user, wanted.address)
        except Invalid as problem:
            form = form.refused(problem)
        else:
            return see_other(request, PATH, f"The person becomes {erasure.pseudonym}. This takes some minutes.")
    address = wanted.address if wanted else ""
    return await _page(request, write, address, form, status=422)


async def _page(
    request: WebRequest, session: Session, address: str, form: Form[ErasureForm], *, status: int = 200
) -> Response[str]:
    person = await accounts.find_user_by_email(session, address) if address else None
    view = PersonalDataView(
        address=address,
        name=person.named if person else "",
        disabled=person is not None and person.disabled_at is not None,
        form=form,
        erasures=await erasing.list_erasures(session),
    )
    return await render(request, "personal_data/page.html", view, nav="users", status=status)


@get("/settings/data.json", include_in_schema=False)
async def own_data(request: WebRequest, user: SignedIn) -> Stream:
    person = ExportedPerson(user.email, user.id, mentions=False)
    return download(export_person(request.app.state.database, person), NAME, "application/json")


handlers = [Router(PATH, route_handlers=[show, export, erase], guards=[admin_only]), own_data]
