"""For programs of administrators: the limits of kinds, and pausing queues."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec

from holdgate.api.routes import get, post
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import Forbidden
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks import queues
from holdgate.tasks.kinds import MOST_AT_ONCE, Rate, all_kinds
from holdgate.tasks.queue import limits
from holdgate.tasks.queue.limits import KindLimits
from holdgate.tasks.queue.models import KindLimit
from holdgate.tasks.queues import QueueVerb

TAG = "Catalogue"


class RateItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `count` starts within `seconds`, on average."""

    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)]
    seconds: Annotated[float, msgspec.Meta(ge=0.001, le=31_536_000)]


class NewLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall hold; null is no limit. `as_declared`: what the kind's author declares, and nothing else."""

    concurrency: Annotated[int, msgspec.Meta(ge=0, le=MOST_AT_ONCE)] | None = None
    rate: RateItem | None = None
    as_declared: bool = False


class LimitItem(msgspec.Struct, frozen=True, kw_only=True):
    """What limits a kind over all workers. `set_by`: who set it; null when it is as declared."""

    kind: str
    concurrency: int | None
    rate: RateItem | None
    set_by: str | None


class LimitList(msgspec.Struct, frozen=True):
    items: list[LimitItem]


class QueueMoved(msgspec.Struct, frozen=True):
    """`changed`: false when it was so already."""

    name: str
    paused: bool
    changed: bool


@get("/limits", scope=Scope.ADMIN, tag=TAG, summary="List the limits of kinds")
async def list_limits(user: Principal, read: ReadSession) -> LimitList:
    """Every kind, limited or not."""
    _only_for_admins(user)
    rows = await limits.all_limits(read)
    names = sorted({*rows, *(kind.name for kind in all_kinds())})
    return LimitList([_item(name, rows.get(name)) for name in names])


@post(
    "/limits/{kind:str}",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Set the limits of a kind",
    example={"concurrency": 5, "rate": {"count": 60, "seconds": 60}},
)
async def set_limits(session: WriteSession, by: Principal, wanted: NewLimits, kind: str) -> LimitItem:
    """All of them at once; they hold within seconds, and what runs goes on."""
    _only_for_admins(by)
    rate = Rate(wanted.rate.count, timedelta(seconds=wanted.rate.seconds)) if wanted.rate else None
    await limits.set_limits(session, by, kind, None if wanted.as_declared else KindLimits(wanted.concurrency, rate))
    return _item(kind, await limits.find_limit(session, kind))


def _item(kind: str, row: KindLimit | None) -> LimitItem:
    found = limits.limits_of(row) if row else KindLimits()
    rate = RateItem(found.rate.count, found.rate.per.total_seconds()) if found.rate else None
    return LimitItem(kind=kind, concurrency=found.concurrency, rate=rate, set_by=row.set_by if row else None)


def _only_for_admins(user: Principal) -> None:
    """A token keeps its scope when its person ceases to be one."""
    if not user.is_admin:
        raise Forbidden("Only administrators may do this.")


def _verb(verb: QueueVerb, summary: str) -> Any:
    @post(f"/queues/{{name:str}}/{verb.value}", scope=Scope.ADMIN, tag=TAG, summary=summary, name=f"{verb.value}_queue")
    async def act(session: WriteSession, by: Principal, name: str) -> QueueMoved:
        _only_for_admins(by)
        changed = await queues.act(session, by, name, verb)
        return QueueMoved(name, verb is QueueVerb.PAUSE, changed)

    return act


handlers = [
    list_limits,
    set_limits,
    _verb(QueueVerb.PAUSE, "Pause a queue"),
    _verb(QueueVerb.RESUME, "Resume a paused queue"),
]
