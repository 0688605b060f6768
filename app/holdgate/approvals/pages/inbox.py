"""The inbox of signed-in people: what waits for them, deciding in place."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from holdgate.approvals import values
from holdgate.approvals.errors import (
    AlreadyDecided,
    AlreadyVoted,
    PassedOn,
    QuestionChanged,
    QuestionExpired,
    SelfApproval,
    SignInNeeded,
)
from holdgate.approvals.evidence import receipts
from holdgate.approvals.evidence.deliveries import RecipientDelivery, deliveries
from holdgate.approvals.evidence.form_diff import FieldChange, as_text, changes_of, revision_of
from holdgate.approvals.forms import FormField, texts_of
from holdgate.approvals.models import Approval
from holdgate.approvals.pages.view_model import ApprovalModel, TimelineLine, course_of, timeline_of
from holdgate.approvals.requests import deciding, exports, grouping, inbox, undoing
from holdgate.approvals.requests.clarifying import NoteEnded, OpenNote
from holdgate.approvals.requests.grouping import ApprovalGroup
from holdgate.approvals.requests.inbox import Detail, InboxRow
from holdgate.approvals.rules import shown as showing
from holdgate.approvals.rules.events import events_of
from holdgate.approvals.rules.shown import ShownRow
from holdgate.approvals.states import ApprovalState, ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.db import Session
from holdgate.core.errors import AppError, Invalid
from holdgate.core.forms.fields import shown, write
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

TABS = (("mine", "For me"), ("all", "All open"), ("decided", "Decided"))
WHAT_NEXT: dict[str, str] = {
    TaskState.QUEUED: "The task goes on from here.",
    TaskState.PAUSED: "Its run is paused: the task goes on when the run does.",
    TaskState.REJECTED: "The task ends here.",
}
VERBS = (ApprovalVerb.APPROVE, ApprovalVerb.REJECT, ApprovalVerb.ANSWER)
ANSWER = "answer."  # prefix of a form's fields, so that none can be taken for ours


class Inbox(msgspec.Struct, frozen=True):
    rows: list[InboxRow]
    tabs: list[tuple[str, str, str, None]]
    current: str
    email: str
    groups: list[ApprovalGroup]
    pager: Pager


class SentDecisions(msgspec.Struct, frozen=True):
    """What a person entered, to be shown again when it was refused. `answers`: the form's, once it was sent."""

    decision: str = ""
    version: str = ""
    reason: str = ""
    answers: dict[str, str | list[str]] | None = None
    errors: dict[str, str] = {}
    detour: dict[str, str] = {}  # of the forms beside the decision: passing on, asking back, answering


class QuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """A question as a page shows it. `before`: another version, which the same step asked last."""

    approval: Approval
    fields: tuple[FormField, ...]
    rows: list[ShownRow]
    before: Approval | None = None
    sent: SentDecisions = SentDecisions()
    message: str = ""

    @property
    def open(self) -> bool:
        return self.approval.state == ApprovalState.PENDING

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The short values; `passages` are the others."""
        return [(row.label, row.text) for row in self.rows if row.kind == "fact"]

    @property
    def passages(self) -> list[ShownRow]:
        return [row for row in self.rows if row.kind != "fact"]

    @property
    def revised(self) -> list[FieldChange]:
        """What is not as it was in the version before."""
        return revision_of(self.before, self.approval) if self.before else []

    @property
    def asks_approval(self) -> bool:
        return self.approval.hold == HoldType.APPROVAL

    @property
    def asks_sign_in(self) -> bool:
        return self.approval.hold == HoldType.SIGN_IN

    @property
    def proposed(self) -> list[tuple[str, str]]:
        return [(field.label, as_text(field.value)) for field in self.fields]

    @property
    def answers(self) -> list[tuple[str, str]]:
        """What came back, under the names the form has for it."""
        labels = {field.name: field.label for field in self.fields}
        return [(labels.get(name, name), as_text(value)) for name, value in (self.approval.answer or {}).items()]

    def value(self, field: FormField) -> Any:
        """As just sent, or as it was filled in for an approval that was taken back, or as proposed."""
        if self.sent.answers is not None:
            return shown(field.field, texts_of(field.field, self.sent.answers.get(field.name)))
        return write(field.field, (self.approval.answer or {}).get(field.name, field.stored))


class ApprovalView(msgspec.Struct, frozen=True):
    """`taker`: this person may take the approval back. `receipt`: there is one. `changes`: made in the form."""

    detail: Detail
    question: QuestionView
    course: ApprovalModel
    timeline: list[TimelineLine]
    taker: bool = False
    receipt: bool = False
    changes: Sequence[FieldChange] = ()
    deliveries: Sequence[RecipientDelivery] = ()


def question_view(
    approval: Approval, before: Approval | None = None, *, sent: SentDecisions | None = None, message: str = ""
) -> QuestionView:
    return QuestionView(
        approval=approval,
        fields=values.fields_of(approval),
        rows=showing.rows(approval.shown),
        before=before,
        sent=sent or SentDecisions(),
        message=message,
    )


async def read_sent(request: WebRequest) -> SentDecisions:
    """What the form of a decision sent."""
    form = await request.form()
    answers: dict[str, str | list[str]] = {}
    for name in form:
        if name.startswith(ANSWER):
            texts = [value for value in form.getall(name) if isinstance(value, str)]
            answers[name.removeprefix(ANSWER)] = texts[0] if len(texts) == 1 else texts
    decision, version, reason = (str(form.get(name, "")) for name in ("decision", "version", "reason"))
    return SentDecisions(decision=decision, version=version, reason=reason, answers=answers)


def decision_of(sent: SentDecisions) -> Decision:
    """Raises Invalid: none was chosen, as none is preselected."""
    if sent.decision not in VERBS:
        raise Invalid("Please choose one of the decisions offered.", {"decision": "Choose one."})
    verb = ApprovalVerb(sent.decision)
    return Decision(version=sent.version, verb=verb, form=dict(sent.answers or {}), reason=sent.reason)


def refusal(sent: SentDecisions, problem: AppError) -> tuple[SentDecisions, str, int]:
    """What to show when a decision did not count: the entries kept, the sentence, the status."""
    errors = problem.fields if isinstance(problem, Invalid) else {}
    return msgspec.structs.replace(sent, errors=errors), str(problem), problem.status


REFUSALS = (
    Invalid,
    AlreadyDecided,
    AlreadyVoted,
    NoteEnded,
    OpenNote,
    PassedOn,
    QuestionChanged,
    QuestionExpired,
    SelfApproval,
    SignInNeeded,
)


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

    async def rows(place: Cursor | None, limit: int, turned: bool) -> list[InboxRow]:
        return await inbox.inbox(read, user, current, after=place, limit=limit, turned=turned)

    shown = await paginate(rows, inbox.place_of, cursor, back)
    view = Inbox(
        rows=shown.rows,
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
    course = await course_of(session, detail.approval, user.email, by=user)
    timeline = timeline_of(detail.approval, await events_of(session, approval_id))
    view = ApprovalView(
        detail,
        question_view(detail.approval, detail.before, sent=sent, message=message),
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
    what_next = "It can be taken back for a while." if decided.goes_on_at else WHAT_NEXT.get(task.state, "")
    return see_other(request, "/approvals", f"“{decided.title}”: {decided.state}. {what_next}".strip())


@post("/approvals/{approval_id:uuid}/take-back")
async def take_back(request: WebRequest, user: SignedIn, write: Write, approval_id: FromPath[UUID]) -> Response[Any]:
    reopened = await undoing.take_back_signed_in(write, user, approval_id)
    return see_other(request, f"/approvals/{approval_id}", f"“{reopened.title}”: taken back. It is open again.")


handlers = [show_inbox, export_inbox, show_approval, show_question, decide, take_back]
