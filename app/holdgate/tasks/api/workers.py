"""Worker processes for programs: which there are, and what each is doing."""

from typing import Any
from uuid import UUID

import msgspec

from holdgate.api.routes import get
from holdgate.core.db import ReadSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.pages.workers import doing
from holdgate.tasks.schemas import Moment
from holdgate.tasks.search import lists
from holdgate.tasks.search.lists import LivingWorker


class Doing(msgspec.Struct, frozen=True):
    """A task in a worker's hand, since `claimed_at`."""

    id: UUID
    title: str
    kind: str
    claimed_at: Moment | None


class WorkerItem(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process. `state` is `online`, `draining`, or `lost` when it has not been seen for 30 seconds.

    `queues`: how many tasks of each it takes at once. `memory` in bytes, `cpu` of one core. `doing`: the tasks it has
    had for longest, five at most, of those one may see.
    """

    id: UUID
    host: str
    pid: int
    state: str
    queues: dict[str, Any]
    kinds: list[str] | None
    in_hand: int
    started_at: Moment
    seen_at: Moment
    version: str | None
    memory: int | None
    cpu: float | None
    doing: list[Doing]


class WorkerList(msgspec.Struct, frozen=True):
    items: list[WorkerItem]


@get("/workers", scope=Scope.TASKS_READ, tag="Catalogue", summary="List workers")
async def list_workers(user: Principal, read: ReadSession) -> WorkerList:
    """Those that are there or were until lately, in the order they started."""
    tasks = await doing(read, user.scope)
    items = [_item(each, tasks.get(each.worker.id, [])) for each in await lists.list_workers(read)]
    return WorkerList(items)


_SAME = [name for name in WorkerItem.__struct_fields__ if name not in ("state", "doing")]


def _item(living: LivingWorker, tasks: list[Any]) -> WorkerItem:
    return WorkerItem(
        **{name: getattr(living.worker, name) for name in _SAME},
        state=living.state,
        doing=[Doing(task.id, task.title, task.kind, task.claimed_at) for task in tasks],
    )


handlers = [list_workers]
