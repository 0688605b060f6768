"""Asking people by program, waiting for their decision, and cancelling what was asked."""

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from holdgate.api.idempotency import MutationReply
from holdgate.api.router import PATH
from holdgate.api.routes import post
from holdgate.approvals.api.schemas import Decided, decided
from holdgate.approvals.choices import MOST_OPTIONS, Option
from holdgate.approvals.programs import service
from holdgate.approvals.programs.queries import settled_among
from holdgate.approvals.programs.service import NewRequest
from holdgate.approvals.states import ApprovalState
from holdgate.approvals.values import SUGGESTED
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.streams.long_poll import LongPolls
from holdgate.web.http.request import WebRequest

TAG = "Approvals"
MOST_PEOPLE = 50

Places: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MOST_PEOPLE)]
Length: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | timedelta
# One word or a duration: a schema can't tell the two texts apart.
TimeToDecide: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**9)] | Annotated[str, msgspec.Meta(max_length=40)]
EXAMPLE = {
    "title": "Deploy shop 4.2 to production",
    "show": {"Version": "4.2", "Changes": "Prices with tax"},
    "form": {"properties": {"note": {"type": "string", "title": "Note for the log"}}},
    "recipients": ["ann@example.org"],
    "ttl": "PT20M",
}


class NewApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people are asked. The answer comes at once, the decision later: wait for it, or poll.

    `title`: what will be done, in one line. `show`: what is decided about, values by their labels or a list of
    blocks. `form`: a JSON schema of an object, whose fields the approver may change; `values` fill it in.
    `options`: up to five named choices in place of approving and rejecting, as names or `{"name": …, "goes_on":
    false}`; `request_changes`: people may say what should be different. `recipients`: addresses, and groups as
    `group:NAME`; empty: the token's person. `needed`: how many of them must approve, or how many of which group.
    `level`: `sign-in` asks them to sign in, a link is not enough. `ttl`, `take_back`: seconds, or a duration such
    as `PT20M`: the deadline, from the delivery of the first email, and for how long an approval can be
    undone; `ttl` may be `suggested`: by what people needed so far, as `GET /approvals/forecast` tells for the kind
    `approval.request`. `clock`: `working` counts the working hours of those asked alone. `urgent`: reminders come
    in their quiet hours as well. `on_expire`: with `stop` people can ask for a fresh link after it, with `continue`
    it is over; `escalate:group:NAME` asks that group as well. `callback_url` is sent the decision once it stands,
    as a signed webhook. `metadata` is given back, and never shown. `dedupe`: the same request, if it is open, is
    answered again.
    """

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    show: dict[str, Any] | list[Any] = {}
    form: dict[str, Any] | None = None
    values: dict[str, Any] = {}
    options: Annotated[list[str | Option], msgspec.Meta(max_length=MOST_OPTIONS)] = []
    request_changes: bool = False
    recipients: Annotated[list[str], msgspec.Meta(max_length=MOST_PEOPLE)] = []
    needed: Places | Annotated[dict[str, Places], msgspec.Meta(min_length=1, max_length=MOST_PEOPLE)] = 1
    level: Literal["link", "sign-in"] = "link"
    ttl: TimeToDecide | None = None
    clock: Literal["wall", "working"] = "wall"
    urgent: bool = False
    take_back: Length | None = None
    on_expire: Annotated[str, msgspec.Meta(max_length=80)] = "stop"
    callback_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    metadata: dict[str, Any] = {}
    dedupe: bool = False


class NewApprovalMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The request as it was made. `url` is its page; `GET /approvals/{id}?wait=30` waits for the decision.
    `callback_secret` verifies what is sent to `callback_url`: keep it."""

    id: UUID
    task_id: UUID
    state: ApprovalState
    version: str
    url: str
    callback_secret: str | None = None


@post(
    "/approvals",
    scope=Scope.APPROVALS_CREATE,
    tag=TAG,
    summary="Ask people for approval",
    problems=(429,),
    example=EXAMPLE,
)
async def create_approval(
    request: WebRequest, session: WriteSession, by: Principal, sent: NewApproval
) -> MutationReply[NewApprovalMade]:
    """Those asked get an email with a link of their own. Whoever asks decides nothing. 429 when too many are open, or
    were made within an hour."""
    settings: Settings = request.app.state.settings
    wanted = NewRequest(
        title=sent.title,
        show=sent.show,
        form=sent.form,
        values=sent.values,
        options=[Option(each) if isinstance(each, str) else each for each in sent.options],
        request_changes=sent.request_changes,
        recipients=sent.recipients,
        needed=sent.needed,
        level=sent.level,
        ttl=_time_to_decide(sent.ttl),
        clock=sent.clock,
        urgent=sent.urgent,
        take_back=_length(sent.take_back),
        on_expire=sent.on_expire,
        callback_url=sent.callback_url,
        metadata=sent.metadata,
        dedupe=sent.dedupe,
    )
    approval, made, secret = await service.ask(session, by, wanted, settings)
    answer = NewApprovalMade(
        id=approval.id,
        task_id=approval.task_id,
        state=ApprovalState(approval.state),
        version=approval.version,
        url=f"{settings.base_url}/approvals/{approval.id}",
        callback_secret=secret,
    )
    return MutationReply(answer, 201 if made else 200, f"{PATH}/approvals/{approval.id}")


def _time_to_decide(given: int | str | None) -> timedelta | Literal["suggested"] | None:
    if given is None or given == SUGGESTED:
        return SUGGESTED if given else None
    try:
        return timedelta(seconds=given) if isinstance(given, int) else msgspec.convert(given, timedelta)
    except msgspec.ValidationError:
        sentence = "Write seconds, a duration such as PT20M, or “suggested”."
        raise Invalid(sentence, {"ttl": sentence}) from None


def _length(given: int | timedelta | None) -> timedelta | None:
    return timedelta(seconds=given) if isinstance(given, int) else given


@post(
    "/approvals/{approval_id:uuid}/cancel",
    scope=Scope.TASKS_WRITE,
    instead=Scope.APPROVALS_CREATE,
    tag=TAG,
    summary="Cancel a request",
    problems=(409, 410),
)
async def cancel_approval(session: WriteSession, by: Principal, approval_id: UUID) -> Decided:
    """For the program that asked, and its person: people are asked no longer. 409 once it is decided, or where a task
    asks."""
    return decided(await service.cancel(session, by, approval_id))


def waiting(request: WebRequest) -> LongPolls:
    """Who waits for a decision in this process."""
    state = request.app.state
    if "waiting_approvals" not in state:
        state["waiting_approvals"] = LongPolls(state.database, settled_among)
    found: LongPolls = state["waiting_approvals"]
    return found


handlers = [create_approval, cancel_approval]
