"""The page behind a personal link: for a phone, without any script, and changed by POST only."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath

from app.accounts import service as accounts
from app.approvals import asking, deciding, queries, receipts, taking_back
from app.approvals.asked import holder_of
from app.approvals.course import Course, course_of
from app.approvals.errors import NotAsked, SignInNeeded, TooLateToTakeBack
from app.approvals.models import Approval
from app.approvals.openings import Opening, note, sign_of_scanner
from app.approvals.queries import Asked
from app.approvals.states import ApprovalState
from app.approvals.views import REFUSALS, QuestionView, Sent, decision_of, question_view, read_sent, refusal
from app.core.config import Settings
from app.core.db import Session
from app.core.errors import Invalid
from app.core.tokens import digest
from app.runs import service as runs
from app.tasks import queries as tasks
from app.tasks.states import TaskState
from app.web.form_time import FormTime
from app.web.limits import Limit
from app.web.render import render_private, see_other
from app.web.request import WebRequest, client_address, method_sent, principal
from app.web.sessions import Read

TOO_QUICK = 2.0  # seconds: nobody reads and decides faster, but a mail scanner that presses buttons does
LIMIT = Limit("review", 60, timedelta(minutes=1))


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """`token` and `stamp` travel in the form. `resumable`: an expired question can be put again.

    `successor` is the same question, put again since and decided. `taker`: this person may take the
    approval back. `receipt`: there is one.
    """

    question: QuestionView
    course: Course
    asker: str
    run_name: str
    email: str
    token: str
    stamp: str
    resumable: bool
    successor: Approval | None
    fresh: bool = False
    in_place_of_another: bool = False
    taker: bool = False
    receipt: bool = False
    signed_in_as: str = ""

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
    sent: Sent | None = None,
    message: str = "",
    fresh: bool = False,
) -> ReviewPage:
    settings: Settings = request.app.state.settings
    owner = await accounts.find_user(session, asked.approval.owner_id) if asked.approval.owner_id else None
    by_link = asked.approval.level == "link"
    return ReviewPage(
        question=question_view(
            asked.approval, await queries.version_before(session, asked.approval), sent=sent, message=message
        ),
        course=await course_of(session, asked.approval, asked.recipient.email),
        asker=owner.named if owner else "Holdpoint",
        run_name=await runs.name_of(session, asked.task.run_id) if asked.task.run_id else "",
        email=asked.recipient.email,
        token=token,
        stamp=await FormTime(settings.secret_keys, "review").stamp(session),
        resumable=asked.approval.state == ApprovalState.EXPIRED
        and asked.task.state == TaskState.EXPIRED
        and asked.task.round == asked.approval.round
        and asked.recipient.forwarded_from is None
        and not await tasks.in_cancelled_run(session, asked.task.id),
        successor=await _successor(session, asked.approval),
        fresh=fresh,
        in_place_of_another=asked.recipient.forwarded_from is not None,
        taker=by_link and await taking_back.offered(session, asked.approval, asked.recipient.email),
        receipt=by_link and await receipts.exists(session, asked.approval),
        signed_in_as=user.email if (user := principal(request.scope)) else "",
    )


async def _successor(session: Session, approval: Approval) -> Approval | None:
    if approval.state != ApprovalState.EXPIRED:
        return None
    latest = await queries.latest_question(session, approval.task_id, approval.step)
    newer = latest is not None and latest.created_at > approval.created_at
    return latest if latest and newer and latest.state != ApprovalState.PENDING else None


async def _asked(session: Session, token: str) -> Asked:
    return await holder_of(session, digest(token))


@get("/review/{token:str}")
async def show_review(request: WebRequest, read: Read, token: FromPath[str]) -> Response[str]:
    """Any number of times, by anyone and anything: nothing changes. That it was opened is noted once it is sent."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    asked = await _asked(read, token)
    user = principal(request.scope)
    if asked.approval.level != "link" and user and user.email.lower() == asked.recipient.email.lower():
        return see_other(request, f"/approvals/{asked.approval.id}")
    view = await _page(request, read, token, asked)
    status = 410 if asked.approval.state == ApprovalState.EXPIRED else 200
    answer = await render_private(request, "approvals/review.html", view, status=status)
    sign = sign_of_scanner(method_sent(request.scope), request.headers)
    opening = Opening(asked.recipient.id, sign, client_address(request.scope))
    answer.background = BackgroundTask(note, request.app.state.database, opening)
    return answer


@post("/review")
async def send_decision(request: WebRequest) -> Response[Any]:
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    form = await request.form()
    token = str(form.get("token", ""))
    sent = await read_sent(request)
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
    try:
        await check_pace(request, str(form.get("stamp", "")))
        async with request.app.state.database.write(f"recipient:{asked.recipient.email}") as write:
            decision, source = decision_of(sent), client_address(request.scope)
            await deciding.decide_by_link(write, digest(token), decision, source=source)
    except REFUSALS as problem:
        sent, message, status = refusal(sent, problem)
        return await render_review(request, token, sent=sent, message=message, status=status)
    return see_other(request, f"/review/{token}")


async def check_pace(request: WebRequest, stamp: str) -> None:
    """Raises Invalid for a form that was not ours, or was sent quicker than a person reads."""
    settings: Settings = request.app.state.settings
    async with request.app.state.database.read() as read:
        age = await FormTime(settings.secret_keys, "review").age(read, stamp)
    if age is None or age < TOO_QUICK:
        raise Invalid("That was quicker than a person reads, so it did not count. Please look again, then press.")


async def render_review(
    request: WebRequest, token: str, *, sent: Sent | None = None, message: str = "", status: int = 200
) -> Response[str]:
    """The page of a link as it is now, perhaps with what was entered and refused."""
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
        view = await _page(request, read, token, asked, sent=sent, message=message)
    return await render_private(request, "approvals/review.html", view, status=status)


@post("/review/fresh")
async def send_fresh_link(request: WebRequest) -> Response[Any]:
    """A new mail to the address of the old one."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    token = str((await request.form()).get("token", ""))
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
    async with request.app.state.database.write(f"recipient:{asked.recipient.email}") as write:
        await asking.send_fresh_link(write, digest(token))
    async with request.app.state.database.read() as read:
        view = await _page(request, read, token, await _asked(read, token), fresh=True)
    return await render_private(request, "approvals/review.html", view)


@post("/review/take-back")
async def take_back(request: WebRequest) -> Response[Any]:
    """Checked as a decision is: a scanner that presses buttons shall not take anything back."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    form = await request.form()
    token = str(form.get("token", ""))
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
    try:
        await check_pace(request, str(form.get("stamp", "")))
        async with request.app.state.database.write(f"recipient:{asked.recipient.email}") as write:
            await taking_back.take_back_by_link(write, digest(token))
    except (Invalid, NotAsked, SignInNeeded, TooLateToTakeBack) as problem:
        return await render_review(request, token, message=str(problem), status=problem.status)
    return see_other(request, f"/review/{token}")


handlers = [show_review, send_decision, send_fresh_link, take_back]
