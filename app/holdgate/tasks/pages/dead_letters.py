"""/dead-letters: what died of the same error, together."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.response import Stream

from holdgate.core.db import Database, Session
from holdgate.core.text.masking import masked_text
from holdgate.stats import counts as stats
from holdgate.tasks.failures.groups import FailureGroup, list_groups
from holdgate.tasks.states import RESOLVED, TaskState
from holdgate.web.downloads import export
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

MOST_GROUPS = 200
MOST_EXPORTED = 10_000
COLUMNS = FailureGroup.__struct_fields__


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """The groups and how many dead letters are open; `unnamed` of them are in no group yet. `resolved` are not open."""

    groups: list[FailureGroup]
    open: int
    resolved: int
    more: bool

    @property
    def unnamed(self) -> int:
        return 0 if self.more else max(0, self.open - sum(group.n for group in self.groups))


async def dead_letters(session: Session, scope: UUID | None) -> DeadLetters:
    """`scope`: whose; None is everybody's."""
    groups = await list_groups(session, scope, MOST_GROUPS + 1)
    counts = await stats.counts_by_state(session, scope)
    return DeadLetters(
        groups=groups[:MOST_GROUPS],
        open=counts.get(TaskState.DEAD_LETTER, 0),
        resolved=counts.get(RESOLVED, 0),
        more=len(groups) > MOST_GROUPS,
    )


@get("/dead-letters")
async def show_dead_letters(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    view = await dead_letters(read, user.scope)
    return await render(
        request, "tasks/dead_letters.html", view, nav="dead-letters", fragment="tasks/_dead_letters.html"
    )


@get(["/dead-letters/export.csv", "/dead-letters/export.json"])
async def export_dead_letters(request: WebRequest, user: SignedIn) -> Stream:
    return await export(request, "dead-letters", COLUMNS, _rows(request.app.state.database, user.scope))


async def _rows(database: Database, scope: UUID | None) -> AsyncIterator[list[dict[str, Any]]]:
    async with database.read_replica() as session:
        groups = await list_groups(session, scope, MOST_EXPORTED)
    yield [
        msgspec.structs.asdict(group)
        | {"message": masked_text(group.message), "sample_title": masked_text(group.sample_title)}
        for group in groups
    ]


handlers = [show_dead_letters, export_dead_letters]
