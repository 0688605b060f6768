"""Deciding many questions of a run at once: every item with what is shown, one decision for those chosen."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.approvals.pages.question import QuestionView, SentDecisions, decision_of, question_view
from holdgate.approvals.requests import deciding, grouping
from holdgate.approvals.requests.grouping import CHUNK, MOST, ApprovalGroup, Chosen, Result
from holdgate.approvals.values import Decision
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest, client_address
from holdgate.web.http.sessions import Read
from holdgate.web.render import render, see_other

DONE = {"approve": "approved", "reject": "rejected", "request_changes": "sent back for changes"}


class GroupPage(msgspec.Struct, frozen=True, kw_only=True):
    """`chosen` holds the ids ticked before; `results` what became of those just decided, when some were refused."""

    key: str
    questions: list[QuestionView]
    run_id: UUID | None
    sent: SentDecisions = SentDecisions()
    chosen: frozenset[str] = frozenset()
    all: bool = False
    message: str = ""
    results: list[Result] = []

    @property
    def full(self) -> bool:
        return len(self.questions) == MOST


class Together(msgspec.Struct, frozen=True):
    groups: list[ApprovalGroup]
    run_id: UUID


async def _page(session: Session, by: Principal, key: str, **more: Any) -> GroupPage:
    items = await grouping.members(session, by, key)
    run_id = await grouping.run_of(session, items[0]) if items else None
    return GroupPage(key=key, questions=[question_view(item) for item in items], run_id=run_id, **more)


@get("/approvals/together")
async def show_together(request: WebRequest, user: SignedIn, read: Read, run: FromQuery[UUID]) -> Response[Any]:
    """From a run to what can be decided together in it."""
    found = await grouping.groups(read, user, run)
    if len(found) == 1:
        return see_other(request, f"/approvals/group/{found[0].key}")
    return await render(request, "approvals/together.html", Together(found, run), nav="approvals")


@get("/approvals/group/{key:str}")
async def show_group(request: WebRequest, user: SignedIn, read: Read, key: FromPath[str]) -> Response[str]:
    return await render(request, "approvals/group.html", await _page(read, user, key), nav="approvals")


@post("/approvals/group/{key:str}")
async def decide_group(request: WebRequest, user: SignedIn, key: FromPath[str]) -> Response[Any]:
    """One decision for all that were chosen. Those that cannot be decided any more are told one by one."""
    form = await request.form()
    everything = form.get("all") == "true"
    entries = [str(entry) for entry in form.getall("shown" if everything else "item", [])]
    sent = SentDecisions(decision=str(form.get("decision", "")), reason=str(form.get("reason", "")))
    try:
        decision, chosen = checked(sent, entries)
    except Invalid as problem:
        sent = msgspec.structs.replace(sent, errors=problem.fields)
        ticked = frozenset(entry.partition(":")[0] for entry in entries)
        async with request.app.state.database.read() as read:
            view = await _page(read, user, key, sent=sent, chosen=ticked, all=everything, message=str(problem))
        return await render(request, "approvals/group.html", view, nav="approvals", status=problem.status)
    source = f"{client_address(request.scope)}, {len(chosen)} decided together"
    results: list[Result] = []
    for start in range(0, len(chosen), CHUNK):
        async with request.app.state.database.write(user.actor) as write:
            chunk = chosen[start : start + CHUNK]
            results += await grouping.decide_chunk(write, user, key, chunk, decision, source=source)
    if all(not result.problem for result in results):
        word = DONE.get(decision.verb or "", "decided")
        return see_other(request, "/approvals", f"{len(results)} {word}.")
    async with request.app.state.database.read() as read:
        view = await _page(read, user, key, results=results)
    return await render(request, "approvals/group.html", view, nav="approvals", status=409)


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


handlers = [show_together, show_group, decide_group]
