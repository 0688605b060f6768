"""Saving, renaming and deleting a view of the task list; without JavaScript as well."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from holdgate.core.errors import Invalid
from holdgate.tasks.pages.list import PATH, Turn, asked_filter, list_page
from holdgate.tasks.search import saved
from holdgate.tasks.search.parameters import parse_filter
from holdgate.web.forms import Form, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write, discard
from holdgate.web.render import render, see_other


class NewSavedView(msgspec.Struct, frozen=True):
    """`params`: the query string of the list as it is shown."""

    name: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    params: Annotated[str, msgspec.Meta(max_length=100_000)] = ""


class NewName(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=1000)] = ""


def turn_of(params: Sequence[tuple[str, str]]) -> Turn:
    """In which order, and nothing of where in the list."""
    return Turn(sort=next((value for name, value in params if name == "sort"), ""))


def query_of(params: Sequence[tuple[str, str]]) -> str:
    """The query string that is kept of a list's. Raises Invalid for a filter that does not fit."""
    wanted = parse_filter(params).good()
    return urlencode([*wanted.params(), *turn_of(params).params()] + ([] if wanted.mail else [("mail", "with")]))


@post(f"{PATH}/views")
async def save_view(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    form = await read_form(request, NewSavedView)
    sent = form.data or NewSavedView()
    params = parse_qsl(sent.params)
    turn = turn_of(params)
    query = query_of(params)
    try:
        await saved.save(write, user, sent.name, query)
    except Invalid as problem:
        refused: Form[Any] = form.refused(problem)
        await discard(request)
        view = await list_page(request, write, user, asked_filter(params), turn, refused)
        return await render(request, "tasks/list.html", view, nav="tasks", status=422)
    return see_other(request, f"{PATH}?{query}", "The view is saved. It is listed above the tasks from now on.")


@post(f"{PATH}/views/{{view_id:uuid}}/rename")
async def rename_view(request: WebRequest, user: SignedIn, write: Write, view_id: FromPath[UUID]) -> Response[Any]:
    form = await read_form(request, NewName)
    await saved.rename(write, user, view_id, form.data.name if form.data else "")
    return see_other(request, PATH, "The view has its new name.")


@post(f"{PATH}/views/{{view_id:uuid}}/delete")
async def delete_view(request: WebRequest, user: SignedIn, write: Write, view_id: FromPath[UUID]) -> Response[Any]:
    await saved.forget(write, user, view_id)
    return see_other(request, PATH, "The view is deleted. No task was touched.")


handlers = [save_view, rename_view, delete_view]
