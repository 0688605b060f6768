"""/resume: everything that stopped and can continue, by run."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from holdgate.core.db import Database, WriteSession
from holdgate.core.principal import Principal
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from tests.elements import elements
from tests.factories.approvals import principal
from tests.factories.bulk import finish
from tests.factories.people import Browser
from tests.factories.tasks import make_task
from tests.factories.workers import task_of


async def run_of(database: Database, by: Principal, n: int) -> tuple[UUID, list[UUID]]:
    async with database.write(by.actor) as session:
        run_id = await runs.start_run(session, by, "March", [TaskRequest(kind="test.nothing", payload={})] * n)
        found = await session.execute(select(Task.id).where(Task.run_id == run_id).order_by(Task.id))
        return run_id, list(found.scalars())


async def reject(session: WriteSession, ids: list[UUID]) -> None:
    lease, none = func.now() + timedelta(minutes=1), {"lease_expires_at": None}
    running = {"state": "running", "lease_expires_at": lease, "attempt": 1}
    rejected = {"state": "rejected", "finished_at": func.now()}
    for values in (running, none | {"state": "pending_approval"}, rejected):
        await session.execute(update(Task).where(Task.id.in_(ids)).values(**values))


async def test_what_can_be_resumed_is_listed_by_run_and_resumed_by_one_press(
    database: Database, member: Browser, ann: Principal
) -> None:
    other = await principal(database, "bob@example.org")
    paused, [waits] = await run_of(database, ann, 1)
    async with database.write(ann.actor) as session:
        await runs.act(session, ann, paused, RunVerb.PAUSE)
    cancelled, [over] = await run_of(database, ann, 1)
    async with database.write("system") as session:
        await reject(session, [over])
    async with database.write(ann.actor) as session:
        await runs.act(session, ann, cancelled, RunVerb.CANCEL)  # and so its tasks stay ended
    rejected = await make_task(database, TaskState.REJECTED, owner_id=ann.id)
    asks = await make_task(database, TaskState.NEEDS_INPUT, owner_id=ann.id)
    await make_task(database, TaskState.EXPIRED, owner_id=other.id)
    await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    page = await member.get("/resume")
    rows = {row["id"] for row in elements(page, "tr", id=True)}
    assert rows == {f"resume-{paused}-paused", f"resume-{rejected}", f"resume-{asks}"}
    assert elements(page, "a", href=f"/tasks/{asks}/question")
    assert (await member.send_form("/resume", {"run": str(paused), "state": "paused"})).status_code == 303
    assert (await task_of(database, waits)).state == "queued"
    assert (await member.send_form("/resume", {"run": "all"})).headers["location"].startswith("/bulk/")
    await finish(database)
    assert (await task_of(database, rejected)).state == "queued"
    assert (await member.send_form("/resume", {"run": "all", "state": "needs_input"})).status_code == 422
    assert {row["id"] for row in elements(await member.get("/resume"), "tr", id=True)} == {f"resume-{asks}"}


async def test_a_run_s_rejected_tasks_are_resumed_without_those_of_another(
    database: Database, member: Browser, ann: Principal
) -> None:
    one, ids = await run_of(database, ann, 2)
    _, others = await run_of(database, ann, 1)
    async with database.write("system") as session:
        await reject(session, [*ids, *others])
    sent = await member.send_form("/resume", {"run": str(one), "state": "rejected"})
    assert sent.status_code == 303
    await finish(database)
    assert {(await task_of(database, id)).state for id in ids} == {"queued"}
    assert (await task_of(database, others[0])).state == "rejected"
