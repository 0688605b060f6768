"""What programs do with a question other than deciding it: pass it on, ask back, answer that, take it back."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from holdgate.api.bodies import read_json
from holdgate.api.endpoints import endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.mutations import change
from holdgate.approvals.api.schemas import Decided, decided
from holdgate.approvals.pages import side_actions
from holdgate.approvals.requests import clarifying, delegating, undoing
from holdgate.approvals.rules.access import asked_signed_in
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest

TAG = "Approvals"
NOTE = "0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b"


class NewForward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom a question is passed on, perhaps with a word to them."""

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
    """The answer to what was asked back."""

    note_id: UUID
    answer: Annotated[str, msgspec.Meta(min_length=1, max_length=clarifying.LONGEST)]


class NoteNamed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note_id: UUID


@endpoint(
    "POST",
    "/approvals/{approval_id:uuid}/forward",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Pass a question on",
    answers={200: Forwarded},
    problems=(409, 410),
    body=NewForward,
    example={"to": "bob@example.org", "note": "This one is yours."},
    once=True,
)
async def forward_approval(request: WebRequest, user: SignedIn, approval_id: FromPath[UUID]) -> Response[Any]:
    """For whoever was asked: a colleague gets the mail and decides in their place, within the same time."""
    sent = await read_json(request, NewForward)

    async def work(session: WriteSession) -> MutationReply:
        await _count(request, user.email)
        approval, person = await asked_signed_in(session, user, approval_id)
        signup = side_actions.signup(request)
        to = await delegating.forward(session, approval, person, to=sent.to, note=sent.note, signup=signup)
        return MutationReply(Forwarded(approval_id, to))

    return await once(request, user, work)


@endpoint(
    "POST",
    "/approvals/{approval_id:uuid}/ask-back",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Ask the owner of a question back",
    answers={200: AskedBack},
    problems=(409, 410),
    body=NewNote,
    example={"question": "Is this the final amount?"},
    once=True,
)
async def ask_back(request: WebRequest, user: SignedIn, approval_id: FromPath[UUID]) -> Response[Any]:
    """For whoever was asked: the owner gets a mail, and the clock stands still until they have answered."""
    sent = await read_json(request, NewNote)

    async def work(session: WriteSession) -> MutationReply:
        await _count(request, user.email)
        approval, person = await asked_signed_in(session, user, approval_id)
        return MutationReply(
            AskedBack(approval_id, await clarifying.ask_back(session, approval, person, sent.question))
        )

    return await once(request, user, work)


@change(
    "/approvals/{approval_id:uuid}/answer-back",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Answer what was asked back",
    answers={200: Decided},
    problems=(409, 410),
    body=NoteAnswer,
    example={"note_id": NOTE, "answer": "It is."},
)
async def answer_back(session: WriteSession, by: Principal, sent: NoteAnswer, approval_id: UUID) -> Decided:
    """For the owner. Whoever asked gets a mail, and the clock goes on. 409 when it has been answered or withdrawn."""
    return decided(await clarifying.answer_back(session, by, approval_id, sent.note_id, sent.answer))


@endpoint(
    "POST",
    "/approvals/{approval_id:uuid}/withdraw",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Withdraw what one asked back",
    answers={200: Decided},
    problems=(409, 410),
    body=NoteNamed,
    example={"note_id": NOTE},
    once=True,
)
async def withdraw_note(request: WebRequest, user: SignedIn, approval_id: FromPath[UUID]) -> Response[Any]:
    """For whoever asked it: the clock goes on without an answer."""
    sent = await read_json(request, NoteNamed)

    async def work(session: WriteSession) -> MutationReply:
        await _count(request, user.email)
        approval, person = await asked_signed_in(session, user, approval_id)
        await clarifying.withdraw(session, approval, person, sent.note_id)
        return MutationReply(decided(approval))

    return await once(request, user, work)


@change(
    "/approvals/{approval_id:uuid}/take-back",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Take an approval back",
    answers={200: Decided},
    problems=(409,),
)
async def take_back(session: WriteSession, by: Principal, approval_id: UUID) -> Decided:
    """For whoever approved it, until `goes_on_at`: the question is open again."""
    return decided(await undoing.take_back_signed_in(session, by, approval_id))


async def _count(request: WebRequest, email: str) -> None:
    """Counts together with what the person does on pages. Raises TooMany."""
    await request.app.state.limits.hit(side_actions.DETOURS, email)


handlers = [forward_approval, ask_back, answer_back, withdraw_note, take_back]
