"""Adding applications to a run: the page on which further postings are chosen, and its form."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.postings import queries, service
from holdgate.postings.pages.selection import Choice, MaterialChoice, material_choice, missing_parts, offered
from holdgate.postings.queries import open_ones
from holdgate.postings.service import MOST, Material, Started
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other


class MorePostings(msgspec.Struct):
    """The fields of the choice and of what to apply with, as for a new run."""

    posting: Annotated[list[UUID], msgspec.Meta(max_length=MOST)] = []
    all: bool = False
    matching: str = ""
    q: str = ""
    force: bool = False
    resume: UUID | None = None
    letter: Annotated[str, msgspec.Meta(max_length=100)] = ""


class MoreView(msgspec.Struct, frozen=True, kw_only=True):
    form: Form[MorePostings]
    choice: Choice
    missing: str
    material: MaterialChoice
    run_id: UUID
    run_name: str
    here: str


@get("/runs/{run_id:uuid}/add", include_in_schema=False)
async def more_postings(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    run_id: FromPath[UUID],
    posting: FromQuery[list[str] | None] = None,
    q: FromQuery[str] = "",
    all: FromQuery[str] = "",
    force: FromQuery[str] = "",
) -> Response[str]:
    values = {"posting": posting or [], "q": q.strip(), "all": all == "true", "force": force == "true"}
    return await _page(request, read, user, run_id, blank(values), 200)


async def _page(
    request: WebRequest, session: Session, user: Principal, run_id: UUID, form: Form[MorePostings], status: int
) -> Response[str]:
    run = await service.run_for_more(session, user, run_id)
    view = MoreView(
        form=form,
        choice=await offered(session, user, form),
        missing=await missing_parts(session, user),
        material=await material_choice(session, user),
        run_id=run_id,
        run_name=run.name,
        here=f"/runs/{run_id}/add",
    )
    return await render(request, "runs/more.html", view, nav="runs", fragment="runs/_new_choice.html", status=status)


@post("/runs/{run_id:uuid}/add", include_in_schema=False)
async def add_postings(request: WebRequest, user: SignedIn, write: Write, run_id: FromPath[UUID]) -> Response[str]:
    form: Form[MorePostings] = await read_form(request, MorePostings)
    if form.data is not None:
        ids = list(form.data.posting)
        if form.data.all:
            ids += await queries.ids_of(write, user.id, open_ones(form.data.matching), MOST)
        try:
            material = Material(form.data.resume, form.data.letter)
            added = await service.add_applications(
                write, user, run_id, posting_ids=ids, force=form.data.force, material=material
            )
            return see_other(request, f"/runs/{run_id}", _said(added))
        except Invalid as problem:
            form = form.refused(problem)
    return await _page(request, write, user, run_id, form, 422)


def _said(added: Started) -> str:
    tasks = f"{added.tasks:,} application{'s were' if added.tasks != 1 else ' was'} added."
    if not added.skipped:
        return tasks
    return f"{tasks} {added.skipped:,} skipped: in this run, or already applied."


handlers: list[HTTPRouteHandler] = [more_postings, add_postings]
