"""A handler that catches what ends its attempt has no effect any more, and its outcome is nobody's."""

import pytest
from sqlalchemy import select, text

from holdgate.approvals.models import Approval
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.testing import KindTester
from tests.runtime.kinds import ran

EFFECTS = 9  # that `test.swallows` tries


@pytest.mark.parametrize(
    ("what", "state", "ended"),
    [
        ("approval", "pending_approval", "Held"),
        ("fails", "pending_approval", "Held"),
        ("gather", "pending_approval", "Held"),
        ("sleep", "scheduled", "Asleep"),
    ],
)
async def test_once_it_is_held_or_asleep_every_further_effect_of_that_attempt_is_refused(
    database: Database, settings: Settings, what: str, state: str, ended: str
) -> None:
    name = f"swallowed-{what}"
    async with KindTester(database, settings) as tester:
        owner_id = await tester.person()
        task_id = await tester.enqueue("test.swallows", {"name": f"{what}.{name}"}, owner_id=owner_id)
        assert await tester.run(task_id) == state
        task = await tester.task(task_id)
        assert (task.result, task.failures, task.progress) == (None, 0, None)
        assert set(await tester.steps(task_id)) <= {"nap"}
    assert ran[f"{name}.{ended}"] == EFFECTS
    assert (ran[f"{name}.paid"], ran[f"{name}.thread"]) == (0, 0)
    async with database.read() as session:
        asked = (await session.execute(select(Approval.step).where(Approval.task_id == task_id))).scalars().all()
        assert list(asked) == ([] if what == "sleep" else ["go"])
        assert await session.scalar(text("SELECT count(*) FROM users WHERE email LIKE 'swallowed%'")) == 0
        assert await session.scalar(text("SELECT count(*) FROM artifacts")) == 0
