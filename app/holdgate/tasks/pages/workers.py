"""GET /workers: the processes that execute tasks, what each is doing now, and which tasks nobody serves."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.stats import counts as stats
from holdgate.tasks.models import Task
from holdgate.tasks.queue import orphans as orphan_queries
from holdgate.tasks.queue.orphans import OrphanLine
from holdgate.tasks.search import lists
from holdgate.tasks.search.lists import LivingWorker
from holdgate.tasks.states import TaskState
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

SHOWN = 5  # tasks of one worker


class WorkersPage(msgspec.Struct, frozen=True, kw_only=True):
    """`doing`: worker → the tasks it has had for longest, of those this person may see."""

    workers: list[LivingWorker]
    doing: dict[UUID, list[Any]]
    orphans: list[OrphanLine]
    unserved: list[str]


@get("/workers")
async def show_workers(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    workers = await lists.list_workers(read)
    by_kind = await stats.counts_by_kind(read, user.scope)
    served = {queue for each in workers if each.state != "lost" for queue in each.worker.queues}
    waiting = {queue for (queue, _), states in by_kind.items() if states.get(TaskState.QUEUED)}
    view = WorkersPage(
        workers=workers,
        doing=await doing(read, user.scope),
        orphans=orphan_queries.orphans(by_kind, workers),
        unserved=sorted(waiting - served),
    )
    return await render(request, "tasks/workers.html", view, nav="workers", fragment="tasks/_workers.html")


async def doing(session: AsyncSession, scope: UUID | None) -> dict[UUID, list[Any]]:
    """Worker → id, title, kind and claimed_at of the tasks it has had for longest. One look at what runs."""
    place = func.row_number().over(partition_by=Task.worker_id, order_by=(Task.claimed_at, Task.id)).label("place")
    running = (
        select(Task.worker_id, Task.id, Task.title, Task.kind, Task.claimed_at, place)
        .where(Task.state == TaskState.RUNNING, Task.worker_id.is_not(None), lists.mine(scope))
        .subquery()
    )
    rows = await session.execute(select(running).where(running.c.place <= SHOWN).order_by(running.c.place))
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row.worker_id, []).append(row)
    return found


handlers = [show_workers]
