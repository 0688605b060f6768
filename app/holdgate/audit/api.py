"""Who did what, for programs of administrators."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response

from holdgate.api.exports import export_routes
from holdgate.api.paging import ListPart, Paged, page, unpaged
from holdgate.api.routes import get
from holdgate.api.signatures import Query
from holdgate.audit import exports, queries
from holdgate.audit.entries import AREAS, AuditEntry, AuditFilter, AuditPlace, parse_place
from holdgate.core.db import ReadSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.text.masking import masked, masked_text
from holdgate.tasks.schemas import Moment
from holdgate.tasks.search.values import parse_age
from holdgate.web.http.request import WebRequest

TAG = "People"
Words = Annotated[str, msgspec.Meta(max_length=300)]
Age = Annotated[str, msgspec.Meta(max_length=100, description="A time, or how long ago: `2h`.")]
Area = Annotated[str, msgspec.Meta(max_length=20, extra_json_schema={"enum": ["", *AREAS]})]


class AuditQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""

    actor: Annotated[str, msgspec.Meta(max_length=300, description="An address, or a name as the log has it.")] = ""
    verb: Words = ""
    area: Area = ""
    task: UUID | None = None
    since: Age = ""
    until: Age = ""
    everything: Annotated[
        bool, msgspec.Meta(description="Every change of tasks, by workers as well, and nothing else.")
    ] = False


AuditExportQuery = unpaged(AuditQuery, "AuditExportQuery")


class AuditItem(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody did something. `about` is what it was done to, `target` its id; secrets are hidden."""

    at: Moment
    area: str
    actor: str
    verb: str
    about: str
    target: str | None
    detail: str | None
    data: Any


class AuditPage(ListPart, frozen=True, kw_only=True):
    items: list[AuditItem]


@get("/audit", scope=Scope.ADMIN, tag=TAG, summary="List who did what")
async def list_audit(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[AuditQuery]
) -> Response[AuditPage]:
    """What people did, newest first. 422 when a rare one takes too long to find in a long log: narrow it."""
    rows = await queries.audit_lines(
        read, _filter(wanted), _place(wanted.cursor), wanted.limit + 1, everything=wanted.everything
    )
    # Nobody counts a log whose parts are merged as they are read.
    return page(request, AuditPage, rows, wanted, _item, lambda line: line.place, None)


def _filter(wanted: AuditQuery) -> AuditFilter:
    problems = {} if wanted.area in ("", *AREAS) else {"?area": f"One of {', '.join(AREAS)}."}
    for name in ("since", "until"):
        try:
            if text := getattr(wanted, name):
                parse_age(text)
        except ValueError as problem:
            problems[f"?{name}"] = str(problem)
    if problems:
        raise Invalid("The URL has invalid parameters.", problems)
    return AuditFilter(**{name: getattr(wanted, name) for name in AuditFilter.__struct_fields__})


def _place(cursor: str) -> AuditPlace | None:
    try:
        return parse_place(cursor)
    except Invalid as problem:
        raise Invalid("This cursor is damaged.", {"?cursor": "Take `next_cursor` as it was given."}) from problem


def _item(line: AuditEntry) -> AuditItem:
    return AuditItem(
        at=line.at,
        area=line.area,
        actor=line.actor,
        verb=line.verb,
        about=masked_text(line.about),
        target=line.target,
        detail=None if line.detail is None else masked_text(line.detail),
        data=masked(line.data),
    )


handlers = [
    list_audit,
    *export_routes(
        "audit",
        exports.COLUMNS,
        lambda database, _, wanted: exports.rows(database, _filter(wanted), everything=wanted.everything),
        query=AuditExportQuery,
        scope=Scope.ADMIN,
        tag=TAG,
        order="newest first",
    ),
]
