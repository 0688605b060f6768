"""What programs do with a question other than deciding it: pass it on, ask back, answer that, take it back."""

from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.api.routes import post
from holdgate.approvals.api.schemas import Decided, decided
from holdgate.approvals.pages import side_actions
from holdgate.approvals.requests import clarifying, delegating, undoing
from holdgate.approvals.rules.access import asked_signed_in
from holdgate.approvals.values import pace_of
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.request import WebRequest

TAG = "Approvals"
NOTE = "0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b"


class NewForward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom a request is delegated, perhaps with a note."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=320)]
    note: Annotated[str, msgspec.Meta(max_length=delegating.LONGEST_NOTE)] = ""


class Forwarded(msgspec.Struct, frozen=True):
    """`to`: the address that is asked now."""

    id: UUID
    to: str


class NewNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question to the owner."""

    question: Annotated[str, msgspec.Meta(min_length=1, max_length=clarifying.LONGEST)]


class AskedBack(msgspec.Struct, frozen=True):
    """`note_id`: what the owner's answer names."""

    id: UUID
    note_id: UUID


class NoteAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reply to a clarification."""

    note_id: UUID
    answer: Annotated[str, msgspec.Meta(min_length=1, max_length=clarifying.LONGEST)]


class NoteNamed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note_id: UUID


@post(
    "/approvals/{approval_id:uuid}/forward",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Pass a question on",
    problems=(409, 410),
    example={"to": "bob@example.org", "note": "This one is yours."},
)
async def forward_approval(
    request: WebRequest, session: WriteSession, by: Principal, sent: NewForward, approval_id: UUID
) -> Forwarded:
    """For whoever was asked: a colleague gets the mail and decides in their place, within the same time."""
    await _count(request, by.email)
    approval, person = await asked_signed_in(session, by, approval_id)
    signup = side_actions.signup(request)
    pace = pace_of(request.app.state.settings)
    to = await delegating.forward(session, approval, person, to=sent.to, note=sent.note, signup=signup, pace=pace)
    return Forwarded(approval_id, to)


@post(
    "/approvals/{approval_id:uuid}/ask-back",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Ask the owner of a question back",
    problems=(409, 410),
    example={"question": "Is this the final amount?"},
)
async def ask_back(
    request: WebRequest, session: WriteSession, by: Principal, sent: NewNote, approval_id: UUID
) -> AskedBack:
    """For whoever was asked: the owner gets a mail, and the deadline is paused until they have answered."""
    await _count(request, by.email)
    approval, person = await asked_signed_in(session, by, approval_id)
    return AskedBack(approval_id, await clarifying.ask_back(session, approval, person, sent.question))


@post(
    "/approvals/{approval_id:uuid}/answer-back",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Reply to a clarification",
    problems=(409, 410),
    example={"note_id": NOTE, "answer": "It is."},
)
async def answer_back(session: WriteSession, by: Principal, sent: NoteAnswer, approval_id: UUID) -> Decided:
    """For the owner. Whoever asked gets an email, the deadline resumes. 409 when it has been answered or withdrawn."""
    return decided(await clarifying.answer_back(session, by, approval_id, sent.note_id, sent.answer))


@post(
    "/approvals/{approval_id:uuid}/withdraw",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Withdraw a clarification",
    problems=(409, 410),
    example={"note_id": NOTE},
)
async def withdraw_note(
    request: WebRequest, session: WriteSession, by: Principal, sent: NoteNamed, approval_id: UUID
) -> Decided:
    """For whoever asked it: the deadline resumes without an answer."""
    await _count(request, by.email)
    approval, person = await asked_signed_in(session, by, approval_id)
    await clarifying.withdraw(session, approval, person, sent.note_id)
    return decided(approval)


@post(
    "/approvals/{approval_id:uuid}/take-back",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Take an approval back",
    problems=(409,),
)
async def take_back(session: WriteSession, by: Principal, approval_id: UUID) -> Decided:
    """For whoever approved it, until `goes_on_at`: the question is open again."""
    return decided(await undoing.take_back_signed_in(session, by, approval_id))


async def _count(request: WebRequest, email: str) -> None:
    """Counts together with what the person does on pages. Raises TooMany."""
    await request.app.state.limits.hit(side_actions.DETOURS, email)


handlers = [forward_approval, ask_back, answer_back, withdraw_note, take_back]
