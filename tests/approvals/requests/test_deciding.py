"""Deciding: one winner, in time, on what was shown; and what becomes of the task."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from holdgate.approvals.errors import AlreadyDecided, ApprovalNotFound, NotAsked, QuestionChanged, QuestionExpired
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding, expiring, mails, requesting
from holdgate.approvals.states import ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid, TooMany
from holdgate.tasks import service as task_service
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.states import TaskVerb
from tests.factories.approvals import (
    approval_of,
    approve,
    decision_on,
    principal,
    put_question,
    recipients_of,
    reject,
)
from tests.factories.workers import task_of, verbs_of


async def test_approving_by_link_puts_the_task_ahead_of_the_queue(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    async with database.write("recipient:owner@example.org") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="127.0.0.1")
    task, approval = await task_of(database, asked.task_id), await approval_of(database, asked)
    assert (task.state, task.priority) == ("queued", 200)
    assert (approval.state, approval.decided_by, approval.answer) == (
        "approved",
        "owner@example.org",
        {"wish": "granted"},
    )
    async with database.read() as session:
        event = (await session.execute(select(TaskEvent).order_by(TaskEvent.id.desc()).limit(1))).scalar_one()
    assert (event.verb, event.actor) == ("approve", "recipient:owner@example.org")


async def test_rejecting_needs_a_reason_and_ends_the_task(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    with pytest.raises(Invalid, match="reason for rejecting"):
        async with database.write("recipient:x") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], reject(asked, " "), source="")
    async with database.write("recipient:x") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], reject(asked), source="")
    task = await task_of(database, asked.task_id)
    assert (task.state, task.reason) == ("rejected", "not like this")


async def test_a_refusal_can_let_the_task_go_on_with_the_decision_as_a_value(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, continues=True)
    async with database.write("recipient:x") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], reject(asked), source="")
    assert (await task_of(database, asked.task_id)).state == "queued"
    assert (await verbs_of(database, asked.task_id))[-1] == "reject"
    async with database.read() as session:
        answer = await decision_on(session, asked.task_id, "go", asked.version, 0)
    assert answer is not None
    assert answer.state == "rejected"
    assert answer.reason == "not like this"


async def test_of_two_people_deciding_at_once_one_wins_and_the_other_is_told_who(
    database: Database, settings: Settings
) -> None:
    people = ("ann@example.org", "bob@example.org")
    for _ in range(10):
        asked = await put_question(database, settings, recipients=people)
        barrier = asyncio.Barrier(2)

        async def decide(place: int, decision: Decision, asked=asked, barrier=barrier) -> str:  # type: ignore[no-untyped-def]
            async with database.write(f"recipient:{people[place]}") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                try:
                    await deciding.decide_by_link(session, asked.hashes()[place], decision, source="")
                except AlreadyDecided as late:
                    await session.rollback()
                    return f"late: {late.by}"
            return "won"

        results = await asyncio.gather(decide(0, approve(asked)), decide(1, reject(asked)))
        winner = results.index("won")
        assert results[1 - winner] == f"late: {people[winner]}"
        task = await task_of(database, asked.task_id)
        assert task.state == ("queued" if winner == 0 else "rejected")
        assert len(await verbs_of(database, asked.task_id)) == 4  # enqueue, claim, hold, and one decision
        async with database.write("system") as session:
            await session.execute(
                text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE state = 'queued'")
            )


async def test_at_the_instant_of_expiry_the_decision_and_the_sweeper_do_not_both_win(
    database: Database, settings: Settings
) -> None:
    for _ in range(10):
        asked = await put_question(database, settings)
        deadline = (await approval_of(database, asked)).expires_at
        assert deadline is not None
        barrier = asyncio.Barrier(2)

        async def decide(asked=asked, barrier=barrier, deadline=deadline) -> bool:  # type: ignore[no-untyped-def]
            async with database.write("recipient:x") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                try:
                    await deciding.decide_by_link(
                        session, asked.hashes()[0], approve(asked), source="", now=deadline - timedelta(microseconds=1)
                    )
                except QuestionExpired:
                    await session.rollback()
                    return False
            return True

        async def expire(barrier=barrier, deadline=deadline) -> bool:  # type: ignore[no-untyped-def]
            async with database.write("system") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                return await expiring.expire_due(session, now=deadline) == 1

        decided, expired = await asyncio.gather(decide(), expire())
        assert decided or expired
        task, approval = await task_of(database, asked.task_id), await approval_of(database, asked)
        expected = ("queued", "approved") if decided else ("expired", "expired")
        assert (task.state, approval.state) == expected
        assert len(await verbs_of(database, asked.task_id)) == 4
        async with database.write("system") as session:
            await session.execute(
                text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE state = 'queued'")
            )


async def test_a_decision_exactly_at_the_deadline_is_too_late(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    deadline = (await approval_of(database, asked)).expires_at
    with pytest.raises(QuestionExpired):
        async with database.write("recipient:x") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="", now=deadline)
    assert (await task_of(database, asked.task_id)).state == "pending_approval"


async def test_a_decision_on_another_version_than_was_shown_does_not_count(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings)
    asked.version = "0" * 64
    with pytest.raises(QuestionChanged):
        async with database.write("recipient:x") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")


async def test_an_unknown_link_is_not_found(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    with pytest.raises(ApprovalNotFound):
        async with database.write("recipient:x") as session:
            await deciding.decide_by_link(session, b"x" * 32, approve(asked), source="")


async def test_the_clock_starts_with_the_first_delivered_mail_and_not_before(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, deliver=False)
    approval = await approval_of(database, asked)
    assert approval.expires_at is None
    async with database.write("system") as session:
        assert await expiring.expire_due(session, now=datetime.now(UTC) + timedelta(days=30)) == 0
    assert (await task_of(database, asked.task_id)).state == "pending_approval"
    delivered = await put_question(database, settings)
    approval = await approval_of(database, delivered)
    assert approval.clock_started_at is not None
    assert approval.expires_at == approval.clock_started_at + timedelta(minutes=20)


async def test_a_later_mail_neither_restarts_the_clock_nor_takes_back_that_one_has_arrived(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings)
    before = await approval_of(database, asked)
    [person] = await recipients_of(database, asked)
    letter, data = mails.ApprovalRequest(), mails.AskedPerson(person.id)
    async with database.write("system") as session:
        await letter.sent(session, data)
    async with database.write("system") as session:
        await letter.undelivered(session, data, "the mailbox is full now")
    after = await approval_of(database, asked)
    assert (after.clock_started_at, after.expires_at) == (before.clock_started_at, before.expires_at)
    [person] = await recipients_of(database, asked)
    assert person.state == "sent"


async def test_an_undelivered_mail_does_not_start_the_clock(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, deliver=False)
    [person] = await recipients_of(database, asked)
    async with database.write("system") as session:
        await mails.ApprovalRequest().undelivered(session, mails.AskedPerson(person.id), "no such mailbox")
    [person] = await recipients_of(database, asked)
    assert (person.state, person.problem) == ("undelivered", "no such mailbox")
    assert (await approval_of(database, asked)).expires_at is None


async def test_the_sweeper_expires_a_question_and_its_task_together(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    deadline = (await approval_of(database, asked)).expires_at
    async with database.write("system") as session:
        assert await expiring.expire_due(session, now=deadline) == 1
    task, approval = await task_of(database, asked.task_id), await approval_of(database, asked)
    assert (task.state, approval.state, approval.decided_by) == ("expired", "expired", "system")


@pytest.mark.parametrize("verb", [TaskVerb.CANCEL, TaskVerb.EXPIRE])
async def test_a_task_that_stops_holding_takes_its_question_with_it(
    database: Database, settings: Settings, verb: TaskVerb
) -> None:
    asked = await put_question(database, settings)
    async with database.write("user:ann@example.org") as session:
        await tasks.move_tasks(session, verb, Task.id == asked.task_id)
    approval = await approval_of(database, asked)
    assert approval.state == ("cancelled" if verb is TaskVerb.CANCEL else "expired")
    with pytest.raises((AlreadyDecided, QuestionExpired)):
        async with database.write("recipient:x") as session:
            await deciding.decide_by_link(session, asked.hashes()[0], approve(asked), source="")


async def test_answers_to_a_form_are_checked_and_nothing_changes_when_they_do_not_fit(
    database: Database, settings: Settings
) -> None:
    from holdgate.approvals.forms import FormField

    fields = (FormField("colour", "Colour", "select", required=True, options=("red", "blue")),)
    asked = await put_question(database, settings, hold=HoldType.INPUT, fields=fields)
    owner = await principal(database)
    for form, problem in (({}, "required"), ({"colour": "green"}, "option from the list")):
        decision = Decision(version=asked.version, verb=ApprovalVerb.ANSWER, form=form)
        with pytest.raises(Invalid) as refused:
            async with database.write(owner.actor) as session:
                await deciding.decide_signed_in(session, owner, asked.approval_id, decision, source="")
        assert problem in refused.value.fields["colour"]
    assert (await task_of(database, asked.task_id)).state == "needs_input"
    decision = Decision(version=asked.version, verb=ApprovalVerb.ANSWER, form={"colour": "blue"})
    async with database.write(owner.actor) as session:
        await deciding.decide_signed_in(session, owner, asked.approval_id, decision, source="")
    task = await task_of(database, asked.task_id)
    assert (task.state, task.priority) == ("queued", 100)


async def test_only_those_asked_may_approve_and_strangers_learn_nothing(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=("boss@example.org",))
    owner, stranger = await principal(database), await principal(database, "eve@example.org")
    with pytest.raises(NotAsked):
        async with database.write(owner.actor) as session:
            await deciding.decide_signed_in(session, owner, asked.approval_id, approve(asked), source="")
    with pytest.raises(ApprovalNotFound):
        async with database.write(stranger.actor) as session:
            await deciding.decide_signed_in(session, stranger, asked.approval_id, approve(asked), source="")
    boss = await principal(database, "Boss@example.org")
    async with database.write(boss.actor) as session:
        await deciding.decide_signed_in(session, boss, asked.approval_id, approve(asked), source="")


async def test_a_fresh_link_resumes_an_expired_task_once_and_is_limited(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    deadline = (await approval_of(database, asked)).expires_at
    async with database.write("system") as session:
        await expiring.expire_due(session, now=deadline)
    async with database.write("recipient:owner@example.org") as session:
        assert await requesting.send_fresh_link(session, asked.hashes()[0]) == "owner@example.org"
    task = await task_of(database, asked.task_id)
    assert (task.state, task.priority, task.round) == ("queued", 100, 1)
    with pytest.raises(TooMany):
        async with database.write("recipient:owner@example.org") as session:
            await requesting.send_fresh_link(session, asked.hashes()[0])
    async with database.read() as session:
        assert await decision_on(session, asked.task_id, "go", asked.version, 1) is None  # it will be asked again


async def test_a_rejection_is_remembered_until_a_person_resumes(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    async with database.write("recipient:x") as session:
        await deciding.decide_by_link(session, asked.hashes()[0], reject(asked), source="")
        answer = await decision_on(session, asked.task_id, "go", asked.version, 0)
    assert answer is not None
    assert answer.state == "rejected"
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        await task_service.act(session, owner, asked.task_id, TaskVerb.RESUME)
        assert await decision_on(session, asked.task_id, "go", asked.version, 1) is None
    assert (await task_of(database, asked.task_id)).priority == 100


async def test_a_task_has_at_most_one_open_question(database: Database, settings: Settings) -> None:
    from sqlalchemy.exc import IntegrityError

    asked = await put_question(database, settings)
    with pytest.raises(IntegrityError, match="approvals_open_key"):
        async with database.write("system") as session:
            first = await session.get_one(Approval, asked.approval_id)
            values = {c.name: getattr(first, c.name) for c in Approval.__table__.columns}
            await session.execute(
                Approval.__table__.insert().values({**values, "id": asked.task_id, "step": "another"})  # type: ignore[attr-defined]
            )
