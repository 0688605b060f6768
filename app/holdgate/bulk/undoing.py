"""Taking a bulk action back, by another one, where something leads back."""

from uuid import UUID

import msgspec

from holdgate.bulk import queries
from holdgate.bulk.errors import ActionNotFound, NoWayBack
from holdgate.bulk.models import BulkAction
from holdgate.bulk.service import start_bulk
from holdgate.bulk.states import OPEN, BulkVerb
from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.states import TaskState


class UndoPlan(msgspec.Struct, frozen=True):
    """The bulk action that takes another one back as far as it can be."""

    verb: BulkVerb
    wanted: TaskFilter
    priority: int | None = None


async def undo_of(session: Session, action: BulkAction) -> UndoPlan | None:
    """Only what leads back: a retry cannot be undone once a worker has begun, nor a resolution but by a retry."""
    if action.state in OPEN or not action.done:
        return None
    if action.verb == BulkVerb.CANCEL:
        return UndoPlan(BulkVerb.RETRY, TaskFilter(bulk=action.id, states=(TaskState.CANCELLED.value,)))
    if action.verb == BulkVerb.PRIORITISE:
        before = await queries.priority_before(session, action.id)
        if before is not None and before != action.priority:
            return UndoPlan(BulkVerb.PRIORITISE, TaskFilter(bulk=action.id), before)
    return None


async def undo(session: WriteSession, by: Principal, action_id: UUID) -> UUID:
    """Begin the action that takes this one back. Returns its id. Raises ActionNotFound, NoWayBack, NothingMatches."""
    action = await queries.find_action(session, action_id, by.scope)
    if action is None:
        raise ActionNotFound
    back = await undo_of(session, action)
    if back is None:
        raise NoWayBack
    return await start_bulk(session, by, back.verb, back.wanted, priority=back.priority, expected=action.done)
