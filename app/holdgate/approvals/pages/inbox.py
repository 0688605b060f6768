"""The inbox of signed-in people: what waits for them, deciding in place."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from holdgate.accounts import service as accounts
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.deliveries import RecipientDelivery, deliveries
from holdgate.approvals.evidence.form_diff import FieldChange, changes_of
from holdgate.approvals.pages.question import (
    REFUSALS,
    QuestionView,
    SentDecisions,
    decision_of,
    question_view,
    read_sent,
    refusal,
)
from holdgate.approvals.pages.view_model import ApprovalModel, TimelineLine, course_of, timeline_of
from holdgate.approvals.requests import deciding, exports, grouping, inbox, undoing
from holdgate.approvals.requests.grouping import ApprovalGroup
from holdgate.approvals.requests.inbox import Detail, InboxRow
from holdgate.approvals.rules import upload_queries
from holdgate.approvals.rules.askers import asker_of
from holdgate.approvals.rules.events import events_of
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import Session
from holdgate.core.paging import Cursor, paginate
from holdgate.core.principal import Principal
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskState
from holdgate.web.downloads import export
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest, client_address
from holdgate.web.http.sessions import Read, Write
from holdgate.web.pager import Pager, pager
from holdgate.web.render import render, see_other

TABS = (("mine", "Assigned to me"), ("later", "Up next"), ("all", "All pending"), ("decided", "Completed"))
WHAT_NEXT: dict[str, str] = {
    TaskState.QUEUED: "The task is resuming.",
    TaskState.PAUSED: "Its run is paused: the task continues when the run resumes.",
    TaskState.REJECTED: "The task ends here.",
}


class Inbox(msgspec.Struct, frozen=True):
    """`replies`: the ids of those that wait for this person's reply."""

    rows: list[InboxRow]
    replies: set[UUID]
    tabs: list[tuple[str, str, str, None]]
    current: str
    email: str
    groups: list[ApprovalGroup]
    pager: Pager


class ApprovalView(msgspec.Struct, frozen=True):
    """`taker`: this person may take the approval back. `receipt`: there is one. `changes`: made in the form.

    `opens`: they may see its task and run, which an approver who does not own them may not. `replies`: it waits for
    their reply.
    """

    detail: Detail
    opens: bool
    replies: bool
    question: QuestionView
    course: ApprovalModel
    timeline: list[TimelineLine]
    taker: bool = False
    receipt: bool = False
    changes: Sequence[FieldChange] = ()
    deliveries: Sequence[RecipientDelivery] = ()


@get("/approvals")
async def show_inbox(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    show: FromQuery[str] = "mine",
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    current = show if show in dict(TABS) else "mine"

    async def rows(after: Cursor | None, limit: int, turned: bool) -> list[InboxRow]:
        return await inbox.inbox(read, user, current, after=after, limit=limit, turned=turned)

    def place(row: InboxRow) -> Cursor:
        return inbox.place_of(row, current, user)

    shown = await paginate(rows, place, cursor, back)
    view = Inbox(
        rows=shown.rows,
        replies={row.approval.id for row in shown.rows if inbox.owes_reply(row.approval, user)},
        tabs=[(key, label, f"/approvals?show={key}", None) for key, label in TABS],
        current=current,
        email=user.email,
        groups=await grouping.groups(read, user) if current == "mine" and not shown.moved else [],
        pager=pager("/approvals", shown, cursor, back, [("show", current)]),
    )
    return await render(request, "approvals/list.html", view, nav="approvals", fragment="approvals/_list.html")


@get(["/approvals/export.csv", "/approvals/export.json"])
async def export_inbox(request: WebRequest, user: SignedIn, show: FromQuery[str] = "mine") -> Stream:
    rows = exports.rows(request.app.state.database, user, show if show in dict(TABS) else "mine")
    return await export(request, "approvals", exports.COLUMNS, rows)


@get("/approvals/{approval_id:uuid}")
async def show_approval(request: WebRequest, user: SignedIn, read: Read, approval_id: FromPath[UUID]) -> Response[str]:
    return await approval_page(request, read, user, approval_id)


async def approval_page(
    request: WebRequest,
    session: Session,
    user: Principal,
    approval_id: UUID,
    *,
    sent: SentDecisions | None = None,
    message: str = "",
    status: int = 200,
) -> Response[str]:
    """The page of one request, perhaps with what was entered and refused."""
    detail = await inbox.detail(session, approval_id, user)
    # Held, so that the session need not read them again for each of the two that name them.
    _owner = detail.approval.owner_id and await accounts.find_user(session, detail.approval.owner_id)
    course = await course_of(session, detail.approval, user.email, by=user)
    timeline = timeline_of(detail.approval, await events_of(session, approval_id))
    task = detail.task
    view = ApprovalView(
        detail,
        user.scope in (None, task.owner_id),
        inbox.owes_reply(detail.approval, user) and course.open_note is not None,
        question_view(
            detail.approval,
            detail.before,
            asker=await asker_of(session, detail.approval),
            uploads=await upload_queries.uploads_of(session, detail.approval, user.email),
            sent=sent,
            message=message,
        ),
        course,
        timeline,
        taker=await undoing.offered(session, detail.approval, user.email, is_admin=user.is_admin),
        receipt=await receipts.exists(session, detail.approval),
        changes=changes_of(detail.approval),
        deliveries=await deliveries(session, detail.approval.id, detail.recipients),
    )
    return await render(request, "approvals/detail.html", view, nav="approvals", status=status)


@get("/tasks/{task_id:uuid}/question")
async def show_question(request: WebRequest, user: SignedIn, read: Read, task_id: FromPath[UUID]) -> Response[Any]:
    """From a held task to its question."""
    return see_other(request, f"/approvals/{await inbox.open_question(read, task_id, user)}")


@post("/approvals/{approval_id:uuid}/decision")
async def decide(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    sent = await read_sent(request)
    try:
        decided = await deciding.decide_signed_in(
            write, user, approval_id, decision_of(sent), source=client_address(request.scope)
        )
    except REFUSALS as problem:
        sent, message, status = refusal(sent, problem)
        await write.rollback()
        return await approval_page(request, write, user, approval_id, sent=sent, message=message, status=status)
    if decided.state == ApprovalState.PENDING:
        return see_other(request, f"/approvals/{approval_id}")
    task = await write.get_one(Task, decided.task_id, populate_existing=True)
    what_next = "You can undo it for a while." if decided.goes_on_at else WHAT_NEXT.get(task.state, "")
    return see_other(
        request, "/approvals", f"“{decided.title}”: {decided.state.replace('_', ' ')}. {what_next}".strip()
    )


@post("/approvals/{approval_id:uuid}/take-back")
async def take_back(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    reopened = await undoing.take_back_signed_in(write, user, approval_id)
    return see_other(
        request, f"/approvals/{approval_id}", f"“{reopened.title}”: approval undone. The request is open again."
    )


handlers = [show_inbox, export_inbox, show_approval, show_question, decide, take_back]
