"""Deciding many requests at once, those alike of a run or those ticked in the inbox: as a table of what differs, with
their forms, and one decision for those chosen."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.approvals.models import Approval
from holdgate.approvals.pages.address import InboxAddress, id_of, read_address
from holdgate.approvals.pages.comparison import Comparison, comparisons
from holdgate.approvals.pages.inbox import window
from holdgate.approvals.pages.question import ANSWER, QuestionView, SentDecisions, decision_of, question_view
from holdgate.approvals.requests import deciding, grouping, undoing
from holdgate.approvals.requests.grouping import CHUNK, MOST, ApprovalGroup, Chosen, Result
from holdgate.approvals.values import Decision
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest, client_address
from holdgate.web.http.sessions import Read
from holdgate.web.render import render, see_other, wants_fragment

DONE = {"approve": "approved", "reject": "rejected", "request_changes": "sent back for changes"}


class GroupPage(msgspec.Struct, frozen=True, kw_only=True):
    """`action`: where the form goes. `chosen` holds the ids ticked before; `results` what became of those just decided,
    when some were refused. `others`: chosen, and not to be decided with these, as what they offer is something else.
    """

    action: str
    comparisons: list[Comparison]
    address: InboxAddress = InboxAddress()
    run_id: UUID | None = None
    sent: SentDecisions = SentDecisions()
    chosen: frozenset[str] = frozenset()
    all: bool = False
    message: str = ""
    results: list[Result] = []
    others: list[Approval] = []

    @property
    def questions(self) -> list[QuestionView]:
        return [question for each in self.comparisons for question in each.questions]

    @property
    def full(self) -> bool:
        return len(self.questions) == MOST


class SentTogether(msgspec.Struct, frozen=True):
    """One decision for the requests of `entries`, each with its version; `forms` as they were left."""

    decision: SentDecisions
    entries: list[str]
    forms: dict[UUID, dict[str, Any]]
    all: bool = False

    @property
    def chosen(self) -> frozenset[str]:
        return frozenset(entry.partition(":")[0] for entry in self.entries)


class Together(msgspec.Struct, frozen=True):
    groups: list[ApprovalGroup]
    run_id: UUID


def views(
    items: Sequence[Approval],
    forms: Mapping[UUID, dict[str, Any]] = MappingProxyType({}),
    results: Sequence[Result] = (),
    tokens: Mapping[UUID, str] = MappingProxyType({}),
) -> list[Comparison]:
    """Side by side, with what was entered into their forms and what of it is wrong.

    Args:
        tokens: of the personal links behind which they are, by the requests' ids.
    """
    wrong = {result.id: dict(result.fields) for result in results}
    return comparisons(
        [
            question_view(
                item,
                token=tokens.get(item.id, ""),
                sent=SentDecisions(version=item.version, answers=forms.get(item.id), errors=wrong.get(item.id, {})),
            )
            for item in items
        ]
    )


async def _group(session: Session, by: Principal, key: str, sent: SentTogether | None = None, **more: Any) -> GroupPage:
    items = await grouping.members(session, by, key)
    opens = bool(items) and by.scope in (None, items[0].owner_id)  # whoever does not own the run gets no link to it
    run_id = await grouping.run_of(session, items[0]) if opens else None
    return _page(f"/approvals/group/{key}", items, sent, run_id=run_id, **more)


async def _selection(
    session: Session, by: Principal, ids: Sequence[UUID], sent: SentTogether | None = None, **more: Any
) -> GroupPage:
    """Those chosen that offer what the first of them offers."""
    items = await grouping.selected(session, by, ids)
    same = [item for item in items if item.choices == items[0].choices]
    others = [item for item in items if item not in same]
    chosen = frozenset(str(item.id) for item in same)
    return _page("/approvals/selection", same, sent, **{"chosen": chosen, "others": others, **more})


def _page(action: str, items: Sequence[Approval], sent: SentTogether | None, **more: Any) -> GroupPage:
    if sent is not None:
        more = {"chosen": sent.chosen, "all": sent.all, "sent": sent.decision, **more}
    forms = sent.forms if sent is not None else {}
    return GroupPage(action=action, comparisons=views(items, forms, more.get("results", ())), **more)


async def _render(request: WebRequest, view: GroupPage, status: int = 200) -> Response[str]:
    status = 422 if status >= 400 and wants_fragment(request) else status
    parts = {"pane": "approvals/_together.html"}
    return await render(request, "approvals/group.html", view, nav="approvals", fragment=parts, status=status)


@get("/approvals/together")
async def show_together(request: WebRequest, user: SignedIn, read: Read, run: FromQuery[UUID]) -> Response[Any]:
    """From a run to what can be decided together in it."""
    found = await grouping.groups(read, user, run)
    if len(found) == 1:
        return see_other(request, f"/approvals/group/{found[0].key}")
    return await render(request, "approvals/together.html", Together(found, run), nav="approvals")


@get("/approvals/group/{key:str}")
async def show_group(request: WebRequest, user: SignedIn, read: Read, key: FromPath[str]) -> Response[str]:
    return await _render(request, await _group(read, user, key))


@get("/approvals/selection")
async def show_selection(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    """Those that were ticked in the inbox."""
    ids = [id for text in request.query_params.getall("item", [])[:MOST] if (id := id_of(text))]
    return await _render(request, await _selection(read, user, ids))


@post("/approvals/group/{key:str}")
async def decide_group(request: WebRequest, user: SignedIn, key: FromPath[str]) -> Response[Any]:
    """One decision for all that were chosen. Those that cannot be decided any more are told one by one."""

    async def page(session: Session, **more: Any) -> GroupPage:
        return await _group(session, user, key, **more)

    return await _decide(request, user, key, await read_together(request), page)


@post("/approvals/selection")
async def decide_selection(request: WebRequest, user: SignedIn) -> Response[Any]:
    sent = await read_together(request)
    shown = [id for entry in await _shown(request) if (id := id_of(entry.partition(":")[0]))]

    async def page(session: Session, **more: Any) -> GroupPage:
        return await _selection(session, user, shown, **more)

    return await _decide(request, user, None, sent, page)


async def _decide(
    request: WebRequest, user: Principal, key: str | None, sent: SentTogether, page: Callable[..., Awaitable[GroupPage]]
) -> Response[Any]:
    database = request.app.state.database
    try:
        decision, chosen = checked(sent.decision, sent.entries)
    except Invalid as problem:
        told = msgspec.structs.replace(sent.decision, errors=problem.fields)
        again = msgspec.structs.replace(sent, decision=told)
        async with database.read() as read:
            view = await page(read, sent=again, message=str(problem))
        return await _render(request, view, problem.status)
    source = f"{client_address(request.scope)}, {len(chosen)} decided together"
    results: list[Result] = []
    for start in range(0, len(chosen), CHUNK):
        async with database.write(user.actor) as write:
            chunk = chosen[start : start + CHUNK]
            results += await grouping.decide_chunk(
                write, user, key, chunk, decision, source=source, forms=sent.forms, undo=window(request)
            )
    if any(result.problem for result in results):
        async with database.read() as read:
            view = await page(read, sent=sent, results=results)
        return await _render(request, view, 409)
    here = read_address(request)
    async with database.read() as read:
        decided = await undoing.offered_among(read, user, [result.id for result in results], window(request))
    word = DONE.get(decision.verb or "", "decided")
    said = "" if wants_fragment(request) and decided else f"{len(results)} {word}."
    return see_other(request, here.to("/approvals", [one.id for one in decided]), said)


async def read_together(request: WebRequest) -> SentTogether:
    """What the form of many requests sent: `item` names those chosen, `filled` those of which it has the form."""
    form = await request.form()
    everything = form.get("all") == "true"
    entries = [str(entry) for entry in form.getall("shown" if everything else "item", [])]
    forms: dict[str, dict[str, Any]] = {str(id_of(str(entry)) or ""): {} for entry in form.getall("filled", [])[:MOST]}
    for name in form:
        if name.startswith(ANSWER):
            id, _, field = name.removeprefix(ANSWER).partition(".")
            texts = [value for value in form.getall(name) if isinstance(value, str)]
            forms.get(id, {})[field] = texts[0] if len(texts) == 1 else texts
    decision = SentDecisions(decision=str(form.get("decision", "")), reason=str(form.get("reason", "")))
    return SentTogether(decision, entries, {UUID(id): answers for id, answers in forms.items() if id}, everything)


async def _shown(request: WebRequest) -> list[str]:
    return [str(entry) for entry in (await request.form()).getall("shown", [])[:MOST]]


def checked(sent: SentDecisions, entries: list[str]) -> tuple[Decision, list[Chosen]]:
    """Raises Invalid: nothing was decided."""
    problems: dict[str, str] = {}
    chosen = []
    for entry in dict.fromkeys(entries):
        id, _, version = entry.partition(":")
        try:
            chosen.append(Chosen(UUID(id), version))
        except ValueError:
            problems["item"] = "Choose from the listed requests."
    if not 1 <= len(entries) <= MOST:
        problems["item"] = f"Choose 1 to {MOST} requests."
    decision = None
    try:
        decision = decision_of(sent)
    except Invalid as problem:
        problems |= problem.fields
    if decision and decision.verb in deciding.WHY and not sent.reason.strip():
        problems |= deciding.WHY[decision.verb][1]
    if problems or decision is None:
        raise Invalid("Nothing was submitted. " + " ".join(problems.values()), problems)
    return decision, chosen


handlers = [show_together, show_group, show_selection, decide_group, decide_selection]
