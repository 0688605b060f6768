"""Whether all of it holds, by statements of its own and by what the world outside has seen.

Each check answers with a sentence for everything that is not so. What is lost and what is doubled is counted.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from tests.chaos.campaign import doubled, lost, wrong
from tests.chaos.campaign.installation import Installation

Check = Callable[[Installation], Awaitable[list[str]]]
FIGURES = {
    "tasks": "SELECT count(*)::int FROM tasks",
    "attempts": "SELECT sum(attempt)::int FROM tasks",
    "attempts taken over": "SELECT count(*)::int FROM task_events WHERE verb = 'requeue'",
    "decisions": "SELECT count(*)::int FROM approval_votes",
    "webhooks": "SELECT count(*)::int FROM webhook_deliveries",
}


@dataclass
class Found:
    problems: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    figures: dict[str, int] = field(default_factory=dict)


async def check(of: Installation) -> Found:
    found = Found()
    found.lost = await _tell(of, lost.CHECKS, found)
    found.doubled = await _tell(of, doubled.CHECKS, found)
    await _tell(of, wrong.CHECKS, found)
    for what, statement in FIGURES.items():
        found.figures[what] = (await of.sql(statement))[0][0]
    found.figures["emails"] = len(of.record.mails())
    found.figures["applications sent"] = len({one.name for one in of.record.applications()})
    return found


async def _tell(of: Installation, checks: Iterable[Check], found: Found) -> int:
    before = len(found.problems)
    for one in checks:
        found.problems += await one(of)
    return len(found.problems) - before
