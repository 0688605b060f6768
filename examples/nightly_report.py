"""A report each night, kept as a file with its task; workers enqueue it by the calendar.

KINDS=nightly_report, with this folder as the working directory: the schedule is there when the next worker starts, and
is seen and paused at /schedules. Its owner is a person of the installation: holdgate user add boss@shop.example
"""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

from holdgate import Context, StoredArtifact, kind, resource, schedule

OWNER = "boss@shop.example"


@dataclass
class NightlyReport:
    shop: str = "main"


class Ledger:
    """Here it would be a pool of connections to the shop's own database."""

    async def refunds(self, shop: str) -> list[tuple[str, int]]:
        return [("A7", 1250), ("A9", 400)]


@resource
async def ledger() -> AsyncIterator[Ledger]:
    """Opened once when a worker starts, closed when it stops."""
    yield Ledger()


@kind("report.nightly", max_attempts=5)
async def nightly(ctx: Context, wanted: NightlyReport) -> StoredArtifact:
    """Write what the shop has paid back."""
    paid = await ctx.step("read", ctx.resource(ledger).refunds, wanted.shop)
    table = io.StringIO()
    csv.writer(table).writerows([("order", "cents"), *paid])
    return await ctx.artifact("refunds.csv", table.getvalue().encode(), "text/csv; charset=utf-8")


schedule("Nightly report", nightly, NightlyReport(), cron="0 3 * * *", zone="Europe/Berlin", owner=OWNER)
