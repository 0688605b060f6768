"""One decision of a program for many questions of a run: which there are, what each shows, and deciding them."""

import re
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.approvals.api.approvals import source
from holdgate.approvals.api.schemas import OptionName, QuestionItem, Reason, Version, question
from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.requests import deciding, grouping
from holdgate.approvals.requests.grouping import Chosen
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.schemas import Moment
from holdgate.web.http.request import WebRequest

TAG = "Approvals"
KEY = re.compile(r"[0-9a-f]{64}")
# One transaction, so that the answer to a repeated request is of all or of none of it. Each has a savepoint, and
# PostgreSQL has room for 64 of them before others' statements become slower.
MOST = 50


class GroupItem(msgspec.Struct, frozen=True, kw_only=True):
    """Open questions alike. `title` is one of theirs; `expires_at` the first deadline."""

    key: str
    n: int
    title: str
    expires_at: Moment | None
    run_id: UUID
    run_name: str


class GroupList(msgspec.Struct, frozen=True):
    """At most 20, the nearest deadline first."""

    items: list[GroupItem]


class GroupQuery(msgspec.Struct, frozen=True):
    run_id: UUID | None = None


class GroupDetail(msgspec.Struct, frozen=True):
    """The first 200 of them, the nearest deadline first."""

    key: str
    run_id: UUID | None
    items: list[QuestionItem]


class ChosenItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question as it was shown."""

    id: UUID
    version: Version


class NewGroupDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decision for all of `questions`, with their forms as proposed; `option` where they offer some. Rejecting and
    requesting changes need a `reason`."""

    questions: Annotated[list[ChosenItem], msgspec.Meta(min_length=1, max_length=MOST)]
    decision: Literal["approve", "reject", "request_changes"] | None = None
    option: OptionName | None = None
    reason: Reason = ""


class GroupResult(msgspec.Struct, frozen=True):
    """What became of one: 200, or the status and sentence of its refusal."""

    id: UUID
    status: int
    problem: str | None


class GroupDecided(msgspec.Struct, frozen=True):
    """`decided` of them count; in the order in which they were sent."""

    decided: int
    items: list[GroupResult]


@get("/approvals/groups", scope=Scope.TASKS_READ, tag=TAG, summary="List groups of similar requests")
async def list_alike_approvals(user: Principal, read: ReadSession, wanted: Query[GroupQuery]) -> GroupList:
    """Questions put to this person; of one run, with the scope `admin`, everybody's."""
    found = [GroupItem(**group._asdict()) for group in await grouping.groups(read, user, wanted.run_id)]
    return GroupList(found)


@get("/approvals/groups/{key:str}", scope=Scope.TASKS_READ, tag=TAG, summary="Get a group of similar requests")
async def get_alike_approvals(user: Principal, read: ReadSession, key: str) -> GroupDetail:
    """Every question whole, with the version that a decision names."""
    found = await grouping.members(read, user, _checked(key))
    if not found:
        raise ApprovalNotFound
    return GroupDetail(key, await grouping.run_of(read, found[0]), [question(each) for each in found])


@post(
    "/approvals/groups/{key:str}/decision",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Decide a group of requests",
    example={
        "questions": [{"id": "0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b", "version": "0" * 64}],
        "decision": "approve",
    },
)
async def decide_group(
    request: WebRequest, session: WriteSession, by: Principal, sent: NewGroupDecision, key: str
) -> GroupDecided:
    """Each counts by the same rules as a single one; one that is refused takes no other with it. 404 when none of them
    is there."""
    verb = ApprovalVerb(sent.decision) if sent.decision else None
    if verb in deciding.WHY and not (sent.reason.strip() or sent.option):
        raise Invalid(*deciding.WHY[verb])
    decision = Decision(version="", verb=verb, option=sent.option, reason=sent.reason)
    chosen = list(dict.fromkeys(Chosen(each.id, each.version) for each in sent.questions))
    where = f"{source(request)}, {len(chosen)} decided together"
    done = await grouping.decide_chunk(session, by, _checked(key), chosen, decision, source=where)
    if all(one.status == ApprovalNotFound.status for one in done):
        raise ApprovalNotFound
    items = [GroupResult(one.id, one.status, one.problem or None) for one in done]
    return GroupDecided(sum(one.problem is None for one in items), items)


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ApprovalNotFound
    return key


handlers = [list_alike_approvals, get_alike_approvals, decide_group]
