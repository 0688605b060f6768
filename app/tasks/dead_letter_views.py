"""/dead-letters: what died of the same error, together."""

import msgspec
from litestar import Response, get

from app.stats import queries as stats
from app.tasks.dead_letters import Group, list_groups
from app.tasks.states import RESOLVED, TaskState
from app.web.guards import SignedIn
from app.web.render import render
from app.web.request import WebRequest
from app.web.sessions import Read

MOST_GROUPS = 200


class DeadLetters(msgspec.Struct, frozen=True, kw_only=True):
    """The groups and how many dead letters are open; `unnamed` of them are in no group yet. `resolved` are not open."""

    groups: list[Group]
    open: int
    resolved: int
    more: bool

    @property
    def unnamed(self) -> int:
        return 0 if self.more else max(0, self.open - sum(group.n for group in self.groups))


@get("/dead-letters")
async def show_dead_letters(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    groups = await list_groups(read, user.scope, MOST_GROUPS + 1)
    counts = await stats.counts_by_state(read, user.scope)
    view = DeadLetters(
        groups=groups[:MOST_GROUPS],
        open=counts.get(TaskState.DEAD_LETTER, 0),
        resolved=counts.get(RESOLVED, 0),
        more=len(groups) > MOST_GROUPS,
    )
    return await render(
        request, "tasks/dead_letters.html", view, nav="dead-letters", fragment="tasks/_dead_letters.html"
    )


handlers = [show_dead_letters]
