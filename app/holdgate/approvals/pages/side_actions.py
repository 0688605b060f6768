"""What people do with a question other than deciding it: pass it on, ask the owner back. Signed in and by link."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.pages.inbox import approval_page
from holdgate.approvals.pages.question import REFUSALS, SentDecisions, refusal
from holdgate.approvals.pages.review import Form, act_by_link, read_link_form
from holdgate.approvals.requests import clarifying, delegating
from holdgate.approvals.rules.access import asked_by_link, asked_signed_in
from holdgate.approvals.values import pace_of
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write
from holdgate.web.render import see_other

DETOURS = Limit("approval-detour", 10, timedelta(minutes=10))  # of one person: each of them sends a mail
Detour = Callable[[WriteSession, Approval, Recipient, Form], Awaitable[object]]


def signup(request: WebRequest) -> str:
    """Who is mailed when a question is passed on to them. For trying things out, in development, anybody."""
    settings: Settings = request.app.state.settings
    return delegating.ANYBODY if settings.development else settings.signup


async def _read(request: WebRequest) -> Form:
    return {name: str(value) for name, value in (await request.form()).items()}


async def _signed_in(
    request: WebRequest, user: SignedIn, write: WriteSession, approval_id: UUID, work: Detour
) -> Response[Any]:
    form = await _read(request)
    await request.app.state.limits.hit(DETOURS, user.email)
    try:
        approval, person = await asked_signed_in(write, user, approval_id)
        await work(write, approval, person, form)
    except REFUSALS as problem:
        sent, message, status = refusal(SentDecisions(detour=form), problem)
        await write.rollback()
        return await approval_page(request, write, user, approval_id, sent=sent, message=message, status=status)
    return see_other(request, f"/approvals/{approval_id}")


async def _by_link(request: WebRequest, work: Detour) -> Response[Any]:
    form = await read_link_form(request)

    async def act(write: WriteSession, token_hash: bytes, holder: Principal | None) -> None:
        approval, person = await asked_by_link(write, token_hash, holder)
        await work(write, approval, person, form)

    sent = SentDecisions(detour=form)
    return await act_by_link(request, form, act, sent=sent, limit=DETOURS, onward="to" in form)


def _forward(request: WebRequest) -> Detour:
    async def work(write: WriteSession, approval: Approval, person: Recipient, form: Form) -> object:
        to, note, pace = form.get("to", ""), form.get("note", ""), pace_of(request.app.state.settings)
        return await delegating.forward(write, approval, person, to=to, note=note, signup=signup(request), pace=pace)

    return work


async def _ask_back(write: WriteSession, approval: Approval, person: Recipient, form: Form) -> None:
    await clarifying.ask_back(write, approval, person, form.get("question", ""))


async def _withdraw(write: WriteSession, approval: Approval, person: Recipient, form: Form) -> None:
    await clarifying.withdraw(write, approval, person, _note_id(form))


def _note_id(form: Form) -> UUID:
    try:
        return UUID(form.get("note_id", ""))
    except ValueError:
        raise ApprovalNotFound from None


@post("/approvals/{approval_id:uuid}/forward")
async def forward(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    return await _signed_in(request, user, write, approval_id, _forward(request))


@post("/approvals/{approval_id:uuid}/ask-back")
async def ask_back(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    return await _signed_in(request, user, write, approval_id, _ask_back)


@post("/approvals/{approval_id:uuid}/withdraw")
async def withdraw(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    return await _signed_in(request, user, write, approval_id, _withdraw)


@post("/approvals/{approval_id:uuid}/answer-back")
async def answer_back(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    """The owner's answer."""
    form = await _read(request)
    try:
        await clarifying.answer_back(write, user, approval_id, _note_id(form), form.get("answer", ""))
    except REFUSALS as problem:
        sent, message, status = refusal(SentDecisions(detour=form), problem)
        await write.rollback()
        return await approval_page(request, write, user, approval_id, sent=sent, message=message, status=status)
    return see_other(request, f"/approvals/{approval_id}", "Reply sent. The deadline is running again.")


@post("/review/forward")
async def forward_by_link(request: WebRequest) -> Response[Any]:
    return await _by_link(request, _forward(request))


@post("/review/ask-back")
async def ask_back_by_link(request: WebRequest) -> Response[Any]:
    return await _by_link(request, _ask_back)


@post("/review/withdraw")
async def withdraw_by_link(request: WebRequest) -> Response[Any]:
    return await _by_link(request, _withdraw)


handlers = [forward, ask_back, withdraw, answer_back, forward_by_link, ask_back_by_link, withdraw_by_link]
