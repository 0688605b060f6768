"""A file put into a form, before the decision: by a personal link or signed in. The page comes back with what was
entered, and the file named in it."""

from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from holdgate.approvals.errors import SignInNeeded
from holdgate.approvals.pages.inbox import approval_page
from holdgate.approvals.pages.question import REFUSALS, read_file, read_sent, refusal
from holdgate.approvals.pages.review import check_sender, read_link_form, render_review
from holdgate.approvals.requests import deciding, uploading
from holdgate.approvals.rules.access import holder_of
from holdgate.approvals.rules.links import key_of
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import BY_LINK, UPLOAD, WebRequest

FILES = {UPLOAD: True}
FILES_BY_LINK = {UPLOAD: BY_LINK}


@post("/review/{token:str}/files", opt=FILES_BY_LINK)
async def upload_by_link(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """The link is checked before the form is read: nobody else sends files here."""
    state = request.app.state
    async with state.database.read() as read:
        asked = await holder_of(read, key_of(token))
    if asked.approval.level != "link":
        raise SignInNeeded
    form = await read_link_form(request)
    sent, message, status = await read_sent(request), "", 200
    try:
        await check_sender(request, asked, form, chosen=True)
        field, file = await read_file(request)
        by = asked.recipient.email
        await uploading.upload(
            state.database, state.settings, asked.approval, field, file, by=by, actor=f"recipient:{by}"
        )
    except REFUSALS as problem:
        sent, message, status = refusal(sent, problem)
    return await render_review(request, token, sent=sent, message=message, status=status)


@post("/approvals/{approval_id:uuid}/files", opt=FILES)
async def upload_signed_in(request: WebRequest, user: SignedIn, approval_id: FromPath[UUID]) -> Response[Any]:
    state = request.app.state
    sent, message, status = await read_sent(request), "", 200
    try:
        field, file = await read_file(request)
        async with state.database.read() as read:
            approval = await deciding.decidable(read, user, approval_id)
        await uploading.upload(state.database, state.settings, approval, field, file, by=user.email, actor=user.actor)
    except REFUSALS as problem:
        sent, message, status = refusal(sent, problem)
    async with state.database.read() as read:
        return await approval_page(request, read, user, approval_id, sent=sent, message=message, status=status)


handlers = [upload_by_link, upload_signed_in]
