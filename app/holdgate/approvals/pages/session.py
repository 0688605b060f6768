"""The pages of a review session, behind the link of a digest: the next request, those alike together, the end."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.models import Approval
from holdgate.approvals.pages import review
from holdgate.approvals.pages.comparison import Comparison
from holdgate.approvals.pages.groups import SentTogether, checked, read_together, views
from holdgate.approvals.pages.question import SentDecisions
from holdgate.approvals.pages.review import LIMIT, check_robot, read_link_form, show_asked
from holdgate.approvals.requests import grouping, sessions
from holdgate.approvals.requests.grouping import Result
from holdgate.approvals.requests.sessions import ReviewSession
from holdgate.approvals.rules import deadlines, digest_queries
from holdgate.approvals.rules.access import holder_of
from holdgate.approvals.rules.links import item_token, key_of
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.web.form_time import FormTime
from holdgate.web.http.request import WebRequest, client_address, principal
from holdgate.web.http.sessions import Read
from holdgate.web.render import render_private, see_other


class SessionPage(msgspec.Struct, frozen=True):
    """Nothing is open any more."""

    session: ReviewSession


class TogetherPage(msgspec.Struct, frozen=True, kw_only=True):
    """Those of a session that can be decided together, as `GroupPage` for who has signed in."""

    session: ReviewSession
    key: str
    comparisons: list[Comparison]
    stamp: str
    sent: SentDecisions = SentDecisions()
    chosen: frozenset[str] = frozenset()
    message: str = ""
    results: list[Result] = []


@get("/review/session/{token:str}")
async def show_session(
    request: WebRequest, read: Read, token: FromPath[str], after: FromQuery[UUID | None] = None
) -> Response[str]:
    """What is next, after the one named. As every page of a link it changes nothing."""
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    session = msgspec.structs.replace(await sessions.session_of(read, key_of(token), token), after=after)
    item = session.beside(after)
    if item is None:
        await deadlines.show_zone_of(read, session.digest.email)
        return await render_private(request, "approvals/session.html", SessionPage(session))
    named = item_token(token, item.recipient.id)
    return await show_asked(request, read, named, await holder_of(read, key_of(named)), here=session)


@get("/review/session/{token:str}/together/{key:str}")
async def show_together_by_link(
    request: WebRequest, read: Read, token: FromPath[str], key: FromPath[str]
) -> Response[str]:
    await request.app.state.limits.hit(LIMIT, client_address(request.scope))
    view = await _together(request, read, token, key)
    return await render_private(request, "approvals/session_together.html", view)


@post("/review/together")
async def decide_together(request: WebRequest) -> Response[Any]:
    """One decision for those chosen, as of a person who has signed in."""
    fields = await read_link_form(request)
    token, key = fields.get("token", ""), fields.get("key", "")
    sent = await read_together(request)
    database = request.app.state.database
    async with database.read() as read:
        session = await sessions.session_of(read, key_of(token), token)
    try:
        async with database.read() as read:
            await check_robot(read, _form_time(request, session, key), fields, quickest=review.TOO_QUICK)
        decision, chosen = checked(sent.decision, sent.entries)
    except Invalid as problem:
        told = msgspec.structs.replace(sent.decision, errors=problem.fields)
        again = msgspec.structs.replace(sent, decision=told)
        return await _again(request, token, key, problem.status, again, message=str(problem))
    keys = {item.approval.id: key_of(item_token(token, item.recipient.id)) for item in session.open}
    which = Approval.id.in_(list(keys)) & (Approval.alike == key)
    source = f"{client_address(request.scope)}, {len(chosen)} decided together"
    holder = principal(request.scope)
    results: list[Result] = []
    for start in range(0, len(chosen), grouping.CHUNK):
        async with database.write(f"recipient:{session.digest.email}") as write:
            decide = grouping.by_links(write, keys, source=source, holder=holder)
            chunk = chosen[start : start + grouping.CHUNK]
            results += await grouping.decide_each(write, which, chunk, decision, decide, sent.forms)
            await sessions.go_on(write, key_of(token))
    if all(not result.problem for result in results):
        return see_other(request, f"/review/session/{token}")
    return await _again(request, token, key, 409, sent, results=results)


async def _again(
    request: WebRequest, token: str, key: str, status: int, sent: SentTogether, **more: Any
) -> Response[str]:
    async with request.app.state.database.read() as read:
        view = await _together(request, read, token, key, sent, **more)
    return await render_private(request, "approvals/session_together.html", view, status=status)


async def _together(
    request: WebRequest, session: Session, token: str, key: str, sent: SentTogether | None = None, **more: Any
) -> TogetherPage:
    """Raises ApprovalNotFound."""
    found = await sessions.session_of(session, key_of(token), token)
    await deadlines.show_zone_of(session, found.digest.email)
    alike = found.alike(key)
    if not alike and sent is None:
        raise ApprovalNotFound
    if sent is not None:
        more = {"sent": sent.decision, "chosen": sent.chosen, **more}
    tokens = {item.approval.id: item_token(token, item.recipient.id) for item in alike}
    forms = sent.forms if sent is not None else {}
    await digest_queries.load_whole(session, [item.approval for item in alike])
    return TogetherPage(
        session=found,
        key=key,
        comparisons=views([item.approval for item in alike], forms, more.get("results", ()), tokens),
        stamp=await _form_time(request, found, key).stamp(session),
        **more,
    )


def _form_time(request: WebRequest, session: ReviewSession, key: str) -> FormTime:
    return FormTime(request.app.state.settings.secret_keys, f"together:{session.digest.id}:{key}")


handlers = [show_session, show_together_by_link, decide_together]
