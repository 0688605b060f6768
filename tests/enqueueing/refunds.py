"""What becomes of the refunds that an example has enqueued."""

from pathlib import Path

from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.testing import KindTester

EXAMPLES = Path(__file__).parents[2] / "examples"


async def agreed(database: Database, settings: Settings) -> list[str]:
    """Two people approve what was enqueued; the state and the result of each task."""
    async with database.read() as session:
        tasks = list((await session.execute(text("SELECT id FROM tasks WHERE kind = 'refund.pay'"))).scalars())
    found = []
    async with KindTester(database, settings) as tester:
        for task in tasks:
            assert await tester.run(task) == "pending_approval"
            await tester.approve(task, by="ann@shop.example")
            await tester.approve(task, by="bob@shop.example")
            found.append(f"{await tester.finish(task)} {(await tester.result(task))['cents']}")
    return found
