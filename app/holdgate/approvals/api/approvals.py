"""Approvals for programs: listing, reading, deciding; and answering what a task asks."""

from uuid import UUID

from litestar import Response

from holdgate.api.exports import export_routes
from holdgate.api.paging import page, position
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.approvals.api.programs import waiting
from holdgate.approvals.api.schemas import (
    ApprovalDetail,
    ApprovalExportQuery,
    ApprovalPage,
    ApprovalQuery,
    ApprovalWait,
    Decided,
    NewAnswer,
    NewDecision,
    decided,
    detail,
    item,
)
from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.evidence import receipts
from holdgate.approvals.programs.queries import metadata_of
from holdgate.approvals.requests import deciding, exports, inbox
from holdgate.approvals.rules import policy_queries
from holdgate.approvals.rules.access import owns
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.states import ApprovalState, ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database, ReadSession, WriteSession
from holdgate.core.errors import Conflict
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.search.lists import find_task
from holdgate.web.http.request import WebRequest, client_address

TAG = "Approvals"


@get("/approvals", scope=Scope.TASKS_READ, instead=Scope.APPROVALS_CREATE, tag=TAG, summary="List approvals")
async def list_approvals(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[ApprovalQuery]
) -> Response[ApprovalPage]:
    """Newest first: those one was asked or owns; with the scope `admin` everybody's. A token that may only ask sees
    what it has asked."""
    rows = await inbox.list_approvals(
        read, user, wanted.state, wanted.task_id, position(wanted), wanted.limit + 1, mine=wanted.mine
    )
    total = await inbox.count_approvals(read, user, wanted.state, wanted.task_id, mine=wanted.mine)
    return page(request, ApprovalPage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id), total)


@get(
    "/approvals/{approval_id:uuid}",
    scope=Scope.TASKS_READ,
    instead=Scope.APPROVALS_CREATE,
    tag=TAG,
    summary="Read an approval, or wait for its decision",
)
async def get_approval(
    request: WebRequest, user: Principal, wanted: Query[ApprovalWait], approval_id: UUID
) -> ApprovalDetail:
    """What is shown is exactly what would be done. With `wait` the answer comes when the decision stands; if it does
    not within so many seconds, as it was when the waiting began."""
    if not wanted.wait:
        return await _detail(request, user, approval_id)
    polls = waiting(request)
    async with polls.room:
        found = await _detail(request, user, approval_id)
    is_open = found.receipt is None and found.state in (ApprovalState.PENDING, ApprovalState.APPROVED)
    # Without a connection meanwhile, and without a look at what has not changed.
    if is_open and await polls.for_end(approval_id, wanted.wait):
        async with polls.room:
            return await _detail(request, user, approval_id)
    return found


async def _detail(request: WebRequest, user: Principal, approval_id: UUID) -> ApprovalDetail:
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    async with database.read() as read:
        found = await inbox.detail(read, approval_id, user)
        approval = found.approval
        notes = await policy_queries.notes_of(read, approval_id)
        stands = await receipts.exists(read, settings, approval)
        receipt = await receipts.receipt_of(read, settings, approval) if stands else None
        asks = owns(approval, user) or user.is_admin
        metadata = await metadata_of(read, approval.task_id) if asks and approval.asker_id else None
        standing = await standing_of(read, approval)
    return detail(found, notes, standing, receipt=receipt, metadata=metadata, base_url=settings.base_url)


@post(
    "/approvals/{approval_id:uuid}/decision",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Decide an approval",
    problems=(409, 410),
)
async def decide_approval(
    request: WebRequest, session: WriteSession, by: Principal, sent: NewDecision, approval_id: UUID
) -> Decided:
    """One decision counts: who comes second is told 409, who comes too late 410."""
    verb = ApprovalVerb(sent.decision) if sent.decision else None
    decision = Decision(version=sent.version, verb=verb, option=sent.option, form=sent.form or None, reason=sent.reason)
    return decided(await deciding.decide_signed_in(session, by, approval_id, decision, source=source(request)))


@post(
    "/tasks/{task_id:uuid}/answer",
    scope=Scope.APPROVALS_DECIDE,
    tag="Tasks",
    summary="Answer what a task asks",
    problems=(409, 410),
)
async def answer_task(
    request: WebRequest, session: WriteSession, by: Principal, sent: NewAnswer, task_id: UUID
) -> Decided:
    """For a task that needs input or a sign-in. 409 when it asks nothing."""
    approval_id, version = await _question(session, task_id, by)
    decision = Decision(version=sent.version or version, verb=ApprovalVerb.ANSWER, form=sent.form or None)
    return decided(await deciding.decide_signed_in(session, by, approval_id, decision, source=source(request)))


async def _question(session: WriteSession, task_id: UUID, user: Principal) -> tuple[UUID, str]:
    """What the task asks now. Raises TaskNotFound; Conflict: nothing."""
    try:
        approval_id = await inbox.open_question(session, task_id, user)
    except ApprovalNotFound as problem:
        await find_task(session, task_id, user.scope)
        raise Conflict("This task asks nothing at present.") from problem
    return approval_id, (await inbox.detail(session, approval_id, user)).approval.version


def source(request: WebRequest) -> str:
    """From where, as receipts tell it."""
    return f"API, {client_address(request.scope)}"


handlers = [
    list_approvals,
    get_approval,
    decide_approval,
    answer_task,
    *export_routes(
        "approvals",
        exports.COLUMNS,
        lambda database, by, wanted: exports.rows(database, by, wanted.show),
        query=ApprovalExportQuery,
        scope=Scope.TASKS_READ,
        tag=TAG,
        order="as the inbox has them",
    ),
]
