"""/dead-letters: the errors that tasks failed with for good, each with all of its tasks."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from holdgate.core.db import Database, Session
from holdgate.core.text.masking import masked_text
from holdgate.stats import counts as stats
from holdgate.tasks.failures.groups import FailureGroup, list_groups
from holdgate.tasks.search import lists
from holdgate.tasks.states import RESOLVED, TaskState
from holdgate.web.downloads import export
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

MOST_GROUPS = 200
MOST_EXPORTED = 10_000
COLUMNS = FailureGroup.__struct_fields__
WINDOWS = {"": None, "1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7)}


class ErrorRow(msgspec.Struct, frozen=True, kw_only=True):
    """The failed tasks of one error, in whatever kinds. `newest` is the group of the kind that had it last."""

    digest: str
    kinds: list[str]
    n: int
    first_at: datetime | None
    last_at: datetime | None
    newest: FailureGroup


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """The errors that fit what is searched, and how many failed tasks are open. `unnamed` of them are in no group yet.
    `resolved` are not open."""

    groups: list[ErrorRow]
    open: int
    resolved: int
    more: bool
    unnamed: int
    q: str = ""
    sort: str = "count"
    since: str = ""

    @property
    def filtered(self) -> bool:
        return bool(self.q or self.since)


async def dead_letters(
    session: Session, scope: UUID | None, *, q: str = "", sort: str = "count", since: str = ""
) -> DeadLetters:
    """`scope`: whose; None is everybody's."""
    groups = await list_groups(session, scope, MOST_GROUPS + 1)
    counts = await stats.counts_by_state(session, scope)
    found = counts.get(TaskState.DEAD_LETTER, 0)
    more = len(groups) > MOST_GROUPS
    rows = merged(groups[:MOST_GROUPS])
    if window := WINDOWS.get(since):
        begin = await lists.time_now(session) - window
        rows = [row for row in rows if row.last_at and row.last_at >= begin]
    words = q.casefold().split()
    rows = [row for row in rows if all(word in _text(row) for word in words)]
    return DeadLetters(
        groups=sorted(rows, key=_KEYS.get(sort, _KEYS["count"]), reverse=True),
        open=found,
        resolved=counts.get(RESOLVED, 0),
        more=more,
        unnamed=0 if more else max(0, found - sum(group.n for group in groups)),
        q=q,
        sort=sort if sort in _KEYS else "count",
        since=since if since in WINDOWS else "",
    )


_NEVER = datetime.min.replace(tzinfo=UTC)
_KEYS: dict[str, Callable[[ErrorRow], Any]] = {
    "count": lambda row: (row.n, row.digest),
    "last": lambda row: (row.last_at or _NEVER, row.digest),
    "first": lambda row: (row.first_at or _NEVER, row.digest),
}


def _text(row: ErrorRow) -> str:
    return f"{row.newest.error_type} {row.newest.message} {' '.join(row.kinds)}".casefold()


def merged(groups: Sequence[FailureGroup]) -> list[ErrorRow]:
    """The same error of several kinds is one: the part behind the kind says which."""
    by_digest: dict[str, list[FailureGroup]] = {}
    for group in groups:
        by_digest.setdefault(group.fingerprint.rpartition(":")[2], []).append(group)
    return [
        ErrorRow(
            digest=digest,
            kinds=sorted({group.kind for group in same}),
            n=sum(group.n for group in same),
            first_at=min((group.first_at for group in same if group.first_at), default=None),
            last_at=max((group.last_at for group in same if group.last_at), default=None),
            newest=max(same, key=lambda group: (group.last_at or _NEVER, group.fingerprint)),
        )
        for digest, same in by_digest.items()
    ]


@get("/dead-letters")
async def show_dead_letters(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    q: Annotated[str, QueryParameter(max_length=200)] = "",
    sort: FromQuery[str] = "count",
    since: FromQuery[str] = "",
) -> Response[str]:
    view = await dead_letters(read, user.scope, q=q.strip(), sort=sort, since=since)
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
