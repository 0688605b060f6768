"""A mail that is cancelled or buried tells those who wait for it, as one does that the mail server refuses."""

from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.approvals.requests import mails
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail import event_consumer
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.states import TaskVerb
from tests.factories.approvals import Asked, approval_of, put_question, recipients_of
from tests.factories.stats import all_final


async def mail_ends(database: Database, asked: Asked, verb: TaskVerb) -> None:
    """The mail of the question, as a person (cancel) or the sweeper (bury) ends it; then the sweeper's beat, twice."""
    async with database.write("user:owner@example.org") as session:
        mine = (Task.kind == "email.send") & (Task.payload["template"].as_string() == "approval_request")
        if verb is TaskVerb.BURY:
            held = "state = 'running', lease_expires_at = now(), attempt = attempt + 1"
            await session.execute(text(f"UPDATE tasks SET {held} WHERE kind = 'email.send'"))
        [_] = await moves.move_tasks(session, verb, mine, reason="Lost three times.")
    await all_final(database)
    for _ in range(2):
        async with database.write("system") as session:
            assert await event_consumer.follow_log(session) is False


async def refusals(database: Database, asked: Asked) -> int:
    async with database.read() as session:
        statement = text("SELECT count(*) FROM approval_events WHERE approval_id = :id AND verb = 'mail_refused'")
        found: int = (await session.execute(statement, {"id": asked.approval_id})).scalar_one()
    return found


@pytest.mark.parametrize(
    ("verb", "problem"),
    [(TaskVerb.CANCEL, "The email was cancelled."), (TaskVerb.BURY, "The email was not sent. Lost three times.")],
)
async def test_the_person_shows_as_undelivered_and_the_clock_does_not_start(
    database: Database, settings: Settings, verb: TaskVerb, problem: str
) -> None:
    asked = await put_question(database, settings, deliver=False)
    await mail_ends(database, asked, verb)
    [person] = await recipients_of(database, asked)
    assert (person.state, person.problem) == ("undelivered", problem)
    assert (await approval_of(database, asked)).expires_at is None
    assert await refusals(database, asked) == 1


async def test_a_mail_that_arrived_stays_sent(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    await mail_ends(database, asked, TaskVerb.CANCEL)
    [person] = await recipients_of(database, asked)
    assert person.state == "sent"


async def test_what_the_handler_has_told_itself_is_not_told_again(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, deliver=False)
    [person] = await recipients_of(database, asked)
    async with database.write("system") as session:
        await mails.ApprovalRequest().undelivered(session, mails.AskedPerson(person.id), "no such mailbox")
        await session.execute(
            text(
                "INSERT INTO task_steps (task_id, name, attempt, result)"
                " SELECT id, 'undelivered', 1, 'null' FROM tasks WHERE kind = 'email.send'"
            )
        )
    await mail_ends(database, asked, TaskVerb.BURY)
    [person] = await recipients_of(database, asked)
    assert person.problem == "no such mailbox"
    assert await refusals(database, asked) == 1


async def test_a_letter_that_is_not_known_any_more_keeps_nobody_from_being_told(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, deliver=False)
    async with database.write("system") as session:
        insert = (
            "INSERT INTO tasks (id, kind, queue, payload) VALUES (:id, 'email.send', 'mail', CAST(:payload AS jsonb))"
        )
        await session.execute(text(insert), {"id": UUID(int=1), "payload": '{"template": "gone"}'})
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == UUID(int=1))
    await mail_ends(database, asked, TaskVerb.CANCEL)
    [person] = await recipients_of(database, asked)
    assert person.state == "undelivered"
