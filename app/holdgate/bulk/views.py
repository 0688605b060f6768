"""Pages of bulk actions: choose and confirm, follow, stop, let a redrive go on; without JavaScript as well."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.bulk import queries, redrive, service
from holdgate.bulk.errors import ActionNotFound, Outgrown
from holdgate.bulk.filter_labels import Condition, conditions_of
from holdgate.bulk.models import BulkAction, BulkEvent
from holdgate.bulk.service import BulkCount
from holdgate.bulk.states import OPEN, BulkState, BulkVerb
from holdgate.bulk.undoing import undo_of
from holdgate.core.db import Session
from holdgate.core.errors import AppError, Invalid, NotFound
from holdgate.core.paging import Cursor, paginate
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked_text
from holdgate.stats.failures import names_of
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.parameters import parse_filter
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.pager import Pager, pager
from holdgate.web.render import render, see_other

MOST_NAMED, DIGEST = 20, 12  # errors; characters of the part of their ids that is the same in every kind
REDRIVE = "redrive"  # how pages call a retry in steps
VERBS = (*(verb.value for verb in BulkVerb), REDRIVE)


class BulkConfirmation(msgspec.Struct, frozen=True):
    """What the confirmation sends. `expected` and `at`: what the person has seen, and when it was counted."""

    expected: Annotated[int, msgspec.Meta(ge=0)] = 0
    at: datetime | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=service.MOST_NOTE)] = ""


class NewPage(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done, to be confirmed. Without a preview the filter or the verb is invalid: see `errors`.

    `named`: what the errors say that the filter names by their ids.
    """

    verb: str
    form: Form[BulkConfirmation]
    errors: dict[str, str]
    params: list[tuple[str, str]]
    preview: BulkCount | None = None
    conditions: Sequence[Condition] = ()
    named: Sequence[str] = ()
    steps: tuple[int, ...] = redrive.STEPS


class BulkRow(msgspec.Struct, frozen=True):
    """An action with its filter in words."""

    action: BulkAction
    conditions: list[Condition]

    @property
    def verb(self) -> str:
        return REDRIVE if self.action.canary else self.action.verb

    @property
    def left(self) -> int:
        return self.action.total - self.action.done - self.action.skipped


class UndoView(msgspec.Struct, frozen=True):
    """A bulk action that takes this one back as far as it can be, and what it cannot."""

    label: str
    href: str
    note: str


class ActionPage(msgspec.Struct, frozen=True, kw_only=True):
    line: BulkRow
    events: list[BulkEvent]
    live: bool
    waits: bool
    undo: UndoView | None
    succeeded: int | None


class ActionList(msgspec.Struct, frozen=True):
    lines: list[BulkRow]
    pager: Pager


def line_of(action: BulkAction) -> BulkRow:
    return BulkRow(action, conditions_of(msgspec.convert(action.filter, TaskFilter)))


@get("/bulk/new")
async def show_new(
    request: WebRequest, user: SignedIn, read: Read, verb: FromQuery[str] = "", priority: FromQuery[str] = ""
) -> Response[str]:
    view = await _new_page(request, user, read, _known(verb), blank({"priority": priority[:4]}))
    return await render(request, "bulk/new.html", view, nav="tasks", status=422 if view.errors else 200)


@post("/bulk")
async def start(request: WebRequest, user: SignedIn, write: Write, verb: FromQuery[str] = "") -> Response[Any]:
    form = await read_form(request, BulkConfirmation)
    name = _known(verb)
    problem: AppError | None = None
    if form.data is not None:
        try:
            return await _start(request, user, write, name, form.data)
        except (Invalid, Outgrown) as refusal:
            problem = refusal
            form = form.refused(refusal) if isinstance(refusal, Invalid) else Form(values=form.values)
    # What was tried is undone before it is counted anew.
    await discard(request)
    view = await _new_page(request, user, write, name, form, problem)
    return await render(request, "bulk/new.html", view, nav="tasks", status=problem.status if problem else 422)


async def _start(request: WebRequest, user: Principal, write: Any, name: str, sent: BulkConfirmation) -> Response[Any]:
    action_id = await service.start_bulk(
        write,
        user,
        BulkVerb.RETRY if name == REDRIVE else BulkVerb(name),
        _wanted(request),
        priority=sent.priority,
        note=sent.note,
        canary=name == REDRIVE,
        expected=sent.expected,
        at=sent.at,
    )
    return see_other(request, f"/bulk/{action_id}")


def _known(verb: str) -> str:
    if verb not in VERBS:
        raise NotFound(f"Unknown bulk job: {verb!r}.")
    return verb


def _wanted(request: WebRequest) -> TaskFilter:
    """The filter in the URL; of a list's form the selected tasks or errors.

    Raises:
        Invalid: it does not fit, or nothing is selected.
    """
    params = list(request.query_params.multi_items())
    which = request.query_params.get("which")
    if which == "selected":
        params = [pair for pair in params if pair[0] == "id"]
        if not params:
            raise Invalid("No task is selected. Go back and tick some, or choose all that match.")
    elif which == "errors" and not request.query_params.get("fingerprint"):
        raise Invalid("No error is selected. Go back and select some.")
    return parse_filter(params).good()


async def _new_page(
    request: WebRequest,
    user: Principal,
    session: Session,
    name: str,
    form: Form[BulkConfirmation],
    problem: AppError | None = None,
) -> NewPage:
    errors = dict(form.errors) or ({"": str(problem)} if problem else {})
    try:
        wanted = _wanted(request)
        preview = await service.preview(session, user, BulkVerb.RETRY if name == REDRIVE else BulkVerb(name), wanted)
    except Invalid as refusal:
        return NewPage(verb=name, form=form, errors={**errors, "": str(refusal)}, params=[])
    return NewPage(
        verb=name,
        form=form,
        errors=errors,
        params=wanted.params(),
        preview=preview,
        conditions=conditions_of(preview.wanted),
        named=[each async for each in _named(session, user, wanted.fingerprint)],
    )


async def _named(session: Session, user: Principal, fingerprints: str) -> AsyncIterator[str]:
    for each in fingerprints.split(",")[:MOST_NAMED] if fingerprints else ():
        for name in (await names_of(session, each[-DIGEST:], user.scope))[:1]:
            yield f"{name.error_type}: “{masked_text(name.message)[:200]}”"


@get("/bulk")
async def show_actions(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    async def actions(place: Cursor | None, limit: int, oldest: bool) -> list[BulkAction]:
        return await queries.list_actions(read, user.scope, place, limit, oldest=oldest)

    turned = await paginate(actions, lambda action: Cursor(action.created_at, action.id), cursor, back)
    view = ActionList([line_of(action) for action in turned.rows], pager("/bulk", turned, cursor, back))
    return await render(request, "bulk/list.html", view, nav="tasks", fragment="bulk/_list.html")


@get("/bulk/{action_id:uuid}")
async def show_action(request: WebRequest, user: SignedIn, read: Read, action_id: FromPath[UUID]) -> Response[str]:
    action = await queries.find_action(read, action_id, user.scope)
    if action is None:
        raise ActionNotFound
    view = ActionPage(
        line=line_of(action),
        events=await queries.events_of(read, action_id),
        live=action.state in OPEN,
        waits=action.state == BulkState.WAITING,
        undo=await _undo(read, action),
        succeeded=await queries.count_succeeded(read, action_id) if action.verb == BulkVerb.RETRY else None,
    )
    return await render(request, "bulk/detail.html", view, nav="tasks", fragment="bulk/_detail.html")


async def _undo(session: Session, action: BulkAction) -> UndoView | None:
    back = await undo_of(session, action)
    if back is None:
        return None
    params = [("verb", back.verb.value), *back.wanted.params()]
    if back.priority is None:
        note = "They resume after their completed steps; requests are sent again, and running attempts start over."
        return UndoView("Undo (requeue)…", f"/bulk/new?{urlencode(params)}", note)
    params.append(("priority", str(back.priority)))
    label = f"Undo (priority {back.priority})…"
    return UndoView(label, f"/bulk/new?{urlencode(params)}", "What still waits or runs.")


@post("/bulk/{action_id:uuid}/stop")
async def stop(request: WebRequest, user: SignedIn, write: Write, action_id: FromPath[UUID]) -> Response[Any]:
    await service.stop(write, user, action_id)
    return see_other(request, f"/bulk/{action_id}", "Stopped. Completed changes stay.")


@post("/bulk/{action_id:uuid}/continue")
async def go_on(request: WebRequest, user: SignedIn, write: Write, action_id: FromPath[UUID]) -> Response[Any]:
    await service.go_on(write, user, action_id)
    return see_other(request, f"/bulk/{action_id}", "Bulk job continued.")


handlers = [show_new, start, show_actions, show_action, stop, go_on]
