"""Asking the owner back: the clock stands still until the question has ended."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from holdgate.approvals.errors import AlreadyDecided, AlreadyVoted, ApprovalNotFound, NotAsked, QuestionExpired
from holdgate.approvals.models import Note
from holdgate.approvals.requests import clarifying, expiring, reminding
from holdgate.approvals.requests import mails as approval_mails
from holdgate.approvals.requests.clarifying import NoteEnded
from holdgate.approvals.rules import events
from holdgate.approvals.rules.access import asked_by_link
from holdgate.approvals.states import HoldType
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Conflict, Invalid
from holdgate.mail.errors import NotNeeded
from holdgate.tasks.models import Task
from tests.factories.approvals import (
    ANN,
    BOB,
    OWNER,
    THREE,
    Asked,
    agree,
    approval_of,
    approve,
    by_link,
    notes_of,
    principal,
    put_question,
    recipients_of,
)
from tests.factories.workers import task_of

MINUTE = timedelta(minutes=1)


async def ask_back(
    database: Database, asked: Asked, question: str = "Why now?", *, place: int = 0, now: datetime | None = None
) -> None:
    async with database.write("recipient:x") as session:
        approval, person = await asked_by_link(session, asked.hashes()[place])
        await clarifying.ask_back(session, approval, person, question, now=now)


async def answer(
    database: Database, asked: Asked, note_id: UUID, reply: str = "Because.", *, now: datetime | None = None
) -> None:
    owner = await principal(database)
    async with database.write(owner.actor) as session:
        await clarifying.answer_back(session, owner, asked.approval_id, note_id, reply, now=now)


async def withdraw(database: Database, asked: Asked, note_id: UUID, *, place: int = 0, now: datetime) -> None:
    async with database.write("recipient:x") as session:
        approval, person = await asked_by_link(session, asked.hashes()[place])
        await clarifying.withdraw(session, approval, person, note_id, now=now)


async def started(database: Database, asked: Asked) -> datetime:
    at = (await approval_of(database, asked)).clock_started_at
    assert at is not None
    return at


async def expired(database: Database, now: datetime) -> int:
    async with database.write("system") as session:
        return await expiring.expire_due(session, now=now)


async def test_the_clock_stands_still_until_the_answer_and_goes_on_with_what_was_left(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    start = await started(database, asked)
    await ask_back(database, asked, "  Why\r\nnow?  ", now=start + 15 * MINUTE)
    stopped = await approval_of(database, asked)
    assert (stopped.expires_at, stopped.time_left, stopped.state) == (None, 5 * MINUTE, "pending")
    assert await expired(database, start + timedelta(days=30)) == 0
    [note] = await notes_of(database, asked)
    assert (note.asked_by, note.question) == (ANN, "Why\nnow?")
    later = start + timedelta(days=2)
    await answer(database, asked, note.id, now=later)
    going = await approval_of(database, asked)
    assert (going.expires_at, going.stopped_at, going.time_left) == (later + 5 * MINUTE, None, None)
    assert await expired(database, later + 5 * MINUTE - timedelta(microseconds=1)) == 0
    assert await expired(database, later + 5 * MINUTE) == 1
    assert (await task_of(database, asked.task_id)).state == "expired"
    async with database.read() as session:
        trail = [(event.verb, event.actor, event.data) for event in await events.events_of(session, asked.approval_id)]
    assert trail[1:] == [
        ("ask_back", ANN, {"text": "Why\nnow?"}),
        ("answer_back", OWNER, {"text": "Because."}),
        ("expire", "system", {}),
    ]


async def test_the_owner_is_mailed_the_question_and_the_asker_the_answer(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    await ask_back(database, asked)
    [note] = await notes_of(database, asked)
    async with database.write("system") as session:
        values = await approval_mails.QuestionBack().prepare(
            session, approval_mails.ClarificationData(note.id), settings
        )
    assert (values["asker"], values["question"]) == (ANN, "Why now?")
    assert values["url"] == f"{settings.base_url}/approvals/{asked.approval_id}"
    await answer(database, asked, note.id)
    async with database.read() as session:
        rows = await session.execute(select(Task.payload).where(Task.kind == "email.send").order_by(Task.id))
        mails = [(mail["template"], mail["to"], mail["data"]) for mail in rows.scalars()][2:]
    assert [mail[:2] for mail in mails] == [("question_back", OWNER), ("question_answered", ANN)]
    async with database.write("system") as session:
        data = approval_mails.Answered(UUID(mails[1][2]["recipient_id"]), note.id)
        values = await approval_mails.QuestionAnswered().prepare(session, data, settings)
        assert (values["question"], values["answer"], values["answered_by"]) == ("Why now?", "Because.", OWNER)
        asked.tokens = [values["url"].rsplit("/", 1)[1]]
        with pytest.raises(NotNeeded):
            await approval_mails.QuestionBack().prepare(session, approval_mails.ClarificationData(note.id), settings)
    assert await by_link(database, asked, 0, approve(asked)) == "approved"


async def test_who_asked_can_do_without_an_answer(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    start = await started(database, asked)
    await ask_back(database, asked, now=start + MINUTE)
    [note] = await notes_of(database, asked)
    with pytest.raises(NotAsked):
        await withdraw(database, asked, note.id, place=1, now=start + 5 * MINUTE)
    await withdraw(database, asked, note.id, now=start + 5 * MINUTE)
    assert (await approval_of(database, asked)).expires_at == start + 24 * MINUTE
    with pytest.raises(NoteEnded):
        await answer(database, asked, note.id)


async def test_the_others_may_decide_while_the_clock_stands_still(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    await ask_back(database, asked)
    assert await by_link(database, asked, 1, approve(asked)) == "approved"
    [note] = await notes_of(database, asked)
    with pytest.raises(AlreadyDecided):
        await answer(database, asked, note.id)


async def test_a_mail_accepted_while_the_clock_stands_still_does_not_start_it(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET clock_started_at = NULL, expires_at = NULL"))
    await ask_back(database, asked)
    ann = (await recipients_of(database, asked))[0]
    async with database.write("system") as session:
        await approval_mails.ApprovalRequest().sent(session, approval_mails.AskedPerson(ann.id))
    assert (await approval_of(database, asked)).expires_at is None
    [note] = await notes_of(database, asked)
    later = await started(database, asked) + timedelta(days=1)
    await answer(database, asked, note.id, now=later)
    assert (await approval_of(database, asked)).expires_at == later + 20 * MINUTE


async def test_reminders_wait_with_the_clock_and_none_is_sent_twice(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    start = await started(database, asked)

    async def due(now: datetime) -> int:
        async with database.write("system") as session:
            return await reminding.remind_due(session, now=now)

    assert await due(start + 10 * MINUTE) == 1
    await ask_back(database, asked, now=start + 12 * MINUTE)
    assert await due(start + timedelta(days=1)) == 0
    [note] = await notes_of(database, asked)
    again = start + timedelta(days=1)
    await answer(database, asked, note.id, now=again)
    assert await due(again + 4 * MINUTE) == 0
    assert await due(again + 5 * MINUTE) == 1  # three of twenty minutes are left


@pytest.mark.parametrize("ending", ["answer", "ask back"])
async def test_at_the_instant_of_expiry_it_has_either_expired_or_not(
    database: Database, settings: Settings, ending: str
) -> None:
    owner = await principal(database)
    for _ in range(10):
        asked = await put_question(database, settings, recipients=(ANN, BOB))
        start = await started(database, asked)
        barrier = asyncio.Barrier(2)
        deadline = start + 20 * MINUTE
        notes: list[Note] = []
        if ending == "answer":
            await ask_back(database, asked, now=start + 20 * MINUTE - timedelta(microseconds=1))
            notes = await notes_of(database, asked)

        async def act(
            asked: Asked = asked,
            barrier: asyncio.Barrier = barrier,
            deadline: datetime = deadline,
            notes: list[Note] = notes,
        ) -> bool:
            before = deadline - timedelta(microseconds=1)
            try:
                async with database.write("recipient:x") as session:
                    approval, person = await asked_by_link(session, asked.hashes()[0])
                    await barrier.wait()
                    if notes:
                        await clarifying.answer_back(
                            session, owner, asked.approval_id, notes[0].id, "Now.", now=deadline
                        )
                    else:
                        await clarifying.ask_back(session, approval, person, "Why?", now=before)
            except QuestionExpired:
                return False
            return True

        async def expire(barrier: asyncio.Barrier = barrier, deadline: datetime = deadline) -> int:
            async with database.write("system") as session:
                await session.execute(text("SELECT 1"))
                await barrier.wait()
                return await expiring.expire_due(session, now=deadline)

        acted, ended = await asyncio.gather(act(), expire())
        approval = await approval_of(database, asked)
        if notes:  # a stopped clock cannot run out, and a microsecond was left
            assert (acted, ended, approval.state) == (True, 0, "pending")
            assert approval.expires_at == deadline + timedelta(microseconds=1)
        else:
            assert acted != bool(ended)
            assert approval.state == ("expired" if ended else "pending")
        async with database.write("system") as session:
            await session.execute(text("DELETE FROM tasks"))


async def test_of_an_answer_and_a_withdrawal_at_the_same_instant_one_counts(
    database: Database, settings: Settings
) -> None:
    owner = await principal(database)
    for _ in range(10):
        asked = await put_question(database, settings, recipients=(ANN, BOB))
        await ask_back(database, asked)
        [note] = await notes_of(database, asked)
        barrier = asyncio.Barrier(2)

        async def act(
            answers: bool, asked: Asked = asked, barrier: asyncio.Barrier = barrier, note_id: UUID = note.id
        ) -> bool:
            try:
                async with database.write("recipient:x") as session:
                    approval, person = await asked_by_link(session, asked.hashes()[0])
                    await barrier.wait()
                    if answers:
                        await clarifying.answer_back(session, owner, asked.approval_id, note_id, "Yes.")
                    else:
                        await clarifying.withdraw(session, approval, person, note_id)
            except NoteEnded:
                return False
            return True

        assert sorted(await asyncio.gather(act(True), act(False))) == [False, True]
        left = (await approval_of(database, asked)).expires_at
        assert left is not None and left - await started(database, asked) < 21 * MINUTE


async def test_two_people_asking_back_at_the_same_instant_stop_the_clock_once(
    database: Database, settings: Settings
) -> None:
    for _ in range(10):
        asked = await put_question(database, settings, recipients=(ANN, BOB))
        barrier = asyncio.Barrier(2)

        async def act(place: int, asked: Asked = asked, barrier: asyncio.Barrier = barrier) -> bool:
            try:
                async with database.write("recipient:x") as session:
                    approval, person = await asked_by_link(session, asked.hashes()[place])
                    await barrier.wait()
                    await clarifying.ask_back(session, approval, person, "Why?")
            except Conflict:
                return False
            return True

        assert sorted(await asyncio.gather(act(0), act(1))) == [False, True]
        assert (await approval_of(database, asked)).time_left is not None
        assert len(await notes_of(database, asked)) == 1


async def test_only_the_owner_or_an_admin_answers(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    await ask_back(database, asked)
    [note] = await notes_of(database, asked)
    for email in (ANN, "eve@example.org"):
        person = await principal(database, email)
        with pytest.raises(ApprovalNotFound):
            async with database.write(person.actor) as session:
                await clarifying.answer_back(session, person, asked.approval_id, note.id, "Yes.")
    admin = await principal(database, "root@example.org", admin=True)
    async with database.write(admin.actor) as session:
        await clarifying.answer_back(session, admin, asked.approval_id, note.id, "Yes.")
    assert (await notes_of(database, asked))[0].ended_by == "root@example.org"


async def test_what_cannot_be_asked_back_is_refused(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=THREE, needed=2)
    for empty in ("", " \n", "x" * 5000, "a\0b"):
        with pytest.raises(Invalid):
            await ask_back(database, asked, empty)
    await by_link(database, asked, 0, agree(asked))
    with pytest.raises(AlreadyVoted):
        await ask_back(database, asked)
    own = await put_question(database, settings, recipients=(OWNER,))
    with pytest.raises(Invalid, match="nobody to ask"):
        await ask_back(database, own)
    answers = await put_question(database, settings, recipients=(ANN,), hold=HoldType.INPUT)
    with pytest.raises(Invalid, match="nobody to ask"):
        await ask_back(database, answers)
    late = await put_question(database, settings, recipients=(ANN,))
    with pytest.raises(QuestionExpired):
        await ask_back(database, late, now=(await approval_of(database, late)).expires_at)


async def test_the_clock_cannot_be_stopped_for_ever(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    for _ in range(clarifying.MOST):
        await ask_back(database, asked)
        await answer(database, asked, (await notes_of(database, asked))[-1].id)
    with pytest.raises(Invalid, match="10 questions"):
        await ask_back(database, asked)
