"""Saved views for programs: the same that a person finds above their list of tasks."""

from typing import Annotated
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from holdgate.api.idempotency import MutationReply
from holdgate.api.routes import get, post
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.pages.saved import query_of
from holdgate.tasks.schemas import Moment
from holdgate.tasks.search import saved
from holdgate.tasks.search.filters import BY_PARAM
from holdgate.tasks.search.models import SavedView
from holdgate.tasks.search.sorting import orders

TAG = "Tasks"
NEWEST = "newest"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=saved.MOST_NAME)]


class ViewItem(msgspec.Struct, frozen=True, kw_only=True):
    """A filter with a name. `filter` holds parameters of `GET /tasks`; its `sort` may also be one of the page's,
    such as `-priority`."""

    id: UUID
    name: str
    filter: dict[str, str]
    created_at: Moment


class ViewList(msgspec.Struct, frozen=True):
    items: list[ViewItem]


class NewView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`filter`: parameters of `GET /tasks`, without `limit` and `cursor`."""

    name: Name
    filter: dict[str, Annotated[str, msgspec.Meta(max_length=saved.MOST_PARAMS)]] = {}


class NewViewName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name


class ViewActed(msgspec.Struct, frozen=True):
    id: UUID


@get("/tasks/views", scope=Scope.TASKS_READ, tag=TAG, summary="List saved views")
async def list_views(user: Principal, read: ReadSession) -> ViewList:
    """One's own, also for administrators; by name."""
    return ViewList([_item(each) for each in await saved.views_of(read, user)])


@post(
    "/tasks/views",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Save a view",
    example={"name": "Stuck email", "filter": {"state": "dead_letter,retrying", "mail": "only", "sort": "oldest"}},
)
async def save_view(session: WriteSession, by: Principal, sent: NewView) -> MutationReply[ViewItem]:
    """At most 50, each with a name of its own."""
    query = _query(sent.filter)
    made = await saved.save(session, by, sent.name, query)
    return MutationReply(_item(await session.get_one(SavedView, made)))


@post(
    "/tasks/views/{view_id:uuid}/rename",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Rename a saved view",
    example={"name": "Email that is stuck"},
)
async def rename_view(session: WriteSession, by: Principal, sent: NewViewName, view_id: UUID) -> ViewActed:
    await saved.rename(session, by, view_id, sent.name)
    return ViewActed(view_id)


@post("/tasks/views/{view_id:uuid}/delete", scope=Scope.TASKS_WRITE, tag=TAG, summary="Delete a saved view")
async def delete_view(session: WriteSession, by: Principal, view_id: UUID) -> ViewActed:
    """No task is touched."""
    await saved.forget(session, by, view_id)
    return ViewActed(view_id)


def _query(filter: dict[str, str]) -> str:
    """The query string to keep. Raises Invalid with the places that do not fit."""
    wrong = {f"filter.{name}": "Unknown parameter." for name in filter if name not in (*BY_PARAM, "sort")}
    known = [value or NEWEST for value, _ in orders()]
    if filter.get("sort", NEWEST) not in known:
        wrong["filter.sort"] = f"One of {', '.join(known)}."
    if wrong:
        raise Invalid("Invalid filter.", wrong)
    try:
        return query_of(list(filter.items()))
    except Invalid as problem:
        raise Invalid("Invalid filter.", {f"filter.{n}": s for n, s in problem.fields.items()}) from problem


def _item(row: SavedView) -> ViewItem:
    """What a query string says several times is one parameter here, with commas."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(row.params):
        found[name] = f"{found[name]},{value}" if name in found else value
    return ViewItem(id=row.id, name=row.name, filter=found, created_at=row.created_at)


handlers = [list_views, save_view, rename_view, delete_view]
