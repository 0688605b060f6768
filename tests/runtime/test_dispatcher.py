"""What a worker does with tasks, in this process, against the real queue."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from holdgate import worker
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.revisions import head
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.tasks import kinds
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves, steps
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskVerb
from tests.factories.tasks import make_task, put
from tests.factories.workers import task_of, until, until_state, verbs_of, working
from tests.runtime.kinds import gates, open_gate, ran


async def test_a_finished_step_is_passed_over_when_the_handler_runs_again(
    database: Database, settings: Settings
) -> None:
    task_id = await put(database, "test.steps", "passing-over")
    async with working(database, settings):
        task = await until_state(database, task_id, "succeeded")
    assert task.result == ["passing-over.first", "passing-over.third"]
    assert (ran["passing-over.first"], ran["passing-over.second"], ran["passing-over.third"]) == (1, 2, 1)
    assert task.failures == 1
    assert await verbs_of(database, task_id) == ["enqueue", "claim", "retry_later", "promote", "claim", "succeed"]


async def test_a_task_whose_tries_are_used_up_goes_to_the_dead_letters_with_its_error(
    database: Database, settings: Settings
) -> None:
    task_id = await put(database, "test.fails", "fails")
    async with working(database, settings):
        task = await until_state(database, task_id, "dead_letter")
    assert ran["fails"] == 3
    assert task.failures == 3
    assert task.error is not None
    assert task.error["type"] == "RuntimeError"
    assert "it never works" in task.error["traceback"]
    assert task.error["line"]["code"].startswith("raise RuntimeError(")


async def test_a_permanent_error_buries_at_once(database: Database, settings: Settings) -> None:
    task_id = await put(database, "test.permanent", "permanent")
    async with working(database, settings):
        task = await until_state(database, task_id, "dead_letter")
    assert ran["permanent"] == 1
    assert task.reason == "no use trying"


async def test_a_try_that_takes_too_long_has_failed(database: Database, settings: Settings) -> None:
    task_id = await put(database, "test.slow", "slow")
    async with working(database, settings):
        task = await until_state(database, task_id, "dead_letter")
    assert task.reason is not None
    assert "longer than 0.03 seconds" in task.reason


async def test_a_payload_that_does_not_fit_any_more_is_buried_not_tried(database: Database, settings: Settings) -> None:
    task_id = await put(database, "test.steps", "misfit")
    async with database.write("system") as session:
        task = await session.get_one(Task, task_id)
        task.payload = {"other": 1}
    async with working(database, settings):
        task = await until_state(database, task_id, "dead_letter")
    assert task.attempt == 1
    assert task.reason == "Invalid payload for test.steps: Object contains unknown field `other`."


async def test_a_kind_this_worker_does_not_know_stays_queued_for_one_that_does(
    database: Database, settings: Settings
) -> None:
    task_id = await put(database, "test.steps", "unknown")
    async with database.write("system") as session:
        (await session.get_one(Task, task_id)).kind = "of.tomorrow"
    known = await put(database, "test.steps", "known")
    async with working(database, settings):
        await until_state(database, known, "succeeded")
    assert (await task_of(database, task_id)).state == "queued"


async def test_a_database_step_and_its_effect_happen_once(database: Database, settings: Settings) -> None:
    task_id = await put(database, "test.transacts", "once")
    async with working(database, settings):
        await until_state(database, task_id, "succeeded")
    assert ran["once"] == 2  # the handler ran twice; a second insert would have failed on the unique address


async def test_a_ring_that_was_lost_is_made_up_for_by_the_next_look(database: Database, settings: Settings) -> None:
    async with working(database, settings, sweep=False):
        for _ in range(2):  # nobody rings here, and behind the first the worker has seen that there is nothing
            await until_state(database, await make_task(database), "succeeded", seconds=30)


@pytest.mark.parametrize("where", ["thread", "process"])
async def test_blocking_work_runs_beside_the_event_loop(database: Database, settings: Settings, where: str) -> None:
    task_id = await put(database, f"test.{where}", "x")
    async with working(database, settings):
        task = await until_state(database, task_id, "succeeded")
    assert task.result == f"{where} x"


async def test_waiting_for_a_thread_does_not_count_as_running(database: Database, settings: Settings) -> None:
    """Async handlers are claimed all at once, and then wait for the only thread twice as long as they may take."""
    one = msgspec.structs.replace(settings, threads=1)
    ids = [await put(database, "test.steps-in-thread", f"{n}") for n in range(10)]
    async with working(database, one):
        for task_id in ids:
            task = await until_state(database, task_id, "succeeded", "retrying", "dead_letter")
            assert (task.state, task.failures) == ("succeeded", 0)


async def test_a_worker_claims_no_more_for_threads_than_it_has(database: Database, settings: Settings) -> None:
    open_gate.clear()
    one = msgspec.structs.replace(settings, threads=1)
    gated = [await put(database, "test.gated-thread", "x") for _ in range(3)]
    behind = await put(database, "test.count", "behind")
    try:
        async with working(database, one) as first, working(database, one) as second:
            await until(lambda: _true(first.in_hand == second.in_hand == 1))
            # What needs no thread comes through.
            await until_state(database, behind, "succeeded")
            assert sorted([(await task_of(database, task_id)).state for task_id in gated]) == [
                "queued",
                "running",
                "running",
            ]
            open_gate.set()
            for task_id in gated:
                await until_state(database, task_id, "succeeded")
    finally:
        open_gate.set()


async def test_a_claim_right_after_another_knows_which_places_that_one_fills(
    database: Database, settings: Settings
) -> None:
    open_gate.clear()
    one = msgspec.structs.replace(settings, threads=1)
    try:
        async with working(database, one) as worker:
            for n in range(3):  # it knows the limits by then, and asks for them no more before it claims
                await until_state(database, await put(database, "test.count", f"before {n}"), "succeeded")
            async with database.write("system") as session:
                gated = [
                    await enqueue(session, TaskRequest(kind="test.gated-thread", payload={"name": "x"}))
                    for _ in range(3)
                ]
            await until(lambda: _true(worker.in_hand > 0))
            await until_state(database, await put(database, "test.count", "behind"), "succeeded")
            states = sorted([(await task_of(database, task_id)).state for task_id in gated])
            assert states == ["queued", "queued", "running"]
            open_gate.set()
            for task_id in gated:
                await until_state(database, task_id, "succeeded")
    finally:
        open_gate.set()


async def test_a_worker_whose_places_are_free_again_at_once_claims_at_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the first of a full queue to end, and then for others to end too, which had ended."""
    monkeypatch.setattr("holdgate.runtime.dispatcher.GATHER_ROOM", 60.0)
    tasks = [await put(database, "test.permanent", f"at-once-{number}") for number in range(5)]
    async with working(database, msgspec.structs.replace(settings, queues=(("default", 2),))):
        for task_id in tasks:
            await until_state(database, task_id, "dead_letter")


async def test_shutting_down_uses_up_no_try_and_loses_no_finished_step(database: Database, settings: Settings) -> None:
    quick = msgspec.structs.replace(settings, shutdown_grace=timedelta(milliseconds=20))
    task_id = await put(database, "test.waits", "shutdown")
    async with working(database, quick):
        await until_state(database, task_id, "running")
        await until(lambda: stored(database, task_id))  # which is later than that it ran
    task = await task_of(database, task_id)
    assert (task.state, task.failures, task.lease_losses) == ("queued", 0, 0)
    gates["shutdown"].set()
    async with working(database, settings):
        await until_state(database, task_id, "succeeded")
    assert ran["shutdown.before"] == 1


async def stored(database: Database, task_id: UUID) -> bool:
    async with database.read() as session:
        return bool(await steps.stored_steps(session, task_id))


async def _true(value: bool) -> bool:
    return value


async def test_a_task_in_hand_may_end_during_the_grace_period(database: Database, settings: Settings) -> None:
    task_id = await put(database, "test.waits", "grace")
    async with working(database, settings) as dispatcher:
        await until_state(database, task_id, "running")
        drained = asyncio.create_task(dispatcher.drain())
        await asyncio.sleep(0)
        gates["grace"].set()
        await drained
    assert (await task_of(database, task_id)).state == "succeeded"


async def test_cancelling_a_running_task_reaches_its_worker_within_a_heartbeat(
    database: Database, settings: Settings
) -> None:
    quick = msgspec.structs.replace(settings, lease=timedelta(milliseconds=300))
    task_id = await put(database, "test.waits", "cancelled")
    async with working(database, quick) as dispatcher:
        await until_state(database, task_id, "running")
        async with database.write("user:ann@example.org") as session:
            await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == task_id)
        await until(lambda: _true(dispatcher.in_hand == 0))
    assert (await task_of(database, task_id)).state == "cancelled"


async def test_leases_are_renewed_while_a_handler_works(database: Database, settings: Settings) -> None:
    # Long enough for a machine that stands still for a second or two: else the lease is lost, and rightly.
    quick = msgspec.structs.replace(settings, lease=timedelta(seconds=9))
    task_id = await put(database, "test.waits", "renewed")
    async with working(database, quick):
        first = (await until_state(database, task_id, "running")).lease_expires_at
        assert first is not None

        async def renewed() -> bool:
            lease = (await task_of(database, task_id)).lease_expires_at
            return lease is not None and lease > first

        await until(renewed)
        gates["renewed"].set()
        await until_state(database, task_id, "succeeded")
    assert ran["renewed"] == 1


async def test_a_limit_that_cannot_be_stored_costs_nobody_a_lease(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a release without bounds let it be declared.
    endless = replace(find_kind("test.steps"), concurrency=2**31)
    monkeypatch.setitem(kinds._CATALOGUE, "test.steps", endless)
    quick = msgspec.structs.replace(settings, lease=timedelta(seconds=9))
    task_id = await put(database, "test.waits", "unlimited")
    async with working(database, quick) as dispatcher:
        first = (await until_state(database, task_id, "running")).lease_expires_at
        assert first is not None

        async def renewed() -> bool:
            lease = (await task_of(database, task_id)).lease_expires_at
            return dispatcher.ready and lease is not None and lease > first + timedelta(milliseconds=500)

        await until(renewed)
        gates["unlimited"].set()
        assert (await until_state(database, task_id, "succeeded")).lease_losses == 0


@pytest.mark.slow
async def test_a_thousand_tasks_go_through_with_exact_counts(database: Database, settings: Settings) -> None:
    from holdgate.stats.counts import counts_by_state
    from holdgate.tasks.service import enqueue_many

    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.thread", payload={"name": str(n)}) for n in range(200)])
        await enqueue_many(session, [TaskRequest(kind="test.steps", payload={"name": f"b{n}"}) for n in range(800)])

    async def done() -> bool:
        async with database.read() as session:
            counts = await counts_by_state(session)
        assert sum(counts.values()) == 1000
        return counts.get("succeeded") == 1000

    async with working(database, settings):
        await until(done)


async def test_a_task_lost_and_claimed_again_by_the_same_worker_is_finished_by_the_new_attempt_only(
    database: Database, settings: Settings
) -> None:
    task_id = await put(database, "test.waits", "twice")
    async with working(database, settings, sweep=False) as dispatcher:
        await until_state(database, task_id, "running")
        await until(lambda: _true(ran["twice.before"] == 1))
        async with database.write("system") as session:
            later = datetime.now(UTC) + timedelta(hours=1)
            assert len(await moves.recover_lost(session, most=3, now=later)) == 1
        dispatcher.hear(frozenset())
        await until(lambda: _true(dispatcher.in_hand == 2))
        gates["twice"].set()
        task = await until_state(database, task_id, "succeeded")
        await until(lambda: _true(dispatcher.in_hand == 0))
    assert task.attempt == 2
    assert await verbs_of(database, task_id) == ["enqueue", "claim", "requeue", "claim", "succeed"]


async def test_a_finished_step_is_stored_although_its_connection_is_cut_and_the_work_not_done_twice(
    database: Database, settings: Settings
) -> None:
    """Every connection of the worker is terminated, again and again, while it stores steps.

    Not while it claims: where the answer to a claim is lost, its tasks wait for their leases to end.
    """
    worker = Database(settings.database_url, name="to be cut", pool_size=5)
    ids = [await put(database, "test.many", f"cut{n}") for n in range(20)]
    cut = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'to be cut'")

    async def all_begun() -> bool:
        return all(ran[f"cut{n}.0"] for n in range(20))

    async with working(worker, settings, sweep=False):
        await until(all_begun)
        for _ in range(15):
            async with database.engine.begin() as connection:
                await connection.execute(cut)
            await asyncio.sleep(0.05)
        for task_id in ids:
            task = await until_state(database, task_id, "succeeded")
            assert (task.failures, task.attempt) == (0, 1)
    await worker.dispose()
    assert {ran[f"cut{n}.{k}"] for n in range(20) for k in range(10)} == {1}


async def test_a_worker_that_has_written_no_heartbeat_for_long_is_not_worth_keeping(
    database: Database, settings: Settings
) -> None:
    process = worker.Process(msgspec.structs.replace(settings, lease=timedelta(seconds=20)))
    process.dispatcher = Dispatcher(database, settings)
    assert process._alive(), "it has just begun"
    for quiet, alive in ((350.0, True), (399.0, True), (401.0, False)):  # of five minutes and 20 leases the longer
        process.dispatcher._leases.beat_at = time.monotonic() - quiet
        assert process._alive() is alive
    await process._database.dispose()


@pytest.mark.parametrize("older", [True, False], ids=["older", "newer"])
async def test_a_worker_begins_once_its_schema_is_as_new_as_its_code(
    database: Database, settings: Settings, older: bool
) -> None:
    async def set_to(revision: str) -> None:
        async with database.write("system") as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    process = worker.Process(settings)
    await set_to("0000" if older else "9999")
    looking = asyncio.create_task(process._await_schema())
    try:
        if older:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(process._migrated.wait(), 0.5)
            assert process._alive() and not process.dispatcher.ready
            await set_to(head())
        await asyncio.wait_for(process._migrated.wait(), 30)
    finally:
        looking.cancel()
        await set_to(head())
        await process.stop({})
