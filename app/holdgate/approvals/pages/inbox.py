"""The inbox of signed-in people: what waits for them, deciding in place."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from msgspec.structs import replace

from holdgate.accounts import service as accounts
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.deliveries import RecipientDelivery, deliveries
from holdgate.approvals.evidence.form_diff import FieldChange, changes_of
from holdgate.approvals.models import Approval
from holdgate.approvals.pages.address import TABS, InboxAddress, id_of, read_address
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
from holdgate.approvals.requests import deciding, exports, grouping, inbox, narrowing, undoing
from holdgate.approvals.requests.grouping import ApprovalGroup
from holdgate.approvals.requests.inbox import Detail, InboxRow
from holdgate.approvals.requests.narrowing import InboxChoices
from holdgate.approvals.rules import upload_queries
from holdgate.approvals.rules.askers import asker_of
from holdgate.approvals.rules.events import events_of
from holdgate.approvals.rules.undo_queries import Undoable
from holdgate.approvals.states import ApprovalState
from holdgate.core.config import Settings
from holdgate.core.db import Session, WriteSession
from holdgate.core.paging import Cursor, paginate
from holdgate.core.principal import Principal
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskState
from holdgate.web.downloads import export
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest, client_address
from holdgate.web.http.sessions import Read, Write
from holdgate.web.pager import Pager, pager
from holdgate.web.render import render, see_other, wants_fragment

WHAT_NEXT: dict[str, str] = {
    TaskState.QUEUED: "The task is resuming.",
    TaskState.PAUSED: "Its run is paused: the task continues when the run resumes.",
    TaskState.REJECTED: "The task ends here.",
}


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """`replies`: the ids of those that wait for this person's reply. `undo`: what they decided just now. The list and
    the pane beside it are one page."""

    rows: list[InboxRow]
    replies: set[UUID]
    tabs: list[tuple[str, str, str, int | str]]
    address: InboxAddress
    choices: InboxChoices
    email: str
    groups: list[ApprovalGroup]
    pager: Pager
    undo: list[Undoable]

    @property
    def current(self) -> str:
        return self.address.show


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """`taker`: this person may take the decision back. `receipt`: there is one. `changes`: made in the form.
    `undo`: what they decided just before.

    `opens`: they may see its task and run, which an approver who does not own them may not. `replies`: it waits for
    their reply.
    """

    detail: Detail
    address: InboxAddress
    opens: bool
    replies: bool
    question: QuestionView
    course: ApprovalModel
    timeline: list[TimelineLine]
    undo: Sequence[Undoable] = ()
    taker: bool = False
    receipt: bool = False
    changes: Sequence[FieldChange] = ()
    deliveries: Sequence[RecipientDelivery] = ()


@get("/approvals")
async def show_inbox(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    here = read_address(request)

    async def rows(after: Cursor | None, limit: int, turned: bool) -> list[InboxRow]:
        return await inbox.inbox(read, user, here.show, only=here.only, after=after, limit=limit, turned=turned)

    def place(row: InboxRow) -> Cursor:
        return inbox.place_of(row, here.show, user)

    shown = await paginate(rows, place, cursor, back)
    counts = await narrowing.counts(read, user, here.only)
    first = here.show == "mine" and not shown.moved and not here.only.narrows
    view = Inbox(
        rows=shown.rows,
        replies={row.approval.id for row in shown.rows if inbox.owes_reply(row.approval, user)},
        tabs=[(key, label, replace(here, show=key).to("/approvals"), counts[key]) for key, label in TABS],
        address=here,
        choices=await narrowing.choices(read, user, here.show),
        email=user.email,
        groups=await grouping.groups(read, user) if first else [],
        pager=pager("/approvals", shown, cursor, back, here.params),
        undo=await _undo(request, read, user, here),
    )
    parts = {"approvals": "approvals/_list.html", "pane": "approvals/_none.html"}
    return await render(request, "approvals/list.html", view, nav="approvals", fragment=parts, tells="pane")


async def _undo(request: WebRequest, session: Session, user: Principal, here: InboxAddress) -> list[Undoable]:
    return await undoing.offered_among(session, user, here.done, window(request))


def window(request: WebRequest) -> timedelta:
    """How long a decision of the inbox can be undone."""
    settings: Settings = request.app.state.settings
    return settings.approval_undo


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
    here = read_address(request)
    view = ApprovalView(
        detail=detail,
        address=here,
        opens=user.scope in (None, detail.task.owner_id),
        replies=inbox.owes_reply(detail.approval, user) and course.open_note is not None,
        question=question_view(
            detail.approval,
            detail.before,
            asker=await asker_of(session, detail.approval),
            uploads=await upload_queries.uploads_of(session, detail.approval, user.email),
            sent=sent,
            message=message,
        ),
        course=course,
        timeline=timeline,
        undo=await _undo(request, session, user, here),
        taker=await undoing.offered(
            session, detail.approval, user.email, is_admin=user.is_admin, window=window(request)
        ),
        receipt=await receipts.exists(session, request.app.state.settings, detail.approval),
        changes=changes_of(detail.approval),
        deliveries=await deliveries(session, detail.approval.id, detail.recipients),
    )
    parts = {"pane": "approvals/_request.html", "standing": "approvals/_standing.html"}
    # Of a part that was fetched, htmx takes over no other refusal.
    status = 422 if status >= 400 and wants_fragment(request) else status
    return await render(
        request, "approvals/detail.html", view, nav="approvals", fragment=parts, tells="pane", status=status
    )


@get("/tasks/{task_id:uuid}/question")
async def show_question(request: WebRequest, user: SignedIn, read: Read, task_id: FromPath[UUID]) -> Response[Any]:
    """From a held task to its question."""
    return see_other(request, f"/approvals/{await inbox.open_question(read, task_id, user)}")


@post("/approvals/{approval_id:uuid}/decision")
async def decide(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    sent = await read_sent(request)
    try:
        decided = await deciding.decide_signed_in(
            write,
            user,
            approval_id,
            decision_of(sent),
            source=client_address(request.scope),
            undo=window(request),
        )
    except REFUSALS as problem:
        sent, message, status = refusal(sent, problem)
        await write.rollback()
        return await approval_page(request, write, user, approval_id, sent=sent, message=message, status=status)
    here = read_address(request)
    perhaps = decided.goes_on_at or (decided.state == ApprovalState.REJECTED and window(request))
    offered = await undoing.offered_among(write, user, [approval_id], window(request)) if perhaps else []
    done = [one.id for one in offered]
    if wants_fragment(request):
        following = await inbox.next_open(write, user, approval_id, here.show, here.only)
        said = "" if done else await _outcome(write, decided)  # what can be undone says so itself
        return see_other(request, here.to(f"/approvals/{following}" if following else "/approvals", done), said)
    if decided.state == ApprovalState.PENDING:
        return see_other(request, f"/approvals/{approval_id}")
    return see_other(request, here.to("/approvals", done), await _outcome(write, decided))


async def _outcome(session: WriteSession, decided: Approval) -> str:
    """What a decision has led to, in a sentence or two."""
    if decided.state == ApprovalState.PENDING:
        return f"“{decided.title}”: your decision is recorded. Others still decide."
    task = await session.get_one(Task, decided.task_id, populate_existing=True)
    what_next = "You can undo it for a while." if decided.goes_on_at else WHAT_NEXT.get(task.state, "")
    return f"“{decided.title}”: {decided.state.replace('_', ' ')}. {what_next}".strip()


@post("/approvals/{approval_id:uuid}/take-back")
async def take_back(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    reopened = await undoing.take_back_signed_in(write, user, approval_id, window=window(request))
    return see_other(
        request, f"/approvals/{approval_id}", f"“{reopened.title}”: decision undone. The request is open again."
    )


@post("/approvals/undo")
async def undo(request: WebRequest, user: SignedIn) -> Response[Any]:
    """Take back what was decided just now, one request or several. Each counts for itself."""
    sent = (await request.form()).getall("item", [])[: grouping.MOST]
    ids = [id for entry in sent if (id := id_of(str(entry)))]
    here = read_address(request)
    problems: list[str] = []
    for start in range(0, len(ids), grouping.CHUNK):
        chunk = ids[start : start + grouping.CHUNK]
        async with request.app.state.database.write(user.actor) as write:
            problems += await undoing.take_back_each(write, user, chunk, window=window(request))
    reopened = len(ids) - len(problems)
    words = "1 decision undone." if reopened == 1 else f"{reopened} decisions undone."
    path = f"/approvals/{ids[0]}" if len(ids) == 1 else "/approvals"
    if problems:
        return see_other(request, here.to(path), f"{words} {len(problems)} can’t be: {problems[0]}", level="warning")
    return see_other(request, here.to(path), words)


handlers = [show_inbox, export_inbox, show_approval, show_question, decide, take_back, undo]
