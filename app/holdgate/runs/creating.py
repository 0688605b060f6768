"""Tasks that a person asks for, each alone or into one of their runs."""

from collections.abc import Sequence
from uuid import UUID

from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.runs import service as runs
from holdgate.tasks import service as tasks
from holdgate.tasks.service import TaskRequest


async def submit(session: WriteSession, by: Principal, request: TaskRequest) -> UUID:
    """Raises as `runs.add_tasks` and `tasks.submit` do."""
    if request.run_id is None:
        return await tasks.submit(session, by, request)
    return (await runs.add_tasks(session, by, request.run_id, [request]))[0]


async def submit_many(session: WriteSession, by: Principal, requests: Sequence[TaskRequest]) -> list[UUID]:
    """All of them or none, in one transaction. Returns their ids in the order given; raises as `submit` does."""
    tasks.check_asked(requests)
    places: dict[UUID | None, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(request.run_id, []).append(place)
    found: dict[int, UUID] = {}
    # In the order of their ids: runs are locked.
    for run_id in sorted(places, key=str):
        chosen = [requests[place] for place in places[run_id]]
        if run_id is None:
            made = await tasks.submit_many(session, by, chosen)
        else:
            made = await runs.add_tasks(session, by, run_id, chosen)
        found.update(zip(places[run_id], made, strict=True))
    return [found[place] for place in range(len(requests))]
