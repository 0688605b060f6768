"""The page behind a personal link: for a phone, without any script, and changed by POST only."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from app.accounts import service as accounts
from app.approvals import asking, deciding, queries
from app.approvals.errors import ApprovalNotFound
from app.approvals.models import Approval
from app.approvals.queries import Asked
from app.approvals.states import ApprovalState
from app.approvals.views import REFUSALS, QuestionView, Sent, question_view, read_decision, refusal
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
from app.web.request import WebRequest, client_address
from app.web.sessions import Read

TOO_QUICK = 2.0  # seconds: nobody reads and decides faster, but a mail scanner that presses buttons does
LIMIT = Limit("review", 60, timedelta(minutes=1))


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """`token` and `stamp` travel in the form. `resumable`: an expired question can be put again.

    `successor` is the same question, put again since and decided. `paused`: the task waits with its run.
    """

    question: QuestionView
    asker: str
    run_name: str
    email: str
    token: str
    stamp: str
    resumable: bool
    successor: Approval | None
    paused: bool = False
    fresh: bool = False


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
    return ReviewPage(
        question=question_view(asked.approval, sent, message),
        asker=(owner.name or owner.email) if owner else "Holdpoint",
        run_name=await runs.name_of(session, asked.task.run_id) if asked.task.run_id else "",
        email=asked.recipient.email,
        token=token,
        stamp=await FormTime(settings.secret_keys, "review").stamp(session),
        resumable=asked.approval.state == ApprovalState.EXPIRED
        and asked.task.state == TaskState.EXPIRED
        and asked.task.round == asked.approval.round
        and not await tasks.in_cancelled_run(session, asked.task.id),
        successor=await _successor(session, asked.approval),
        paused=asked.task.state == TaskState.PAUSED,
        fresh=fresh,
    )


async def _successor(session: Session, approval: Approval) -> Approval | None:
    if approval.state != ApprovalState.EXPIRED:
        return None
    latest = await queries.latest_question(session, approval.task_id, approval.step)
    return latest if latest and latest.round > approval.round and latest.state != ApprovalState.PENDING else None


async def _asked(session: Session, token: str) -> Asked:
    asked = await queries.by_link(session, digest(token))
    if asked is None:
        raise ApprovalNotFound
    return asked


@get("/review/{token:str}")
async def show_review(request: WebRequest, read: Read, token: FromPath[str]) -> Response[str]:
    """Any number of times, by anyone and anything: nothing changes."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    asked = await _asked(read, token)
    view = await _page(request, read, token, asked)
    status = 410 if asked.approval.state == ApprovalState.EXPIRED else 200
    return await render_private(request, "approvals/review.html", view, status=status)


@post("/review")
async def send_decision(request: WebRequest) -> Response[Any]:
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    settings: Settings = request.app.state.settings
    form = await request.form()
    token, stamp = str(form.get("token", "")), str(form.get("stamp", ""))
    decision, sent = await read_decision(request)
    async with request.app.state.database.read() as read:
        asked = await _asked(read, token)
        age = await FormTime(settings.secret_keys, "review").age(read, stamp)
    try:
        if age is None or age < TOO_QUICK:
            raise Invalid("That was quicker than a person reads, so it did not count. Please look again, then press.")
        async with request.app.state.database.write(f"recipient:{asked.recipient.email}") as write:
            await deciding.decide_by_link(write, digest(token), decision, source=client_address(request.scope))
    except REFUSALS as problem:
        sent, message, status = refusal(sent, problem)
        async with request.app.state.database.read() as read:
            asked = await _asked(read, token)
            view = await _page(request, read, token, asked, sent=sent, message=message)
        return await render_private(request, "approvals/review.html", view, status=status)
    return see_other(request, f"/review/{token}")


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


handlers = [show_review, send_decision, send_fresh_link]
