"""Finished tasks go after their time, with all that belongs to them, and the counts stay exact."""

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, text

import holdgate.tasks.upkeep
from holdgate.approvals.evidence.receipts import check
from holdgate.audit.retention import LOGS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.retention import pruning
from holdgate.core.signing import public_keys
from holdgate.core.upkeep import Round
from holdgate.stats.counts import counts_by_state, fold_events
from holdgate.stats.event_consumer import next_window
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.queue.marks import resolve_tasks
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.queue.retention import Rules, find_old, prune_tasks
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import FINISHED, TaskState, TaskVerb
from tests.factories.approvals import put_question
from tests.factories.stats import all_final
from tests.factories.tasks import make_task, older
from tests.factories.workers import until, working

MONTH = timedelta(days=30)


async def fold(database: Database) -> None:
    """The rollup and every follower have read all there is."""
    await all_final(database)
    async with database.write("system") as session:
        await fold_events(session)
        for name in ("runs", "webhooks", "minutes", "mail", "words"):
            await next_window(session, name)


async def prune(database: Database, limit: int = 500, now: datetime | None = None) -> int:
    async with database.write("system") as session:
        return (await prune_tasks(session, Rules(finished=MONTH), limit=limit, now=now)).tasks


async def test_only_what_finished_long_enough_ago_goes(database: Database) -> None:
    made = [await make_task(database, state) for state in TaskState]
    old = dict(zip(TaskState, await older(database, *made), strict=True))
    fresh = [await make_task(database, state) for state in FINISHED]
    [just_ended] = await older(database, await make_task(database, TaskState.SUCCEEDED))
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET finished_at = now() WHERE id = :id"), {"id": just_ended})
    goes = {*FINISHED} - {TaskState.DEAD_LETTER}
    assert await prune(database) == len(goes)
    assert await left(database) == {id for state, id in old.items() if state not in goes} | {*fresh, just_ended}


@pytest.mark.parametrize("folded", [True, False])
async def test_the_counts_are_exact_before_and_after_every_step(database: Database, folded: bool) -> None:
    gone = [await make_task(database, TaskState.SUCCEEDED) for _ in range(3)]
    await make_task(database, TaskState.SUCCEEDED)
    await older(database, *gone)
    if folded:
        await fold(database)
    assert await prune(database) == 3
    for _ in range(2):
        async with database.read() as session:
            assert await counts_by_state(session) == {"succeeded": 1}
        await fold(database)
        await prune(database, now=datetime.now(UTC) + timedelta(days=20))  # the traces stay yet
    async with database.read() as session:
        assert await session.scalar(select(func.count()).where(TaskEvent.verb == "delete")) == 3


@pytest.mark.parametrize("behind", ["rollup", "log_followers", "nobody"])
async def test_events_stay_while_one_of_those_who_read_them_is_behind(database: Database, behind: str) -> None:
    await older(database, await make_task(database, TaskState.SUCCEEDED))
    async with database.write("system") as session:
        for reader in {"rollup", "log_followers"} - {behind}:
            await session.execute(text(f"UPDATE {reader} SET upto = pg_snapshot_xmin(pg_current_snapshot())"))
    assert await prune(database) == 1
    async with database.read() as session:
        events = list((await session.execute(select(TaskEvent.verb).order_by(TaskEvent.id))).scalars())
    assert events == (["delete"] if behind == "nobody" else ["enqueue", "claim", "succeed", "delete"])


async def test_steps_questions_and_folded_events_go_with_their_task(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks WHERE id <> :id"), {"id": asked.task_id})
        await session.execute(text("INSERT INTO task_steps VALUES (:id, 'a', 1, '1')"), {"id": asked.task_id})
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    [gone] = await older(database, asked.task_id)
    await fold(database)
    assert await prune(database) == 1
    async with database.read() as session:
        for table in ("task_steps", "approvals", "approval_recipients", "approval_links"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        events = await session.execute(select(TaskEvent.verb).where(TaskEvent.task_id == gone))
        assert list(events.scalars()) == ["delete"]
        assert await session.scalar(select(func.count()).select_from(TaskStep)) == 0


async def test_the_last_traces_go_a_retention_later_even_of_what_was_not_folded(database: Database) -> None:
    await older(database, await make_task(database, TaskState.SUCCEEDED))
    assert await prune(database) == 1  # nothing was folded: its events had to stay
    await fold(database)
    await prune(database, now=datetime.now(UTC) + timedelta(days=29))
    async with database.read() as session:
        assert (await session.scalar(select(func.count()).select_from(TaskEvent)) or 0) > 1
    await prune(database, now=datetime.now(UTC) + timedelta(days=31))
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TaskEvent)) == 0
        assert await session.scalar(text("SELECT count(*) FROM task_counts")) == 0
        assert await counts_by_state(session) == {}


async def test_pruning_goes_in_chunks_until_nothing_is_left_and_work_goes_on_beside_it(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdgate.tasks.upkeep, "PRUNE_CHUNK", 7)
    await older(database, *[await make_task(database, TaskState.SUCCEEDED) for _ in range(20)])
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 50)

    async def settled() -> bool:
        async with database.read() as session:
            return await counts_by_state(session) == {"succeeded": 50}

    async with working(database, settings):
        await until(settled)
    async with database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(Task)) == 50


async def test_of_two_who_prune_at_once_one_does_and_the_other_waits_for_nobody(database: Database) -> None:
    assert await prune(database) == 0
    await older(database, *[await make_task(database, TaskState.SUCCEEDED) for _ in range(20)])
    barrier = asyncio.Barrier(2)

    async def one() -> int:
        async with database.write("system") as session:
            pruned = (await prune_tasks(session, Rules(finished=MONTH), limit=10)).tasks
            await barrier.wait()  # neither has committed
            return pruned

    assert list(await asyncio.wait_for(asyncio.gather(one(), one()), 20)) in ([10, 0], [0, 10])
    assert await prune(database) == 10


async def decided_task(database: Database, settings: Settings) -> UUID:
    asked = await put_question(database, settings)
    async with database.write("user:ann@example.org") as session:
        await session.execute(
            text("UPDATE approvals SET state = 'cancelled', decided_at = now(), decided_by = 'x' WHERE id = :id"),
            {"id": asked.approval_id},
        )
        await session.execute(text("UPDATE approvals SET state = 'rejected' WHERE id = :id"), {"id": asked.approval_id})
        await session.execute(
            text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE id = :id"), {"id": asked.task_id}
        )
    return asked.task_id


async def left(database: Database) -> set[UUID]:
    async with database.read() as session:
        return set((await session.execute(select(Task.id))).scalars())


async def test_decisions_and_unresolved_dead_letters_have_a_time_of_their_own(
    database: Database, settings: Settings
) -> None:
    decided, dead = await decided_task(database, settings), await make_task(database, TaskState.DEAD_LETTER)
    resolved = await make_task(database, TaskState.DEAD_LETTER)
    async with database.write("user:ann@example.org") as session:
        await resolve_tasks(session, Task.id == resolved, "ann@example.org", "")
        await session.execute(text("DELETE FROM tasks WHERE kind = 'email.send'"))
        await session.execute(text("UPDATE tasks SET resolved_at = resolved_at - interval '31 days'"))
    decided, dead, _ = await older(database, decided, dead, resolved)

    async def pruned(**kept: timedelta) -> set[UUID]:
        async with database.write("system") as session:
            await session.execute(text("DELETE FROM retention_walks"))  # the next day
            await prune_tasks(session, Rules(finished=MONTH, **kept))
        return await left(database)

    assert await pruned() == {decided, dead}
    assert await pruned(decided=2 * MONTH, dead_letters=2 * MONTH) == {decided, dead}
    assert await pruned(decided=MONTH) == {dead}
    assert await pruned(dead_letters=MONTH) == set()


async def test_what_is_kept_is_looked_at_once_a_day(database: Database) -> None:
    kept = [await make_task(database, TaskState.DEAD_LETTER) for _ in range(3)]
    await older(database, *kept)
    rules = Rules(finished=MONTH)
    async with database.write("system") as session:
        assert (await find_old(session, rules, limit=2)).more
        assert not (await find_old(session, rules, limit=2)).more
        assert (await find_old(session, rules, limit=1)).more is False
        tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=1)
        assert (await find_old(session, rules, limit=2, now=tomorrow)).more


async def test_what_people_did_stays_in_the_audit_after_its_task_for_a_time_of_its_own(
    database: Database, settings: Settings
) -> None:
    gone = await make_task(database, TaskState.QUEUED)
    async with database.write("user:ann@example.org") as session:
        await move_tasks(session, TaskVerb.CANCEL, Task.id == gone)
    [gone] = await older(database, gone)
    await fold(database)
    assert await prune(database) == 1
    await fold(database)
    verbs = select(TaskEvent.verb).where(TaskEvent.task_id == gone).order_by(TaskEvent.id)
    async with database.read() as session:
        assert list((await session.execute(verbs)).scalars()) == ["cancel", "delete"]
    async with database.write("system") as session:
        assert await pruning.count_old(session, LOGS[-1], timedelta(0)) == 1
        await session.execute(text("UPDATE rollup SET upto = '3'"))
        assert await pruning.count_old(session, LOGS[-1], timedelta(0)) == 0  # it could not be deleted
        await session.rollback()
    month = msgspec.structs.replace(settings, retention_audit=timedelta(0))
    async with database.write("system") as session:
        for log in LOGS:
            await pruning.prune(session, Round(database, month, 0.0, []), log, timedelta(0))
    async with database.read() as session:
        assert list((await session.execute(verbs)).scalars()) == ["delete"]
        assert await session.scalar(text("SELECT count(*) FROM audit_events")) == 0


async def test_the_archive_has_all_of_a_task_before_it_is_deleted_and_says_whether_it_is_whole(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    decided = await decided_task(database, settings)
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks WHERE kind = 'email.send'"))
        await session.execute(text("INSERT INTO task_steps VALUES (:id, 'a', 1, '1')"), {"id": decided})
    [decided] = await older(database, decided)
    archived = msgspec.structs.replace(
        settings, retention_approvals=MONTH, retention_archive=True, artifacts_url=tmp_path.as_uri()
    )

    async def chore(settings: Settings) -> None:
        round = Round(database, settings, 0.0, [])
        async with database.write("system") as session:
            await holdgate.tasks.upkeep._prune(session, round)
        for work in round.after:
            await work()

    (tmp_path / "archive").write_text("a store that refuses: here is no directory")
    await chore(archived)
    assert await left(database) == {decided}
    (tmp_path / "archive").unlink()
    await chore(archived)
    assert await left(database) == set()
    [file] = (tmp_path / "archive").rglob("*.jsonl")
    checked = subprocess.run(
        ["sha256sum", "--check", f"{file.name}.sha256"], cwd=file.parent, check=False, capture_output=True
    )
    assert checked.returncode == 0
    [line] = [json.loads(line) for line in file.read_text().splitlines()]
    assert line["task"]["id"] == str(decided)
    assert [step["name"] for step in line["steps"]] == ["a"]
    assert {"enqueue", "hold", "cancel"} <= {event["verb"] for event in line["events"]}
    assert line["requests"][0]["recipients"][0]["email"]
    assert check(line["receipts"][0].encode(), public_keys(settings.secret_keys)).problem == ""
