"""The metrics there are, for what watches them: alerts, dashboards, the reference."""

from sqlalchemy import text

from holdgate.approvals.figures import queries as figures
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.telemetry import metrics
from holdgate.runtime import workers
from holdgate.tasks.pages.metrics import standing
from tests.factories.tasks import make_task

# A worker's own gauge, read at each look.
READ_IN_WORKERS = {
    "holdgate_worker_in_hand": frozenset[str](),
    "holdgate_worker_calls": frozenset({"pool", "state"}),
    "holdgate_worker_blocked_seconds": frozenset[str](),
}


async def known(database: Database) -> dict[str, frozenset[str]]:
    """Sample name → its labels, of what web and worker processes tell."""
    await make_task(database)
    async with database.write("system") as session:
        await session.execute(
            text(
                "INSERT INTO answer_notes (kind, group_name, event, person, seconds)"
                " VALUES ('k', '', 'decided', 'a@b.c', 1)"
            )
        )
        await figures.fold(session, people=False)
        await workers.beat(session, uuid7(), "h", 1, {"default": 1}, 0, False, None, 1.0)
    metrics.observe_request("GET", "/", 200, 0.1)
    metrics.observe_try("default", "k", "succeeded", 0.1)
    metrics.observe_claims("default", 1)
    metrics.RINGS.labels("sent").inc()
    async with database.read() as session:
        families = [*metrics.PROCESS.collect(), *await standing(session)]
    found = {sample.name: frozenset(sample.labels) for family in families for sample in family.samples}
    return {**found, **READ_IN_WORKERS, "holdgate_database_up": frozenset()}
