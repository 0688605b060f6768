"""The page behind a personal link: for a phone, without any script, and changed by POST only."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath

from holdgate.accounts import service as accounts
from holdgate.approvals import versions
from holdgate.approvals.errors import NotAsked, QuestionChanged, TooLateToTakeBack
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.link_opens import Opening, note, sign_of_scanner
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.pages.question import (
    REFUSALS,
    QuestionView,
    SentDecisions,
    decision_of,
    question_view,
    read_sent,
    refusal,
)
from holdgate.approvals.pages.view_model import ApprovalModel, course_of
from holdgate.approvals.requests import deciding, requesting, sessions, undoing
from holdgate.approvals.requests.sessions import ReviewSession
from holdgate.approvals.rules import deadlines, queries, upload_queries
from holdgate.approvals.rules.access import holder_of
from holdgate.approvals.rules.askers import asker_of
from holdgate.approvals.rules.links import key_of, session_of
from holdgate.approvals.rules.recipient_queries import Asked
from holdgate.approvals.states import ApprovalState
from holdgate.core.config import Settings
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.runs import lookup as runs
from holdgate.tasks.queue.run_states import in_cancelled_run
from holdgate.tasks.states import TaskState
from holdgate.web.form_time import FormTime
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import WebRequest, client_address, method_sent, principal
from holdgate.web.http.sessions import Read
from holdgate.web.render import render_private, see_other

TOO_QUICK = 2.0  # seconds: nobody reads and decides faster, but a mail scanner that presses buttons does
LIMIT = Limit("review", 120, timedelta(minutes=1))
TRAP = "leave_empty"  # a box that no person sees

Form = dict[str, str]
# Gets the hash of the link's token, and who is signed in beside it.
Act = Callable[[WriteSession, bytes, Principal | None], Awaitable[object]]


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """`token` and `stamp` travel in the forms; a page without any has no stamp. `resumable`: an expired question
    can be put again.
    `session`: it is one of a review session. `successor` is the same question, put again since and decided.
    `taker`: this person may take the approval back. `receipt`: there is one.
    """

    question: QuestionView
    course: ApprovalModel
    run_name: str
    kind: str
    email: str
    recipient_id: UUID
    token: str
    stamp: str
    resumable: bool
    successor: Approval | None
    fresh: bool = False
    in_place_of_another: bool = False
    taker: bool = False
    receipt: bool = False
    signed_in_as: str = ""
    session: ReviewSession | None = None

    @property
    def hidden(self) -> bool:
        """What is decided is shown to people who have signed in, and this is the page of a link."""
        return self.question.approval.level != "link"


async def _page(
    request: WebRequest,
    session: Session,
    token: str,
    asked: Asked,
    *,
    sent: SentDecisions | None = None,
    message: str = "",
    fresh: bool = False,
    here: ReviewSession | None = None,
) -> ReviewPage:
    await deadlines.show_zone_of(session, asked.recipient.email)
    _owner = asked.approval.owner_id and await accounts.find_user(session, asked.approval.owner_id)  # held: read once
    asker = await asker_of(session, asked.approval)
    by_link = asked.approval.level == "link"
    course = await course_of(session, asked.approval, asked.recipient.email)
    user = principal(request.scope)
    if user is not None and course.standing.bars(user.email):  # who is told so, and offered nothing
        course = msgspec.structs.replace(course, viewer=user.email)
    resumable = (
        asked.approval.state == ApprovalState.EXPIRED
        and asked.task.state == TaskState.EXPIRED
        and asked.task.round == asked.approval.round
        and asked.recipient.forwarded_from is None
        and not await in_cancelled_run(session, asked.task.id)
    )
    taker = by_link and await undoing.offered(session, asked.approval, course.viewer)
    has_form = asked.approval.state == ApprovalState.PENDING or resumable or taker
    form_time = _form_time(request, asked.recipient, asked.approval.version)
    in_session = session_of(token)
    if here is None and in_session:
        here = await sessions.session_of(session, key_of(token), in_session)
    return ReviewPage(
        question=question_view(
            asked.approval,
            await queries.version_before(session, asked.approval),
            asker=asker,
            token=token,
            uploads=await upload_queries.uploads_of(session, asked.approval, asked.recipient.email),
            sent=sent,
            message=message,
        ),
        course=course,
        run_name=await runs.name_of(session, asked.task.run_id) if asked.task.run_id else "",
        kind=asked.task.kind,
        email=asked.recipient.email,
        recipient_id=asked.recipient.id,
        token=token,
        stamp=await form_time.stamp(session) if has_form else "",
        resumable=resumable,
        successor=await versions.successor(session, asked.approval),
        fresh=fresh,
        in_place_of_another=asked.recipient.forwarded_from is not None,
        taker=taker,
        receipt=by_link and await receipts.exists(session, request.app.state.settings, asked.approval),
        signed_in_as=user.email if user else "",
        session=here,
    )


async def _asked(session: Session, token: str) -> Asked:
    return await holder_of(session, key_of(token))


@get("/review/{token:str}")
async def show_review(request: WebRequest, read: Read, token: FromPath[str]) -> Response[str]:
    """Any number of times, by anyone and anything: nothing changes. That it was opened is noted once it is sent."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    return await show_asked(request, read, token, await _asked(read, token))


async def show_asked(
    request: WebRequest, read: Session, token: str, asked: Asked, *, here: ReviewSession | None = None
) -> Response[str]:
    """The page of a link, or of the next request of the session `here`."""
    user = principal(request.scope)
    if asked.approval.level != "link" and user and user.email.lower() == asked.recipient.email.lower():
        return see_other(request, f"/approvals/{asked.approval.id}")
    view = await _page(request, read, token, asked, here=here)
    status = 410 if asked.approval.state == ApprovalState.EXPIRED else 200
    answer = await render_private(request, "approvals/review.html", view, status=status)
    sign = sign_of_scanner(method_sent(request.scope), request.headers)
    opening = Opening(asked.recipient.id, sign, client_address(request.scope))
    answer.background = BackgroundTask(note, request.app.state.database, opening)
    return answer


@post("/review")
async def send_decision(request: WebRequest) -> Response[Any]:
    form = await read_link_form(request)
    sent = await read_sent(request)
    source = client_address(request.scope)

    async def act(write: WriteSession, token_hash: bytes, holder: Principal | None) -> None:
        await deciding.decide_by_link(write, token_hash, decision_of(sent), source=source, holder=holder)

    # What is chosen is the decision itself, and its version is compared when it is taken.
    return await act_by_link(request, form, act, sent=sent, chosen=True, onward=True)


async def read_link_form(request: WebRequest) -> Form:
    """Counted before it is read: whoever guesses links has no right to be."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    return {name: str(value) for name, value in (await request.form()).items()}


async def act_by_link(
    request: WebRequest,
    form: Form,
    act: Act,
    *,
    sent: SentDecisions | None = None,
    chosen: bool = False,
    limit: Limit | None = None,
    fresh: bool = False,
    onward: bool = False,
) -> Response[Any]:
    """Do what the form of a link's page asks, if a person sent it; otherwise the page again, with what was entered.

    Args:
        chosen: the form has a choice of its own, in place of “Yes”.
        limit: counted for the person whose link it is.
        fresh: the page afterwards says that a link is on its way.
        onward: with this one over, a review session goes on to the next.
    """
    token = form.get("token", "")
    in_session = session_of(token)
    onward = onward and bool(in_session)
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
    if limit is not None:
        await request.app.state.limits.hit(limit, asked.recipient.email)
    try:
        await check_sender(request, asked, form, chosen=chosen)
        async with request.app.state.database.write(f"recipient:{asked.recipient.email}") as write:
            await act(write, key_of(token), principal(request.scope))
            if onward:
                await sessions.go_on(write, key_of(token))
    except (*REFUSALS, NotAsked, TooLateToTakeBack) as problem:
        sent, message, status = refusal(sent or SentDecisions(), problem)
        return await render_review(request, token, sent=sent, message=message, status=status)
    if fresh:
        return await render_review(request, token, fresh=True)
    onto = f"/review/session/{in_session}?after={asked.recipient.id}" if onward else f"/review/{token}"
    return see_other(request, onto)


async def check_sender(request: WebRequest, asked: Asked, form: Form, *, chosen: bool) -> None:
    """Whether a person sent it: a scanner fills in fields, takes what is first or chosen already, and presses buttons.

    Raises:
        Invalid: not at this pace, not by this choice.
        QuestionChanged: the page showed something else.
    """
    version = form.get("version", "")
    async with request.app.state.database.read() as read:
        await check_robot(read, _form_time(request, asked.recipient, version), form, quickest=TOO_QUICK)
    if chosen:
        return
    if version != asked.approval.version:
        raise QuestionChanged
    if form.get("confirm") != "yes":
        raise Invalid("Nothing was submitted yet. Choose “Yes”, then submit again.")


async def check_robot(session: Session, form_time: FormTime, form: Form, *, quickest: float) -> None:
    """Raises Invalid: not at this pace, not with this box ticked."""
    await form_time.check(session, form.get("stamp", ""), quickest=quickest)
    if form.get(TRAP):
        raise Invalid("This looked automated, so it wasn’t recorded. Please review and submit again.")


def _form_time(request: WebRequest, recipient: Recipient, version: str) -> FormTime:
    settings: Settings = request.app.state.settings
    return FormTime(settings.secret_keys, f"review:{recipient.id}:{version}")


async def render_review(
    request: WebRequest,
    token: str,
    *,
    sent: SentDecisions | None = None,
    message: str = "",
    status: int = 200,
    fresh: bool = False,
) -> Response[str]:
    """The page of a link as it is now, perhaps with what was entered and refused."""
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
        view = await _page(request, read, token, asked, sent=sent, message=message, fresh=fresh)
    return await render_private(request, "approvals/review.html", view, status=status)


@post("/review/fresh")
async def send_fresh_link(request: WebRequest) -> Response[Any]:
    """A new mail to the address of the old one."""

    async def act(write: WriteSession, token_hash: bytes, _holder: Principal | None) -> None:
        await requesting.send_fresh_link(write, token_hash)

    return await act_by_link(request, await read_link_form(request), act, fresh=True)


@post("/review/take-back")
async def take_back(request: WebRequest) -> Response[Any]:
    async def act(write: WriteSession, token_hash: bytes, holder: Principal | None) -> None:
        await undoing.take_back_by_link(write, token_hash, holder=holder)

    return await act_by_link(request, await read_link_form(request), act)


handlers = [show_review, send_decision, send_fresh_link, take_back]
