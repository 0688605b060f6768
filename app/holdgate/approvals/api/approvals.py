"""Approvals for programs: listing, reading, deciding; and answering what a task asks."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from holdgate.api.bodies import read_json, read_query
from holdgate.api.endpoints import JSON, endpoint
from holdgate.api.exports import export_routes
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.paging import page, position
from holdgate.approvals.api.schemas import (
    ApprovalDetail,
    ApprovalExportQuery,
    ApprovalPage,
    ApprovalQuery,
    Decided,
    NewAnswer,
    NewDecision,
    decided,
    detail,
    item,
)
from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.requests import deciding, exports, inbox
from holdgate.approvals.rules import policy_queries
from holdgate.approvals.rules.values import Decision
from holdgate.approvals.states import ApprovalVerb
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.search.lists import find_task
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest, client_address
from holdgate.web.http.sessions import Read

TAG = "Approvals"


@endpoint(
    "GET",
    "/approvals",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="List approvals",
    answers={200: ApprovalPage},
    query=ApprovalQuery,
)
async def list_approvals(request: WebRequest, user: SignedIn, read: Read) -> Response[Any]:
    """Newest first: those one was asked or owns; with the scope `admin` everybody's."""
    wanted = read_query(request, ApprovalQuery)
    rows = await inbox.list_approvals(
        read, user, wanted.state, wanted.task_id, position(wanted), wanted.limit + 1, mine=wanted.mine
    )
    return page(request, ApprovalPage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id))


@endpoint(
    "GET",
    "/approvals/{approval_id:uuid}",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Read an approval",
    answers={200: ApprovalDetail},
)
async def get_approval(user: SignedIn, read: Read, approval_id: FromPath[UUID]) -> Response[Any]:
    """What is shown is exactly what would be done."""
    found = await inbox.detail(read, approval_id, user)
    notes = await policy_queries.notes_of(read, approval_id)
    return Response(msgspec.json.encode(detail(found, notes)), media_type=JSON)


@endpoint(
    "POST",
    "/approvals/{approval_id:uuid}/decision",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Decide an approval",
    answers={200: Decided},
    problems=(409, 410),
    body=NewDecision,
    once=True,
)
async def decide_approval(request: WebRequest, user: SignedIn, approval_id: FromPath[UUID]) -> Response[Any]:
    """One decision counts: who comes second is told 409, who comes too late 410."""
    sent = await read_json(request, NewDecision)
    decision = Decision(version=sent.version, verb=ApprovalVerb(sent.decision), form=sent.form, reason=sent.reason)

    async def work(session: WriteSession) -> MutationReply:
        done = await deciding.decide_signed_in(session, user, approval_id, decision, source=source(request))
        return MutationReply(decided(done))

    return await once(request, user, work)


@endpoint(
    "POST",
    "/tasks/{task_id:uuid}/answer",
    scope=Scope.APPROVALS_DECIDE,
    tag="Tasks",
    summary="Answer what a task asks",
    answers={200: Decided},
    problems=(409, 410),
    body=NewAnswer,
    once=True,
)
async def answer_task(request: WebRequest, user: SignedIn, task_id: FromPath[UUID]) -> Response[Any]:
    """For a task that needs input or a sign-in. 409 when it asks nothing."""
    sent = await read_json(request, NewAnswer)

    async def work(session: WriteSession) -> MutationReply:
        approval_id, version = await _question(session, task_id, user)
        decision = Decision(version=sent.version or version, verb=ApprovalVerb.ANSWER, form=sent.form)
        done = await deciding.decide_signed_in(session, user, approval_id, decision, source=source(request))
        return MutationReply(decided(done))

    return await once(request, user, work)


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
