"""Tasks that a person asks for, each alone or into one of their runs, which take them in as they declare (`intake`)."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.feature import parts
from holdgate.tasks import service
from holdgate.tasks.service import TaskRequest

# Into the run with this id, as its owner may.
Intake = Callable[[WriteSession, Principal, UUID, Sequence[TaskRequest]], Awaitable[list[UUID]]]


async def submit(session: WriteSession, by: Principal, request: TaskRequest) -> UUID:
    """Raises as `service.submit` and the run's intake do: RunNotFound, RunRefuses."""
    if request.run_id is None:
        return await service.submit(session, by, request)
    return (await _intake()(session, by, request.run_id, [request]))[0]


async def submit_many(session: WriteSession, by: Principal, requests: Sequence[TaskRequest]) -> list[UUID]:
    """All of them or none, in one transaction. Returns their ids in the order given; raises as `submit` does."""
    service.check_asked(requests)
    places: dict[UUID | None, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(request.run_id, []).append(place)
    found: dict[int, UUID] = {}
    # In the order of their ids: runs are locked.
    for run_id in sorted(places, key=str):
        chosen = [requests[place] for place in places[run_id]]
        if run_id is None:
            made = await service.submit_many(session, by, chosen)
        else:
            made = await _intake()(session, by, run_id, chosen)
        found.update(zip(places[run_id], made, strict=True))
    return [found[place] for place in range(len(requests))]


def _intake() -> Intake:
    found: Intake
    [found] = parts("intake")
    return found
