"""Whom runs wait for, and how many. Runs know nothing of approval requests: a feature that does has a counter."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.feature import parts
from holdgate.tasks.states import HOLDS

# So many tasks that wait for people are looked at for one page; the runs beyond say how many tasks wait instead.
MOST = 500

# Counts the different people that each of these runs waits for.
Counter = Callable[[AsyncSession, Sequence[UUID]], Awaitable[dict[UUID, int]]]


class WaitedFor(msgspec.Struct, frozen=True):
    """Somebody whom `n` tasks of a run wait for. `asked`: as an approver, who may be reminded."""

    email: str
    n: int
    asked: bool


# Names them.
Namer = Callable[[AsyncSession, UUID], Awaitable[list[WaitedFor]]]


async def who_of(session: AsyncSession, run: UUID) -> list[WaitedFor]:
    namers: Sequence[Namer] = parts("waited_for")
    return [each for name in namers for each in await name(session, run)]


async def people_of(session: AsyncSession, counts: Mapping[UUID, Mapping[str, int]]) -> dict[UUID, int]:
    """Of the runs with these counts by state, those that wait for somebody and are small enough to look at."""
    waiting = {run: sum(states.get(hold, 0) for hold in HOLDS) for run, states in counts.items()}
    chosen: list[UUID] = []
    left = MOST
    for run, n in sorted(waiting.items(), key=lambda each: each[1]):
        if 0 < n <= left:
            chosen.append(run)
            left -= n
    found: dict[UUID, int] = {}
    counters: Sequence[Counter] = parts("people_waiting") if chosen else ()
    for count in counters:
        found |= await count(session, chosen)
    return found
