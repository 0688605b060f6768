"""Adding, editing, archiving and deleting one posting."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.postings import editing, service
from holdgate.postings.editing import NewPosting
from holdgate.postings.pages.selection import MaterialChoice, material_choice
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other


class EditPostingView(msgspec.Struct, frozen=True):
    """`posting_id`: of the one that is edited; None: it is a new one."""

    form: Form[NewPosting]
    posting_id: UUID | None
    material: MaterialChoice


@get("/postings/new", include_in_schema=False)
async def new_posting(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    return await _page(request, read, user, blank(), None, 200)


async def _page(
    request: WebRequest, session: Session, user: Principal, form: Form[Any], posting_id: UUID | None, status: int
) -> Response[str]:
    view = EditPostingView(form, posting_id, await material_choice(session, user))
    return await render(request, "postings/edit.html", view, nav="postings", status=status)


@post("/postings", include_in_schema=False)
async def create_posting(request: WebRequest, user: SignedIn, write: Write) -> Response[str]:
    form: Form[NewPosting] = await read_form(request, NewPosting)
    if form.data is None:
        return await _page(request, write, user, form, None, 422)
    try:
        made, known = await editing.add(write, user, form.data, "added by hand")
    except Invalid as problem:
        await discard(request)
        return await _page(request, write, user, form.refused(problem), None, 422)
    said = "You already had a posting with this address. It’s updated." if known else "Posting added."
    return see_other(request, f"/postings/{made}", said, level="info" if known else "success")


@get("/postings/{posting_id:uuid}/edit", include_in_schema=False)
async def show_posting_form(
    request: WebRequest, user: SignedIn, read: Read, posting_id: FromPath[UUID]
) -> Response[str]:
    posting = await service.load(read, posting_id, user.id)
    values = {name: getattr(posting, name) for name in NewPosting.__struct_fields__}
    if posting.apply_url == posting.url:  # else it would stay behind when the address of the posting is changed
        values["apply_url"] = ""
    return await _page(request, read, user, blank(values), posting_id, 200)


@post("/postings/{posting_id:uuid}/edit", include_in_schema=False)
async def edit_posting(request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID]) -> Response[str]:
    form: Form[NewPosting] = await read_form(request, NewPosting)
    if form.data is None:
        return await _page(request, write, user, form, posting_id, 422)
    try:
        await editing.edit(write, user, posting_id, form.data)
    except Invalid as problem:
        await discard(request)
        return await _page(request, write, user, form.refused(problem), posting_id, 422)
    return see_other(request, f"/postings/{posting_id}", "Posting saved. Imports won’t change it.")


@post("/postings/{posting_id:uuid}/archive", include_in_schema=False)
async def archive_posting(
    request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID]
) -> Response[str]:
    await editing.archive(write, user, posting_id, archived=True)
    return see_other(request, f"/postings/{posting_id}", "Posting archived.")


@post("/postings/{posting_id:uuid}/restore", include_in_schema=False)
async def restore_posting(
    request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID]
) -> Response[str]:
    await editing.archive(write, user, posting_id, archived=False)
    return see_other(request, f"/postings/{posting_id}", "Posting restored.")


@post("/postings/{posting_id:uuid}/delete", include_in_schema=False)
async def delete_posting(
    request: WebRequest, user: SignedIn, write: Write, posting_id: FromPath[UUID]
) -> Response[str]:
    await editing.delete(write, user, posting_id)
    return see_other(request, "/postings", "Posting deleted.")


handlers: list[HTTPRouteHandler] = [
    new_posting,
    create_posting,
    show_posting_form,
    edit_posting,
    archive_posting,
    restore_posting,
    delete_posting,
]
