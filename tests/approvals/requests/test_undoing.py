"""An approval can be taken back until its task goes on, and not a moment longer."""

import asyncio
from datetime import datetime, timedelta

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text

from holdgate.approvals.errors import ApprovalNotFound, NotAsked, TooLateToTakeBack
from holdgate.approvals.models import Approval, ApprovalEvent
from holdgate.approvals.pages import review
from holdgate.approvals.requests import deciding, grouping, undoing
from holdgate.approvals.requests.grouping import Chosen
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Asker, Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import AppError
from holdgate.core.ids import uuid7
from holdgate.runs import queries as run_queries
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.tasks import service as task_service
from holdgate.tasks.errors import TaskNotFound
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskVerb
from tests.elements import alerts, elements, notices
from tests.factories.approvals import (
    OWNER,
    THREE,
    Asked,
    agree,
    approval_of,
    approve,
    by_link,
    decision_on,
    new_run,
    principal,
    put_question,
    reject,
    votes_of,
)
from tests.factories.people import words
from tests.factories.site import browser_of, hidden, site_of, stranger
from tests.factories.workers import task_of, verbs_of

WINDOW = timedelta(minutes=5)


async def approved(database: Database, settings: Settings, **more: object) -> Asked:
    """A question that was just approved by the first of those asked."""
    asked = await put_question(database, settings, take_back=WINDOW, **more)  # type: ignore[arg-type]
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="192.0.2.1")
    return asked


async def take_back(database: Database, asked: Asked, place: int = 0, now: datetime | None = None) -> None:
    async with database.write(f"recipient:{OWNER}") as session:
        await undoing.take_back_by_link(session, asked.hashes()[place], now=now)


async def test_an_approved_task_waits_for_its_window_and_then_goes_on_ahead_of_the_queue(
    database: Database, settings: Settings
) -> None:
    asked = await approved(database, settings)
    task, approval = await task_of(database, asked.task_id), await approval_of(database, asked)
    assert (task.state, task.priority) == ("scheduled", 200)
    assert approval.decided_at is not None
    assert task.run_at is not None
    assert task.run_at == approval.decided_at + WINDOW == approval.goes_on_at
    async with database.write("system") as session:
        assert await tasks.promote_due(session, now=task.run_at - timedelta(microseconds=1)) == []
        assert len(await tasks.promote_due(session, now=task.run_at)) == 1
    task = await task_of(database, asked.task_id)
    assert (task.state, task.priority) == ("queued", 200)
    assert await verbs_of(database, asked.task_id) == ["enqueue", "claim", "hold", "approve", "promote"]


async def test_an_approval_is_taken_back_while_its_run_is_paused_and_the_log_says_all_of_it(
    database: Database, settings: Settings
) -> None:
    ann = await principal(database)
    async with database.write(ann.actor) as session:
        run_id = await runs.start_run(session, ann, "A run", [TaskRequest(kind="test.nothing", payload={})])
    asked = await put_question(database, settings, take_back=WINDOW, run_id=run_id)
    async with database.write(ann.actor) as session:
        await runs.act(session, ann, run_id, RunVerb.PAUSE)
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="192.0.2.1")
    assert (await task_of(database, asked.task_id)).state == "paused"
    await take_back(database, asked)
    async with database.read() as session:
        last = await session.scalar(
            select(TaskEvent).where(TaskEvent.task_id == asked.task_id).order_by(TaskEvent.id.desc()).limit(1)
        )
        told = list(
            (
                await session.execute(
                    select(ApprovalEvent.verb)
                    .where(ApprovalEvent.approval_id == asked.approval_id)
                    .order_by(ApprovalEvent.id)
                )
            ).scalars()
        )
        happened = [event.verb for event in reversed(await run_queries.events_of(session, run_id))]
    assert last is not None
    assert (last.verb, last.from_state, last.to_state) == ("take_back", "paused", "pending_approval")
    assert (last.actor, last.reason) == (f"recipient:{OWNER}", f"{OWNER} took the approval back.")
    assert told[-2:] == ["approve", "take_back"]
    assert happened == ["started", "paused"]
    async with database.write(ann.actor) as session:
        await runs.act(session, ann, run_id, RunVerb.RESUME)
    async with database.read() as session:
        resumed = (await run_queries.events_of(session, run_id))[0]
    assert (resumed.verb, resumed.actor) == ("resumed", ann.actor)
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_taking_back_opens_the_question_again_with_what_was_typed_and_the_time_that_was_left(
    database: Database, settings: Settings
) -> None:
    asked = await approved(database, settings)
    before = await approval_of(database, asked)
    await take_back(database, asked)
    task, approval = await task_of(database, asked.task_id), await approval_of(database, asked)
    assert (task.state, task.reason) == ("pending_approval", f"{OWNER} took the approval back.")
    assert (approval.state, approval.decided_by, approval.answer) == ("pending", None, {"wish": "granted"})
    assert before.expires_at and before.decided_at and approval.expires_at
    async with database.read() as session:
        assert await decision_on(session, asked.task_id, "go", asked.version, 0) is None
        event = (await session.execute(select(ApprovalEvent).where(ApprovalEvent.verb == "take_back"))).scalar_one()
    assert (event.actor, event.data["decided_by"]) == (OWNER, OWNER)
    assert approval.expires_at - event.at == before.expires_at - before.decided_at
    assert (await verbs_of(database, asked.task_id))[-1] == "take_back"
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], reject(asked), source="")
    assert (await task_of(database, asked.task_id)).state == "rejected"


async def test_a_decision_of_the_last_second_leaves_a_minute_when_it_is_taken_back(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, take_back=WINDOW)
    deadline = (await approval_of(database, asked)).expires_at
    assert deadline is not None
    last, later = deadline - timedelta(seconds=1), deadline + timedelta(seconds=60)
    async with database.write(f"recipient:{OWNER}") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="", now=last)
    await take_back(database, asked, now=later)
    assert (await approval_of(database, asked)).expires_at == later + timedelta(minutes=1)


async def test_when_the_window_is_over_or_the_task_has_gone_nothing_is_taken_back(
    database: Database, settings: Settings
) -> None:
    late = await approved(database, settings)
    until = (await approval_of(database, late)).goes_on_at
    with pytest.raises(TooLateToTakeBack):
        await take_back(database, late, now=until)
    cancelled = await approved(database, settings)
    async with database.write("user:ann@example.org") as session:
        assert await tasks.move_tasks(session, TaskVerb.CANCEL, Task.id == cancelled.task_id)
    with pytest.raises(TooLateToTakeBack):
        await take_back(database, cancelled)
    # Promoted by hand, and asleep since: scheduled again, but not by its approval.
    gone = await approved(database, settings)
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE tasks SET run_at = run_at + interval '1 hour' WHERE id = :id"), {"id": gone.task_id}
        )
    with pytest.raises(TooLateToTakeBack):
        await take_back(database, gone)
    for asked, state in ((late, "scheduled"), (cancelled, "cancelled"), (gone, "scheduled")):
        assert (await task_of(database, asked.task_id)).state == state
        assert (await approval_of(database, asked)).state == "approved"


async def test_only_who_approved_and_administrators_take_it_back(database: Database, settings: Settings) -> None:
    asked = await approved(database, settings, recipients=(OWNER, "bob@example.org"))
    with pytest.raises(NotAsked):
        await take_back(database, asked, place=1)
    bob, eve = await principal(database, "bob@example.org"), await principal(database, "eve@example.org")
    for person, refusal in ((bob, NotAsked), (eve, ApprovalNotFound)):
        with pytest.raises(refusal):
            async with database.write(person.actor) as session:
                await undoing.take_back_signed_in(session, person, asked.approval_id)
    assert (await task_of(database, asked.task_id)).state == "scheduled"
    admin = await principal(database, "admin@example.org", admin=True)
    async with database.write(admin.actor) as session:
        await undoing.take_back_signed_in(session, admin, asked.approval_id)
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_at_the_instant_the_window_ends_the_task_either_goes_on_or_is_held_again(
    database: Database, settings: Settings
) -> None:
    for _ in range(12):
        asked = await approved(database, settings)
        until = (await approval_of(database, asked)).goes_on_at
        assert until is not None
        barrier = asyncio.Barrier(2)

        async def back(asked=asked, barrier=barrier, until=until) -> bool:  # type: ignore[no-untyped-def]
            async with database.write(f"recipient:{OWNER}") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                try:
                    await undoing.take_back_by_link(session, asked.hashes()[0], now=until - timedelta(microseconds=1))
                except TooLateToTakeBack:
                    await session.rollback()
                    return False
            return True

        async def promote(barrier=barrier, until=until) -> int:  # type: ignore[no-untyped-def]
            async with database.write("system") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                return len(await tasks.promote_due(session, now=until))

        taken, promoted = await asyncio.gather(back(), promote())
        assert taken != bool(promoted)
        task, approval = await task_of(database, asked.task_id), await approval_of(database, asked)
        expected = ("pending_approval", "pending") if taken else ("queued", "approved")
        assert (task.state, approval.state) == expected
        async with database.write("system") as session:
            await tasks.move_tasks(session, TaskVerb.CANCEL, Task.id == asked.task_id)


async def test_of_two_who_take_back_at_once_one_does(database: Database, settings: Settings) -> None:
    asked = await approved(database, settings)
    admin = await principal(database, "admin@example.org", admin=True)
    barrier = asyncio.Barrier(2)

    async def one(by_link: bool) -> bool:
        async with database.write("user:x") as session:
            await session.execute(text("SELECT 1"))
            await barrier.wait()
            try:
                if by_link:
                    await undoing.take_back_by_link(session, asked.hashes()[0])
                else:
                    await undoing.take_back_signed_in(session, admin, asked.approval_id)
            except AppError:
                await session.rollback()
                return False
        return True

    assert sorted(await asyncio.gather(one(True), one(False))) == [False, True]
    assert (await verbs_of(database, asked.task_id)).count("take_back") == 1
    async with database.read() as session:
        told = select(func.count()).select_from(ApprovalEvent).where(ApprovalEvent.verb == "take_back")
        assert await session.scalar(told) == 1


async def test_the_button_works_on_both_pages_without_scripts_and_is_gone_when_it_would_not_help(
    database: Database, settings: Settings, redis: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asked = await approved(database, settings, recipients=(OWNER, "bob@example.org"))
    async with site_of(settings, database, redis) as transport, stranger(transport) as phone:  # type: ignore[arg-type]
        page = await phone.get(f"/review/{asked.tokens[0]}")
        assert "undo" in notices(page)
        assert "Take back" not in words(await phone.get(f"/review/{asked.tokens[1]}"))
        form = {name: hidden(page.text, name) for name in ("token", "stamp", "version")} | {"confirm": "yes"}
        robot = await phone.post("/review/take-back", data={**form, "stamp": "forged"})
        assert robot.status_code == 422
        assert (await phone.post("/review/take-back", data=form)).status_code == 303
        open_again = await phone.get(f"/review/{asked.tokens[0]}")
        assert 'value="granted"' in open_again.text, "what was typed is lost"
        late: httpx.Response = await phone.post("/review/take-back", data=form)
        assert (late.status_code, bool(alerts(late))) == (409, True)
        async with database.write(f"recipient:{OWNER}") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")
        async with browser_of(transport, await principal(database)) as browser:
            path = f"/approvals/{asked.approval_id}"
            assert f'action="{path}/take-back"' in (await browser.get(path)).text
            answer = await browser.send_form(f"{path}/take-back")
            assert (answer.status_code, answer.headers["location"]) == (303, path)
            assert (await task_of(database, asked.task_id)).state == "pending_approval"
            assert f'action="{path}/take-back"' not in (await browser.get(path)).text


async def test_whoever_had_rejected_undoes_nothing(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2, take_back=WINDOW)
    for place, decision in enumerate((reject(asked), agree(asked), agree(asked))):
        await by_link(database, asked, place, decision)
    with pytest.raises(NotAsked):
        await take_back(database, asked, 0)
    await take_back(database, asked, 1)
    assert [vote.verb for vote in await votes_of(database, asked)] == ["reject", "approve"]


async def test_a_rejection_of_the_inbox_is_undone_in_time_and_asks_again(
    database: Database, settings: Settings, redis: Redis
) -> None:
    window = timedelta(seconds=10)
    owner = await principal(database)
    asked = await put_question(database, settings)
    with_undo = msgspec.structs.replace(settings, approval_undo=window)
    async with site_of(with_undo, database, redis) as transport, browser_of(transport, owner) as browser:
        form = {"decision": "reject", "reason": "no", "version": asked.version}
        answer = await browser.send_form(f"/approvals/{asked.approval_id}/decision", form)
        inbox = await browser.get(answer.headers["location"])
        assert [each["value"] for each in elements(inbox, "input", name="item")][:1] == [str(asked.approval_id)]
        undone = await browser.send_form("/approvals/undo", {"item": str(asked.approval_id)})
        assert undone.headers["location"] == f"/approvals/{asked.approval_id}"
    task = await task_of(database, asked.task_id)
    assert (task.state, task.finished_at, await votes_of(database, asked)) == ("pending_approval", None, [])
    assert (await verbs_of(database, asked.task_id))[-2:] == ["reject", "take_back"]
    async with database.write(owner.actor) as session:
        await deciding.decide_signed_in(session, owner, asked.approval_id, reject(asked), source="")
        decided_at = (await session.get_one(Approval, asked.approval_id)).decided_at
        assert decided_at is not None
        for when, by in ((decided_at + window, window), (None, timedelta())):  # too late; no window
            with pytest.raises(TooLateToTakeBack):
                await undoing.take_back_signed_in(session, owner, asked.approval_id, window=by, now=when)
    assert (await task_of(database, asked.task_id)).state == "rejected"


async def test_a_program_that_was_told_of_a_rejection_finds_it_final(database: Database, settings: Settings) -> None:
    owner = await principal(database)
    asked = await put_question(database, settings, asker=Asker("A program", uuid7()))
    window = timedelta(seconds=10)
    async with database.write(owner.actor) as session:
        await deciding.decide_signed_in(session, owner, asked.approval_id, reject(asked), source="")
    async with database.write(owner.actor) as session:
        assert await undoing.offered_among(session, owner, [asked.approval_id], window) == []
        with pytest.raises(TooLateToTakeBack):
            await undoing.take_back_signed_in(session, owner, asked.approval_id, window=window)


async def test_who_names_what_is_not_theirs_locks_nothing_of_it(database: Database, settings: Settings) -> None:
    asked = await approved(database, settings, run_id=await new_run(database))
    eve = await principal(database, "eve@example.org")
    decision = Decision(version="", verb=ApprovalVerb.APPROVE)
    async with database.write(eve.actor) as session:
        assert await undoing.take_back_each(session, eve, [asked.approval_id]) == [str(ApprovalNotFound())]
        chosen = [Chosen(asked.approval_id, asked.version)]
        [refused] = await grouping.decide_chunk(session, eve, None, chosen, decision, source="192.0.2.1")
        assert refused.status == ApprovalNotFound.status
        with pytest.raises(ApprovalNotFound):
            await deciding.decide_signed_in(session, eve, asked.approval_id, decision, source="192.0.2.1")
        for verb in (TaskVerb.RETRY, TaskVerb.RESUME):
            with pytest.raises(TaskNotFound):
                await task_service.act(session, eve, asked.task_id, verb)
        with pytest.raises(TaskNotFound):
            await task_service.retry_edited(session, eve, asked.task_id, {})
        with pytest.raises(TaskNotFound):
            await task_service.run_now(session, eve, asked.task_id)
        async with database.write("system") as other:
            await other.execute(text("SELECT FROM runs FOR UPDATE NOWAIT"))
            await other.execute(text("SELECT FROM tasks FOR UPDATE NOWAIT"))
