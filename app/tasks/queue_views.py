"""/queues: how each stands; administrators pause and resume."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from app.core.errors import NotFound
from app.stats import minutes
from app.stats import queries as stats
from app.stats.figures import by_queue
from app.tasks import queues, reads
from app.tasks.models import QueueEvent
from app.tasks.queues import QueueLine, QueueVerb
from app.tasks.states import TaskState
from app.web.guards import SignedIn, admin_only
from app.web.render import render, see_other
from app.web.request import WebRequest
from app.web.sessions import Read, Write

DONE = [TaskState.SUCCEEDED.value, TaskState.DEAD_LETTER.value]


class QueuesPage(msgspec.Struct, frozen=True):
    """`done`: queue → how many tasks succeeded or died in each minute of the last hour."""

    queues: list[QueueLine]
    events: list[QueueEvent]
    may_pause: bool
    done: dict[str, list[int]]


@get("/queues")
async def show_queues(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    view = QueuesPage(
        await queues.standing(read, await stats.counts_by_queue(read, user.scope), await reads.list_workers(read)),
        await queues.latest_events(read) if user.is_admin else [],
        user.is_admin,
        by_queue(await minutes.outcomes_in(read, minutes.PERIODS["hour"], user.scope, DONE)),
    )
    return await render(request, "tasks/queues.html", view, nav="queues", fragment="tasks/_queues.html")


SAID = {
    (QueueVerb.PAUSE, True): "The queue is paused. What is running ends; nothing new starts.",
    (QueueVerb.PAUSE, False): "The queue was paused already.",
    (QueueVerb.RESUME, True): "The queue goes on.",
    (QueueVerb.RESUME, False): "The queue was not paused.",
}


@post("/queues/{name:str}/{verb:str}", guards=[admin_only])
async def act_on_queue(
    request: WebRequest, user: SignedIn, write: Write, name: FromPath[str], verb: FromPath[str]
) -> Response[Any]:
    if verb not in set(QueueVerb):
        raise NotFound(f"A queue cannot be told to {verb!r}.")
    chosen = QueueVerb(verb)
    changed = await queues.act(write, user, name, chosen)
    return see_other(request, "/queues", SAID[chosen, changed])


handlers = [show_queues, act_on_queue]
