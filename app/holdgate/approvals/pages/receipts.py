"""The receipt of a decision as a page and as a signed file, by a link or signed in, and the keys to check it by."""

from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from markupsafe import Markup

from holdgate.approvals.errors import SignInNeeded
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.form_diff import FieldChange, changes_of
from holdgate.approvals.evidence.receipts import Receipt
from holdgate.approvals.models import Approval
from holdgate.approvals.pages.question import QuestionView, question_view
from holdgate.approvals.pages.review import LIMIT
from holdgate.approvals.requests import inbox
from holdgate.approvals.rules import queries
from holdgate.approvals.rules.access import holder_of
from holdgate.approvals.rules.askers import asker_of
from holdgate.approvals.rules.links import key_of
from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.core.db import Session
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.headers import PRIVATE_LINK
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import WebRequest, client_address
from holdgate.web.http.sessions import Read
from holdgate.web.render import render, render_private


class ReceiptPage(msgspec.Struct, frozen=True):
    """`back` leads to the decision's page; `private`: by a link, not signed in. `code`: a QR code, as SVG, of `verify`,
    where whoever has the sheet sees whether it is genuine."""

    question: QuestionView
    receipt: Receipt
    changes: list[FieldChange]
    back: str
    private: bool
    verify: str
    code: Markup


async def _page(request: WebRequest, session: Session, approval: Approval, token: str = "") -> ReceiptPage:
    """Args:
    token: of the personal link that the page is behind, if it is.
    """
    receipt = await receipts.receipt_of(session, request.app.state.settings, approval)
    before, asker = await queries.version_before(session, approval), await asker_of(session, approval)
    question = question_view(approval, before, asker=asker, token=token)
    back = f"/review/{token}" if token else f"/approvals/{approval.id}"
    verify = f"{request.app.state.settings.base_url}/verify/{approval.id}/{receipt.signature['value']}"
    return ReceiptPage(question, receipt, changes_of(approval), back, bool(token), verify, _code(verify))


def _code(address: str) -> Markup:
    # When a receipt is shown: most processes show none.
    import segno

    return Markup(segno.make(address, error="m").svg_inline(omitsize=True, svgclass="code", lineclass=None))  # noqa: S704


async def linked(request: WebRequest, session: Session, token: str, limit: Limit = LIMIT) -> Approval:
    """What the holder of a personal link may read by that alone. Raises SignInNeeded."""
    await request.app.state.limits.hit(limit, client_address(request.scope))
    asked = await holder_of(session, key_of(token))
    if asked.approval.level != "link":
        raise SignInNeeded
    return asked.approval


def receipt_file(receipt: Receipt, headers: dict[str, str]) -> Response[bytes]:
    named = {"Content-Disposition": f'attachment; filename="{receipt.file_name}"'}
    return Response(receipt.text, media_type="application/json", headers={**named, **headers})


@get("/approvals/{approval_id:uuid}/receipt")
async def show_receipt(request: WebRequest, user: SignedIn, read: Read, approval_id: FromPath[UUID]) -> Response[str]:
    detail = await inbox.detail(read, approval_id, user)
    view = await _page(request, read, detail.approval)
    return await render(request, "approvals/receipt.html", view, nav="approvals")


@get("/approvals/{approval_id:uuid}/receipt.json")
async def send_receipt(request: WebRequest, user: SignedIn, read: Read, approval_id: FromPath[UUID]) -> Response[bytes]:
    detail = await inbox.detail(read, approval_id, user)
    return receipt_file(await receipts.receipt_of(read, request.app.state.settings, detail.approval), {})


@get("/review/{token:str}/receipt")
async def show_receipt_by_link(request: WebRequest, read: Read, token: FromPath[str]) -> Response[str]:
    view = await _page(request, read, await linked(request, read, token), token)
    return await render_private(request, "approvals/receipt_private.html", view)


@get("/review/{token:str}/receipt.json")
async def send_receipt_by_link(request: WebRequest, read: Read, token: FromPath[str]) -> Response[bytes]:
    approval = await linked(request, read, token)
    return receipt_file(await receipts.receipt_of(read, request.app.state.settings, approval), PRIVATE_LINK)


class SheetView(msgspec.Struct, frozen=True):
    """What a printed receipt is compared with; None: it is none of ours, or was changed."""

    receipt: Receipt | None


@get("/verify/{approval_id:uuid}/{signature:str}")
async def verify_sheet(
    request: WebRequest, read: Read, approval_id: FromPath[UUID], signature: FromPath[str]
) -> Response[str]:
    """Where the code on a printed receipt leads. Who has the sheet has read more than this says."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    settings: Settings = request.app.state.settings
    approval = await read.get(Approval, approval_id)
    receipt = None
    if approval is not None and await receipts.exists(read, settings, approval):
        receipt = await receipts.receipt_of(read, settings, approval)
        keys = signing.public_keys(settings.secret_keys)
        signed = [{"alg": signing.ALGORITHM, "kid": key["kid"], "value": signature} for key in keys]
        if all(signing.verify(receipt.content, each, keys) for each in signed):
            receipt = None
    return await render_private(request, "approvals/verify.html", SheetView(receipt))


@get("/.well-known/holdgate-keys.json")
async def show_keys(request: WebRequest) -> Response[bytes]:
    """The public keys that receipts are checked by (a JWK Set), for anybody."""
    keys = signing.public_keys(request.app.state.settings.secret_keys)
    return Response(
        signing.canonical({"keys": keys}),
        media_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


handlers = [show_receipt, send_receipt, show_receipt_by_link, send_receipt_by_link, verify_sheet, show_keys]
