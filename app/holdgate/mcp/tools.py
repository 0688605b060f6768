"""What an agent can do: seven tools, each of them calls of the API in the name of the agent's token.

There is one implementation. Over HTTP its client reaches the API within the process, over stdio through the network;
so scopes, limits and refusals are those of the API. None of the tools decides.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from holdgate.client.asking import AskOptions, Decision
from holdgate.client.asynchronous import AsyncClient
from holdgate.mcp.job_tools import (
    AddedPosting,
    AddPosting,
    ApplicationsFound,
    ListApplications,
    add_posting,
    list_applications,
)

LONGEST_WAIT = 50  # seconds: clients of MCP give a call up after a minute
USUAL_WAIT = 45
MOST_LISTED = 50

To = Annotated[
    list[str],
    Meta(max_length=20, description="Who is asked, by email address. Nobody named: the person whose token you have."),
]
Show = Annotated[
    dict[str, Any] | list[dict[str, Any]],
    Meta(
        description="Exactly what would be done, for a person to judge: an object of labels and values, or a list of "
        'blocks such as {"type": "markdown", "text": "…"}. What is approved is what is shown here.'
    ),
]
Needed = Annotated[int, Meta(ge=1, le=20, description="How many of them must approve.")]
Minutes = Annotated[
    Annotated[int, Meta(ge=1, le=30 * 24 * 60)] | None,
    Meta(description="How long they have. Left out: what this installation usually gives."),
]
WorkingHours = Annotated[bool, Meta(description="Count their time in people's working hours alone.")]
ApprovalId = Annotated[UUID, Meta(description="The id that request_approval or ask_person returned.")]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision by a name of its own; one that does not go on rejects."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    goes_on: bool = True


class RequestApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask people to approve something before you do it. Returns at once; then call get_approval until it is decided.
    Asking the same again while it is open returns the open request."""

    title: Annotated[str, Meta(min_length=1, max_length=200, description="What shall be approved, in one line.")]
    to: To = []
    show: Show = {}
    options: Annotated[
        list[Choice], Meta(max_length=5, description="Named choices in place of approve and reject.")
    ] = []
    request_changes: Annotated[
        bool, Meta(description="They may also say what should be different; then ask again, changed.")
    ] = False
    needed: Needed = 1
    minutes: Minutes = None
    working_hours: WorkingHours = False


class AskPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask people to fill in a form, or to correct the values you propose. Returns at once; then call get_approval
    until it is answered. A person may also refuse."""

    title: Annotated[str, Meta(min_length=1, max_length=200, description="The question, in one line.")]
    to: To = []
    form: Annotated[
        dict[str, Any],
        Meta(
            description="The form's fields as JSON Schema: type object; properties that are texts, numbers, booleans, "
            "dates or choices (enum), with title and description."
        ),
    ]
    values: Annotated[dict[str, Any], Meta(description="What the fields show at first.")] = {}
    show: Show = {}
    minutes: Minutes = None
    working_hours: WorkingHours = False


class GetApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See how a request stands. Waits for the decision up to wait_seconds; while it is pending, `next` says when to
    call again."""

    id: ApprovalId
    wait_seconds: Annotated[int, Meta(ge=0, le=LONGEST_WAIT, description="How long to wait for the decision.")] = (
        USUAL_WAIT
    )


class ListMyApprovals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """List the requests that you can see, newest first."""

    state: Annotated[
        Literal["pending", "approved", "rejected", "changes_requested", "expired", "cancelled"] | None,
        Meta(description="Only those in this state."),
    ] = None
    limit: Annotated[int, Meta(ge=1, le=MOST_LISTED)] = 20


class CancelApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cancel a request that you made and that is still open. Nobody is asked any more."""

    id: ApprovalId


class ApprovalStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a request stands. `approved` is absent while it is pending. `form` is what the person filled in."""

    id: str
    state: str
    next: str
    url: str = ""
    approved: bool | None = None
    option: str | None = None
    form: dict[str, Any] | None = None
    by: str | None = None
    at: str | None = None
    reason: str | None = None
    receipt: Annotated[str, Meta(description="A resource: the signed receipt of the decision.")] = ""
    come_back_in_seconds: int | None = None


class ListedApproval(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    state: str
    created_at: str


class ApprovalList(msgspec.Struct, frozen=True):
    approvals: list[ListedApproval]


async def request_approval(hold: AsyncClient, sent: RequestApproval) -> ApprovalStatus:
    more: AskOptions = {
        "needed": sent.needed,
        "request_changes": sent.request_changes,
        "options": [msgspec.structs.asdict(each) for each in sent.options],
    }
    return await _ask(hold, sent, more)


async def ask_person(hold: AsyncClient, sent: AskPerson) -> ApprovalStatus:
    return await _ask(hold, sent, {"form": sent.form, "values": sent.values})


async def _ask(hold: AsyncClient, sent: RequestApproval | AskPerson, more: AskOptions) -> ApprovalStatus:
    if sent.minutes is not None:
        more["ttl"] = sent.minutes * 60
    if sent.working_hours:
        more["clock"] = "working"
    more["dedupe"] = True
    made = await hold.create_approval(sent.title, to=sent.to, show=sent.show, **more)
    return ApprovalStatus(
        id=str(made.id),
        state=made.state,
        url=made.url,
        next="People have been asked. Call get_approval with this id until it is decided, and do nothing before.",
        come_back_in_seconds=0,
    )


async def get_approval(hold: AsyncClient, sent: GetApproval) -> ApprovalStatus:
    return status_of(await hold.decision(sent.id, wait=sent.wait_seconds))


async def list_my_approvals(hold: AsyncClient, sent: ListMyApprovals) -> ApprovalList:
    filters = {"limit": sent.limit} | ({"state": sent.state} if sent.state else {})
    page = await hold.get("/approvals", filters)
    return ApprovalList(msgspec.convert(page["items"], list[ListedApproval]))


async def cancel_approval(hold: AsyncClient, sent: CancelApproval) -> ApprovalStatus:
    done = await hold.cancel_approval(sent.id)  # who may cancel need not be one who may read
    return status_of(Decision(id=done.id, task_id=done.task_id, state=done.state))


def status_of(found: Decision) -> ApprovalStatus:
    if found.pending:
        return ApprovalStatus(
            id=str(found.id),
            state=found.state,
            next="Nobody has decided yet. Call get_approval again, now or when you next can; the request stays open.",
            come_back_in_seconds=0,
        )
    return ApprovalStatus(
        id=str(found.id),
        state=found.state,
        next=_next(found),
        approved=found.approved,
        option=found.option,
        form=found.form or None,
        by=found.by,
        at=found.at.isoformat() if found.at else None,
        reason=found.reason,
        receipt=receipt_uri(found.id) if found.receipt else "",
    )


def _next(found: Decision) -> str:
    if found.state == "changes_requested":
        return "Do not do it. Change what the reason says, then ask again."
    return "You may go on, with what was decided." if found.approved else "Do not do it. Tell whoever gave the task."


RECEIPT = "holdgate://approvals/{id}/receipt"


def receipt_uri(id: UUID) -> str:
    return RECEIPT.format(id=id)


class AgentTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool: what it takes and gives, and what MCP's hints say of it."""

    act: Callable[[AsyncClient, Any], Awaitable[Any]]
    takes: type[msgspec.Struct]
    gives: type[msgspec.Struct]
    title: str
    reads: bool = False
    destroys: bool = False

    @property
    def name(self) -> str:
        return self.act.__name__


TOOLS = {
    tool.name: tool
    for tool in (
        AgentTool(act=request_approval, takes=RequestApproval, gives=ApprovalStatus, title="Request an approval"),
        AgentTool(act=ask_person, takes=AskPerson, gives=ApprovalStatus, title="Ask a person"),
        AgentTool(act=get_approval, takes=GetApproval, gives=ApprovalStatus, title="Get an approval", reads=True),
        AgentTool(
            act=list_my_approvals, takes=ListMyApprovals, gives=ApprovalList, title="List my approvals", reads=True
        ),
        AgentTool(
            act=cancel_approval, takes=CancelApproval, gives=ApprovalStatus, title="Cancel an approval", destroys=True
        ),
        AgentTool(act=add_posting, takes=AddPosting, gives=AddedPosting, title="Add a job posting"),
        AgentTool(
            act=list_applications,
            takes=ListApplications,
            gives=ApplicationsFound,
            title="List job applications",
            reads=True,
        ),
    )
}


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """As MCP wants it: the object itself at the top."""
    _, parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    whole = dict(parts.pop(kind.__name__))
    whole.pop("title", None)
    whole.pop("description", None)
    return {**whole, "$defs": parts} if parts else whole
