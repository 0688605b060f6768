"""Which columns the list of tasks has in this browser, in a cookie: the server draws them, so nothing jumps."""

from collections.abc import Iterable

import msgspec
from litestar import Response, post

from holdgate.core.config import Settings
from holdgate.web.http.cookies import COLUMNS, drop_cookie, read_cookie, set_cookie
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.render import see_other

CREATED = "created"
A_YEAR = 365 * 24 * 3600  # seconds
LABELS = {
    "owner": "Owner",
    "queue": "Queue",
    "priority": "Priority",
    "attempts": "Attempts",
    "duration": "Duration",
    "deadline": "Deadline",
    CREATED: "Created",
}
USUAL = ("owner", "queue", "priority", "attempts", CREATED)
NONE = "none"


class ListColumn(msgspec.Struct, frozen=True):
    name: str
    label: str
    shown: bool


def columns_of(request: WebRequest) -> tuple[str, ...]:
    """Those that were chosen, in their order; the usual ones where nothing was."""
    said = read_cookie(request.app.state.settings, request.cookies, COLUMNS)
    return _known(said.split(".")) if said else USUAL


def with_column(shown: Iterable[str], name: str) -> tuple[str, ...]:
    """And the one that the list is sorted by."""
    return _known((*shown, name))


def choices(shown: Iterable[str], *, owners: bool) -> list[ListColumn]:
    """`owners`: whether there is anything to show in that column."""
    return [ListColumn(name, label, name in shown) for name, label in LABELS.items() if owners or name != "owner"]


def _known(names: Iterable[str]) -> tuple[str, ...]:
    chosen = set(names)
    return tuple(name for name in LABELS if name in chosen)


@post("/tasks/columns", include_in_schema=False)
async def choose_columns(request: WebRequest, user: SignedIn) -> Response[str]:
    form = await request.form()
    chosen = _known(str(name) for name in form.getall("column", []))
    if not user.is_admin:  # who sees no owners has not chosen against them
        chosen = _known((*chosen, "owner"))
    settings: Settings = request.app.state.settings
    value = ".".join(chosen) or NONE
    cookie = drop_cookie(settings, COLUMNS) if chosen == USUAL else set_cookie(settings, COLUMNS, value, max_age=A_YEAR)
    return see_other(request, "/tasks", "Columns saved for this browser.", cookies=[cookie])


handlers = [choose_columns]
