"""What two transactions do to each other when they meet at the worst moment: each of these was a fault once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text, update

from holdgate.approvals.requests import clock, deciding, expiring, requesting
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.rules.queries import lock_task
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Conflict
from holdgate.core.ids import uuid7
from holdgate.runs import queries as run_queries
from holdgate.runs import service as runs
from holdgate.runs.models import Run
from holdgate.runs.states import RunVerb
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.tasks import service
from holdgate.tasks.errors import IllegalMove
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims, moves, steps
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.approvals import Asked, approval_of, approve, principal, put_question, recipients_of
from tests.factories.races import impatient, until_it_waits
from tests.factories.tasks import make_task
from tests.factories.workers import task_of, until

LEASE = timedelta(seconds=15)


async def claim(database: Database, limit: int = 10, *, now: datetime | None = None) -> list[Claimed]:
    async with database.write("worker:test") as session:
        return await claims.claim_tasks(
            session, queue="default", kinds=["test.nothing"], worker=uuid7(), limit=limit, lease=LEASE, now=now
        )


_WAITING = text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query LIKE '%' || :of || '%')"
)


async def until_somebody_waits(database: Database, of: str = "") -> None:
    """A statement waits for another transaction's lock; `of` is a word in it."""

    async def waiting() -> bool:
        async with database.read() as session:
            return bool(await session.scalar(_WAITING, {"of": of}))

    await until(waiting)


async def a_run(database: Database, n: int = 2) -> UUID:
    by = await principal(database)
    async with database.write(by.actor) as session:
        return await runs.start_run(session, by, "A run", [TaskRequest(kind="test.nothing", payload={})] * n)


async def press(database: Database, run_id: UUID, *verbs: RunVerb) -> None:
    by = await principal(database)
    for verb in verbs:
        async with database.write(by.actor) as session:
            await runs.act(session, by, run_id, verb)


async def states_of(database: Database, run_id: UUID) -> set[str]:
    async with database.read() as session:
        return set(
            (await session.execute(text("SELECT state FROM tasks WHERE run_id = :run"), {"run": run_id})).scalars()
        )


async def test_a_run_paused_while_the_sweeper_brings_its_tasks_along_stays_paused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await a_run(database)
    await press(database, run_id, RunVerb.PAUSE)
    async with database.write("system") as session:
        # It has gone on, and its tasks have not yet.
        await run_queries.move_run(session, run_id, RunVerb.RESUME, None)
    found = run_queries.runs_behind

    async def found_and_then_paused(session: Any, *, limit: int) -> Any:
        behind = await found(session, limit=limit)
        assert behind == [run_id]
        await press(database, run_id, RunVerb.PAUSE)
        return behind

    monkeypatch.setattr(run_queries, "runs_behind", found_and_then_paused)
    async with database.write("system") as session:
        await runs.settle(session)
    assert await states_of(database, run_id) == {"paused"}


async def a_dead_letter(database: Database) -> tuple[UUID, UUID]:
    """Its run and itself."""
    run_id = await a_run(database, 1)
    async with database.write("system") as session:
        [moved] = await moves.move_tasks(session, TaskVerb.BURY, Task.run_id == run_id, error="Test")
    return run_id, moved.id


async def retry(database: Database, task_id: UUID) -> TaskState:
    by = await principal(database)
    async with database.write(by.actor) as session:
        return await service.act(session, by, task_id, TaskVerb.RETRY)


@pytest.mark.parametrize(("verb", "state"), [(RunVerb.PAUSE, "paused"), (RunVerb.CANCEL, "dead_letter")])
async def test_a_task_retried_while_its_run_is_changed_is_not_claimed(
    database: Database, verb: RunVerb, state: str
) -> None:
    run_id, task_id = await a_dead_letter(database)
    by = await principal(database)
    async with database.write(by.actor) as session:
        await runs.act(session, by, run_id, verb)
        retried = asyncio.create_task(retry(database, task_id))
        await until_somebody_waits(database)
    if verb is RunVerb.CANCEL:
        with pytest.raises(Conflict, match="cancelled"):
            await retried
    else:
        assert await retried == state
    assert await claim(database) == []
    assert (await task_of(database, task_id)).state == state


async def test_a_run_is_paused_or_cancelled_with_the_task_that_was_just_retried(database: Database) -> None:
    for verb, state in ((RunVerb.PAUSE, "paused"), (RunVerb.CANCEL, "cancelled")):
        run_id, task_id = await a_dead_letter(database)
        by = await principal(database)
        async with database.write(by.actor) as session:
            await service.act(session, by, task_id, TaskVerb.RETRY)
            changed = asyncio.create_task(press(database, run_id, verb))
            await until_somebody_waits(database)
        await changed
        assert (await task_of(database, task_id)).state == state


async def test_a_task_put_back_or_lost_by_its_worker_waits_with_its_paused_run(database: Database) -> None:
    run_id = await a_run(database, 2)
    back, lost = await claim(database)
    await press(database, run_id, RunVerb.PAUSE)
    async with database.write("worker:test") as session:
        await claims.finish_tasks(session, [Outcome(back.id, back.attempt, TaskState.QUEUED)])
    async with database.write("system") as session:
        [found] = await moves.recover_lost(session, most=9, now=datetime.now(UTC) + timedelta(hours=1))
    assert (found.id, found.state) == (lost.id, "paused")
    assert await states_of(database, run_id) == {"paused"}


async def decide(database: Database, asked: Asked) -> None:
    async with database.write("recipient:x") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")


async def test_what_is_approved_while_its_run_is_cancelled_ends_with_it(database: Database, settings: Settings) -> None:
    run_id = await a_run(database, 1)
    await claim(database)
    asked = await put_question(database, settings, run_id=run_id)
    async with database.write("system") as session:
        # Not yet its tasks: a transaction that had one of them was passed over.
        await run_queries.move_run(session, run_id, RunVerb.CANCEL, None)
        approved = asyncio.create_task(decide(database, asked))
        await until_somebody_waits(database)
    await approved
    assert (await task_of(database, asked.task_id)).state == "cancelled"


async def test_the_sweeper_does_not_wait_for_a_run_that_somebody_is_changing(database: Database) -> None:
    run_id = await a_run(database)
    async with database.write("user:ann@example.org") as slow:
        await slow.execute(update(Run).where(Run.id == run_id).values(name="Another name"))
        async with asyncio.timeout(5), database.write("system") as session:
            await runs.settle(session)


async def test_a_fresh_link_does_not_resume_a_task_of_a_cancelled_run(database: Database, settings: Settings) -> None:
    run_id = await a_run(database, 1)
    await claim(database)
    asked = await put_question(database, settings, run_id=run_id)
    async with database.write("system") as session:
        assert await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at) == 1
    await press(database, run_id, RunVerb.CANCEL)
    with pytest.raises(Conflict, match="cancelled"):
        async with database.write("recipient:owner@example.org") as session:
            await requesting.send_fresh_link(session, asked.hashes()[0])
    assert (await task_of(database, asked.task_id)).state == "expired"


async def test_a_fresh_link_wanted_while_the_question_expires_puts_it_again(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings)
    deadline = (await approval_of(database, asked)).expires_at

    async def fresh() -> str:
        async with database.write("recipient:owner@example.org") as session:
            return await requesting.send_fresh_link(session, asked.hashes()[0])

    async with database.write("system") as session:
        assert await expiring.expire_due(session, now=deadline) == 1
        wanted = asyncio.create_task(fresh())
        await until_somebody_waits(database)
    assert await wanted == "owner@example.org"
    assert (await task_of(database, asked.task_id)).state == "queued"


async def test_pruning_and_a_fresh_link_do_not_lock_each_other_out(database: Database, settings: Settings) -> None:
    """The link's row is locked after the task, as everywhere."""
    asked = await put_question(database, settings)
    async with database.write("system") as session:
        await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at)

    async def fresh() -> str:
        async with database.write("recipient:owner@example.org") as session:
            return await requesting.send_fresh_link(session, asked.hashes()[0])

    async with database.write("system") as session:
        await lock_task(session, asked.task_id)
        wanted = asyncio.create_task(fresh())
        await until_somebody_waits(database)
        async with asyncio.timeout(5):
            await session.execute(text("UPDATE approval_recipients SET problem = NULL"))
    await wanted


async def test_a_step_is_not_stored_by_an_attempt_that_has_just_lost_its_task(database: Database) -> None:
    """The second attempt looked for the step and found none: it must not find later that another one stored it."""
    task_id = await make_task(database)
    [late] = await claim(database, now=datetime.now(UTC) - timedelta(hours=1))
    async with database.write("worker:late") as slow:
        stored = await steps.store_step(slow, task_id, late.attempt, "pay", '"late"')
        async with database.write("system") as session:
            await moves.recover_lost(session, most=3)
        fresh = await claim(database)
        async with database.read() as session:
            seen = await steps.stored_steps(session, task_id)
    # Either the late one was in time and nobody took its task, or somebody did and it was refused.
    assert not (fresh and stored and not seen), "stored behind the back of the next attempt"
    if not fresh:
        async with database.write("system") as session:
            assert [row.id for row in await moves.recover_lost(session, most=3)] == [task_id]
        [fresh_one] = await claim(database)
        async with database.read() as session:
            assert await steps.stored_steps(session, task_id) == {"pay": '"late"'}
        assert fresh_one.attempt == late.attempt + 1


async def test_two_sleeps_of_one_attempt_at_once_come_one_after_the_other(database: Database) -> None:
    """The second comes while the first has only written down when it wakes: neither waits for the other then."""
    task_id = await make_task(database)
    [c] = await claim(database)
    connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def behind() -> bool | None:
        async with database.write("worker:test") as session:
            connected.set_result(await impatient(session))
            return await steps.snooze(session, task_id, c.attempt, "second", LEASE)

    async with database.write("worker:test") as first:
        await impatient(first)
        about = {"task_id": task_id, "attempt": c.attempt, "name": "first", "duration": LEASE, "now": None}
        await first.execute(steps._WAKE_AT, about)
        coming = asyncio.create_task(behind())
        await until_it_waits(database, await connected, coming)
        assert await steps.snooze(first, task_id, c.attempt, "first", LEASE) is False
    assert await coming is None
    assert (await task_of(database, task_id)).reason == "Sleeps: first"


async def test_a_locked_task_does_not_cost_a_worker_the_leases_of_its_others(database: Database) -> None:
    ids = sorted([await make_task(database) for _ in range(3)])
    held = [task[:2] for task in await claim(database)]
    later = datetime.now(UTC) + LEASE / 2
    async with database.write("user:ann@example.org") as slow:
        await lock_task(slow, ids[1])
        async with asyncio.timeout(5), database.write("worker:test") as session:
            still = await claims.extend_leases(session, held, LEASE, now=later)
    assert still == set(held), "one that somebody else has locked is not lost"
    leases = [(await task_of(database, id)).lease_expires_at for id in ids]
    assert [lease == later + LEASE for lease in leases] == [True, False, True]


async def test_a_task_claimed_while_its_worker_begins_to_drain_is_put_back(
    database: Database, settings: Settings
) -> None:
    task_id = await make_task(database, kind="test.waits", payload={"name": "for ever"})
    dispatcher = Dispatcher(database, msgspec.structs.replace(settings, shutdown_grace=timedelta(0)))
    async with database.write("system") as farewell:
        # The end of the drain waits here: the worker takes itself off the list.
        await farewell.execute(text("LOCK TABLE workers IN EXCLUSIVE MODE"))
        async with database.write("system") as session:
            # And the claim here: it looks whether its queue is paused.
            await session.execute(text("LOCK TABLE queues IN ACCESS EXCLUSIVE MODE"))
            job = asyncio.create_task(dispatcher.run())
            await until_somebody_waits(database, "queues")
            drain = asyncio.create_task(dispatcher.drain())
            await asyncio.wait({drain}, timeout=0.2)
        await until(lambda: claimed(database, task_id))
    await drain
    task = await task_of(database, task_id)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    assert (task.state, task.attempt, task.failures, task.lease_losses) == ("queued", 1, 0, 0)


async def claimed(database: Database, task_id: UUID) -> bool:
    return (await task_of(database, task_id)).attempt == 1


async def test_a_decision_while_the_first_email_is_accepted_waits_for_that(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database, "ann@example.org")
    asked = await put_question(database, settings, recipients=(ann.email,), deliver=False)
    [person] = await recipients_of(database, asked)

    async def decide() -> None:
        async with database.write(ann.actor) as session:
            await deciding.decide_signed_in(session, ann, asked.approval_id, approve(asked), source="test")

    async with database.write("system") as session:
        await recipient_queries.mark_recipient(session, person.id, "sent")
        decision = asyncio.create_task(decide())
        await until_somebody_waits(database)
        await clock.start(session, asked.approval_id)
    await decision
    assert (await approval_of(database, asked)).state == "approved"


async def test_a_task_that_is_approved_while_somebody_starts_it_keeps_the_time_to_undo_that(database: Database) -> None:
    owner = await principal(database)
    task = await make_task(database, TaskState.SCHEDULED, owner_id=owner.id)
    connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def start() -> None:
        async with database.write(owner.actor) as session:
            connected.set_result(await impatient(session))
            await service.run_now(session, owner, task)

    async with database.write("system") as session:
        which = Task.id == task
        await moves.move_tasks(session, TaskVerb.PROMOTE, which)
        lease = {"lease_expires_at": datetime.now(UTC) + LEASE, "attempt": 1}
        for values in ({"state": "running", **lease}, {"state": "pending_approval", "lease_expires_at": None}):
            await session.execute(update(Task).where(which).values(**values))
        wait = timedelta(minutes=5)
        await moves.move_tasks(session, TaskVerb.APPROVE, which, to=TaskState.SCHEDULED, delay=wait)
        starting = asyncio.create_task(start())
        await until_it_waits(database, await connected, starting)
    with pytest.raises(IllegalMove):
        await starting
    assert (await task_of(database, task)).state == "scheduled"
