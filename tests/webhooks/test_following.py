"""What happens becomes deliveries: once, to whom it concerns, and never about deliveries themselves."""

import asyncio

import pytest
from sqlalchemy import text

from holdgate.approvals.requests import deciding
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runs import event_consumer as run_following
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb
from holdgate.webhooks import event_consumer, service
from holdgate.webhooks.events import OF_RUN, OF_STATE, TYPES
from tests.factories.approvals import approve, principal, put_question
from tests.factories.stats import all_final
from tests.factories.tasks import make_task
from tests.factories.webhooks import deliveries, follow, make_endpoint

URL = "http://127.0.0.1:9/hook"


async def test_the_events_of_ones_tasks_become_deliveries_once(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL)
    asked = await put_question(database, settings)
    async with database.write("recipient:x") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")
    async with database.write("user:x") as session:
        await move_tasks(session, TaskVerb.CANCEL, Task.id == asked.task_id, reason="No more need.")
    await follow(database, settings)
    await follow(database, settings)
    found = await deliveries(database)
    assert [type for type, _ in found] == [
        "task.held",
        "approval.requested",
        "approval.approved",
        "task.cancelled",
    ]
    assert found[0][1]["state"] == "pending_approval"
    assert found[0][1]["id"] == str(asked.task_id)
    assert found[0][1]["url"] == f"{settings.base_url}/tasks/{asked.task_id}"
    for _, data in found[1:3]:
        assert data["id"] == str(asked.approval_id)
        assert data["task"]["id"] == str(asked.task_id)
    assert (found[1][1]["state"], found[2][1]["state"]) == ("pending", "approved")
    assert found[3][1]["reason"] == "No more need."


async def test_a_rejected_expired_or_withdrawn_approval_is_told_as_that(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL, "approval.rejected", "approval.expired", "approval.cancelled")
    for verb in (TaskVerb.REJECT, TaskVerb.EXPIRE, TaskVerb.CANCEL, TaskVerb.BURY):
        asked = await put_question(database, settings)
        async with database.write("user:x") as session:
            await move_tasks(session, verb, Task.id == asked.task_id)
    await follow(database, settings)
    assert [type.removeprefix("approval.") for type, _ in await deliveries(database)] == [
        "rejected",
        "expired",
        "cancelled",
        "cancelled",
    ]


async def test_what_happens_to_a_run_is_told_with_its_counts(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL, *OF_RUN)
    async with database.write(ann.actor) as session:
        requests = [TaskRequest(kind="test.steps", payload={"name": "x"})] * 2
        run_id = await runs.start_run(session, ann, "A run", requests)
    for verb in RunVerb:
        async with database.write(ann.actor) as session:
            await runs.act(session, ann, run_id, verb)
    await all_final(database)
    async with database.write("system") as session:
        await run_following.follow_log(session)
    await follow(database, settings)
    found = await deliveries(database)
    assert [type for type, _ in found] == ["run.started", "run.paused", "run.resumed", "run.cancelled", "run.finished"]
    assert found[-1][1] == {
        "id": str(run_id),
        "name": "A run",
        "state": "cancelled",
        "tasks": {"cancelled": 2},
        "url": f"{settings.base_url}/runs/{run_id}",
    }


async def test_an_endpoint_is_told_about_its_owners_tasks_only_unless_an_administrator_chose_all(
    database: Database, settings: Settings
) -> None:
    ann, eve = await principal(database), await principal(database, "eve@example.org")
    root = await principal(database, "root@example.org", admin=True)
    mine, _ = await make_endpoint(database, settings, ann, URL)
    all_of_them, _ = await make_endpoint(database, settings, root, URL, everyone=True)
    roots_own, _ = await make_endpoint(database, settings, root, URL)
    await end_a_task(database, ann.id)
    await end_a_task(database, eve.id)
    await follow(database, settings)
    assert await told_ids(database) == sorted([mine, all_of_them, all_of_them])
    async with database.write("system") as session:
        await session.execute(text("UPDATE users SET role = 'member' WHERE id = :id"), {"id": root.id})
    await end_a_task(database, eve.id)
    await end_a_task(database, root.id)
    await follow(database, settings)
    assert await told_ids(database) == sorted([mine] + [all_of_them] * 3 + [roots_own])


async def end_a_task(database: Database, owner_id: object) -> None:
    async with database.write("user:x") as session:
        request = TaskRequest(kind="test.steps", payload={"name": "x"}, owner_id=owner_id)  # type: ignore[arg-type]
        await enqueue(session, request)
        await move_tasks(session, TaskVerb.CANCEL, Task.state == "queued")


async def told_ids(database: Database) -> list[object]:
    async with database.read() as session:
        return sorted((await session.execute(text("SELECT endpoint_id FROM webhook_deliveries"))).scalars())


async def test_nothing_is_told_of_internal_tasks_so_webhooks_make_no_webhooks(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    endpoint, _ = await make_endpoint(database, settings, ann, URL)
    async with database.write(ann.actor) as session:
        await service.ping(session, ann, endpoint)
    await put_question(database, settings)  # mails, too
    async with database.write("system") as session:
        await move_tasks(session, TaskVerb.BURY, Task.kind.in_(["webhook.deliver", "email.send"]))
    await follow(database, settings)
    assert [type for type, _ in await deliveries(database)] == ["ping", "task.held", "approval.requested"]


async def test_two_sweepers_at_once_make_every_delivery_once(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL)
    for _ in range(20):
        await end_a_task(database, ann.id)
    await all_final(database)
    barrier = asyncio.Barrier(4)

    async def sweep() -> None:
        async with database.write("system") as session:
            await session.execute(text("SELECT 1"))
            await barrier.wait()
            await event_consumer.follow_log(session, settings)

    await asyncio.gather(*(sweep() for _ in range(4)))
    assert len(await deliveries(database)) == 20


async def test_a_follower_that_dies_before_its_commit_neither_loses_nor_doubles(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL)
    await end_a_task(database, ann.id)
    await all_final(database)
    with pytest.raises(ConnectionError):
        async with database.write("system") as session:
            await event_consumer.follow_log(session, settings)
            raise ConnectionError
    assert await deliveries(database) == []
    await follow(database, settings)
    assert len(await deliveries(database)) == 1


async def test_a_transaction_still_open_is_told_later_not_lost(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL)
    async with database.write("user:x") as slow:
        request = TaskRequest(kind="test.steps", payload={"name": "x"}, owner_id=ann.id)
        task_id = await enqueue(slow, request)
        await move_tasks(slow, TaskVerb.CANCEL, Task.id == task_id)
        await end_a_task(database, ann.id)
        async with database.write("system") as session:
            await event_consumer.follow_log(session, settings)
        # The later one waits for the horizon, too: nothing is read twice and nothing is jumped over.
        assert await deliveries(database) == []
    await follow(database, settings)
    assert len(await deliveries(database)) == 2


async def test_many_events_are_read_in_bounded_windows(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_consumer, "MOST", 5)
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL)
    for _ in range(8):
        await end_a_task(database, ann.id)
    await all_final(database)
    seen = []
    for _ in range(6):
        async with database.write("system") as session:
            await event_consumer.follow_log(session, settings)
        seen.append(len(await deliveries(database)))
    assert seen[0] < 4
    assert seen[-1] == 8


async def test_what_happened_while_no_endpoint_listened_is_not_told_later(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    endpoint, _ = await make_endpoint(database, settings, ann, URL)
    async with database.write(ann.actor) as session:
        await service.disable(session, ann, endpoint)
    await end_a_task(database, ann.id)
    await follow(database, settings)
    async with database.write(ann.actor) as session:
        await service.enable(session, ann, endpoint)
    await follow(database, settings)
    assert await deliveries(database) == []


async def test_secrets_in_titles_and_reasons_are_hidden(database: Database, settings: Settings) -> None:
    ann = await principal(database)
    await make_endpoint(database, settings, ann, URL)
    async with database.write("user:x") as session:
        title = "Fetch https://u:pass@x.example/?token=abcdef"
        request = TaskRequest(kind="test.steps", payload={"name": "a-payload-secret"}, owner_id=ann.id, title=title)
        task_id = await enqueue(session, request)
        reason = "It said Bearer abcdefghijklmnop"
        await move_tasks(session, TaskVerb.BURY, Task.id == task_id, reason=reason)
    await follow(database, settings)
    [(_, data)] = await deliveries(database)
    for secret in ("pass@", "abcdef", "a-payload-secret"):
        assert secret not in str(data)


async def test_every_event_a_machine_can_make_can_be_chosen(database: Database) -> None:
    assert set(OF_STATE) <= set(TaskState)
    quiet = {TaskState.QUEUED, TaskState.SCHEDULED, TaskState.RUNNING, TaskState.PAUSED}
    assert set(OF_STATE) == {target for _, target, _ in TASK_MACHINE.edges()} - quiet
    assert len(set(TYPES)) == len(TYPES)
    await make_task(database)
