"""The way of one mail through the handler: once when all is well, and what is left when it is not."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default as modern
from functools import partial

import msgspec
import pytest
from sqlalchemy import select, text

from holdgate.accounts import service as accounts
from holdgate.accounts.sign_in.queries import LINK_LASTS
from holdgate.approvals.requests.resolving import UNREACHABLE
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.tokens import digest
from holdgate.kinds.email_send import BACKOFF, EmailResult
from holdgate.mail.errors import NotNeeded, TemporaryMailError
from holdgate.mail.models import MailboxMessage
from holdgate.mail.service import KIND, send
from holdgate.runtime.errors import LeaseLost, PermanentError
from holdgate.tasks.models import Task, TaskStep
from tests.factories.approvals import Asked, approval_of, put_question, recipients_of
from tests.factories.workers import until, working
from tests.mail.probe import ADA, TEMPLATE, Probe, claim, enqueue, handle, lose, notes
from tests.mail.smtp_server import MailServer


def text_of(raw: bytes) -> str:
    body = message_from_bytes(raw, policy=modern).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_a_mail_is_rendered_delivered_and_recorded(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    task = await claim(database)
    delivery = await handle(task, database, smtp_settings)
    assert delivery == EmailResult(message_id=f"<{task.id}@localhost>", accepted="2.0.0 Ok: queued as 4F2A")
    assert mail_server.recipients == [ADA]
    assert probe.tokens[0] in text_of(mail_server.accepted[0])
    assert await notes(database, "minted") == [digest(probe.tokens[0]).hex()]
    assert await notes(database, "sent") == ["A question"]
    assert await notes(database, "undelivered") == []


async def test_a_disabled_person_is_sent_nothing_and_the_feature_is_told(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    """Whatever has enqueued it: a reminder, a notice, a mail from before they were disabled."""
    await enqueue(database)
    async with database.write("system") as session:
        person = await accounts.add_user(session, ADA)
        await accounts.disable(session, person.id)
    delivery = await handle(await claim(database), database, smtp_settings)
    assert (delivery.message_id, delivery.barred) == (None, True)
    assert mail_server.recipients == []
    assert await notes(database, "minted") == []
    assert await notes(database, "undelivered") == [UNREACHABLE]


async def test_no_token_is_stored_in_the_task_or_its_steps(
    database: Database, smtp_settings: Settings, probe: Probe
) -> None:
    await enqueue(database)
    task = await claim(database)
    await handle(task, database, smtp_settings)
    async with database.read() as session:
        steps = (await session.execute(select(TaskStep))).scalars().all()
    assert {step.name for step in steps} == {"deliver", "sent"}
    stored = task.payload + "".join(str(step.result) for step in steps)
    assert probe.tokens[0] not in stored


async def test_a_task_that_runs_again_after_its_end_sends_nothing_twice(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    first = await handle(await claim(database), database, smtp_settings)
    await lose(database)
    assert await handle(await claim(database), database, smtp_settings) == first
    assert len(mail_server.accepted) == 1
    assert await notes(database, "sent") == ["A question"]


async def test_a_failure_to_record_the_acceptance_is_made_up_for_without_a_second_mail(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    probe.fails["sent"] = RuntimeError("the database went away")
    with pytest.raises(RuntimeError):
        await handle(await claim(database), database, smtp_settings)
    assert await notes(database, "sent") == []
    probe.fails.clear()
    await lose(database)
    await handle(await claim(database), database, smtp_settings)
    assert len(mail_server.accepted) == 1
    assert await notes(database, "sent") == ["A question"]


async def test_a_crash_between_acceptance_and_recording_sends_a_second_mail_and_both_links_are_valid(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    mail_server.before_answering = lambda: lose(database)
    with pytest.raises(LeaseLost):
        await handle(await claim(database), database, smtp_settings)
    mail_server.before_answering = None
    await handle(await claim(database), database, smtp_settings)
    first, second = (message_from_bytes(raw, policy=modern) for raw in mail_server.accepted)
    assert first["Message-ID"] == second["Message-ID"]
    assert [token in text_of(raw) for token, raw in zip(probe.tokens, mail_server.accepted, strict=True)] == [
        True,
        True,
    ]
    assert await notes(database, "minted") == [digest(token).hex() for token in probe.tokens]
    assert await notes(database, "sent") == ["A question"]


async def test_a_temporary_error_leaves_the_task_to_be_tried_again_and_says_nothing(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    mail_server.answers["RCPT"] = "451 4.7.1 Greylisted"
    with pytest.raises(TemporaryMailError):
        await handle(await claim(database), database, smtp_settings)
    assert await notes(database, "undelivered") == []
    mail_server.answers.clear()
    await lose(database)
    await handle(await claim(database), database, smtp_settings)
    assert await notes(database, "sent") == ["A question"]


async def test_a_temporary_error_of_the_last_try_marks_the_recipient_undelivered(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    mail_server.answers["RCPT"] = "451 4.7.1 Greylisted"
    with pytest.raises(TemporaryMailError):
        await handle(await claim(database), database, smtp_settings, last=True)
    (problem,) = await notes(database, "undelivered")
    assert "451 4.7.1 Greylisted" in problem


async def test_a_permanent_error_buries_at_once_and_marks_the_recipient_undelivered(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    mail_server.answers["RCPT"] = "550 5.1.1 No such user"
    with pytest.raises(PermanentError, match="No such user"):
        await handle(await claim(database), database, smtp_settings)
    (problem,) = await notes(database, "undelivered")
    assert "550 5.1.1 No such user" in problem


async def test_a_buried_mail_that_a_person_retries_is_sent_and_recorded(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    mail_server.answers["RCPT"] = "550 5.1.1 No such user"
    with pytest.raises(PermanentError):
        await handle(await claim(database), database, smtp_settings)
    mail_server.answers.clear()
    await lose(database)
    await handle(await claim(database), database, smtp_settings)
    assert await notes(database, "sent") == ["A question"]


async def test_a_mail_that_cannot_be_made_marks_the_recipient_undelivered_in_the_end_without_details(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    probe.fails["prepare"] = KeyError("internal detail")
    with pytest.raises(KeyError):
        await handle(await claim(database), database, smtp_settings)
    assert await notes(database, "undelivered") == []
    await lose(database)
    with pytest.raises(KeyError):
        await handle(await claim(database), database, smtp_settings, last=True)
    assert await notes(database, "undelivered") == ["The email couldn’t be created."]
    assert mail_server.accepted == []
    assert await notes(database, "minted") == []


async def test_a_mail_that_has_become_pointless_is_not_sent(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    await enqueue(database)
    probe.fails["prepare"] = NotNeeded("Already decided.")
    delivery = await handle(await claim(database), database, smtp_settings)
    assert delivery == EmailResult(skipped="Already decided.")
    assert mail_server.accepted == []
    assert [await notes(database, what) for what in ("minted", "sent", "undelivered")] == [[], [], []]


async def test_a_link_is_not_mailed_to_another_address_than_the_one_it_is_for(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    probe.to = "eve@example.org"
    await enqueue(database)
    with pytest.raises(PermanentError, match="different address"):
        await handle(await claim(database), database, smtp_settings)
    assert mail_server.accepted == []
    assert await notes(database, "minted") == []


async def test_the_address_a_link_is_for_may_be_written_in_other_letters(
    database: Database, smtp_settings: Settings, mail_server: MailServer, probe: Probe
) -> None:
    probe.to = "Ada@Example.ORG"
    await enqueue(database)
    await handle(await claim(database), database, smtp_settings)
    assert len(mail_server.accepted) == 1


async def test_without_smtp_a_developers_mail_goes_to_the_mailbox(
    database: Database, settings: Settings, probe: Probe
) -> None:
    await enqueue(database)
    delivery = await handle(await claim(database), database, settings)
    assert delivery.accepted == "built-in mailbox"
    async with database.read() as session:
        (message,) = (await session.execute(select(MailboxMessage))).scalars()
    assert (message.recipient, message.message_id) == (ADA, delivery.message_id)
    assert probe.tokens[0] in text_of(message.raw)
    assert await notes(database, "sent") == ["A question"]


async def test_production_without_smtp_never_uses_the_mailbox(
    database: Database, settings: Settings, probe: Probe
) -> None:
    await enqueue(database)
    with pytest.raises(TemporaryMailError, match="SMTP_URL"):
        await handle(await claim(database), database, msgspec.structs.replace(settings, environment="production"))
    async with database.read() as session:
        assert (await session.execute(select(MailboxMessage))).first() is None


async def attempts_of(database: Database, template: str, data: dict[str, str]) -> int:
    async with database.write("system") as session:
        task_id = await send(session, template=template, to=ADA, data=data)
    async with database.read() as session:
        return (await session.get_one(Task, task_id)).max_attempts


def waits(attempts: int) -> list[timedelta]:
    """The longest between them. With full jitter they are half of it on average."""
    return [BACKOFF.ceiling(failures) for failures in range(1, attempts)]


async def test_an_email_is_tried_for_two_days_with_growing_pauses_of_half_an_hour_at_most(
    database: Database, probe: Probe
) -> None:
    pauses = waits(await attempts_of(database, TEMPLATE, {"title": "A question"}))
    assert pauses[0] <= timedelta(seconds=10)
    assert pauses == sorted(pauses) and pauses[-1] == timedelta(minutes=30)
    assert timedelta(days=2) <= sum(pauses, timedelta()) / 2 <= timedelta(days=2, hours=6)


async def test_a_sign_in_email_gives_up_while_its_link_would_still_live(database: Database) -> None:
    pauses = waits(await attempts_of(database, "sign_in", {"link_id": str(uuid7())}))
    assert timedelta(minutes=2) < sum(pauses, timedelta()) < LINK_LASTS / 2


@pytest.mark.slow
async def test_an_email_waits_out_a_mail_server_that_is_away_and_goes_out_by_itself(
    database: Database, smtp_settings: Settings, mail_server: MailServer
) -> None:
    asked = await put_question(database, smtp_settings, deliver=False)
    mail_server.answers["RCPT"] = "451 4.3.0 Try again later"
    quick = msgspec.structs.replace(smtp_settings, queues=(("mail", 5),))
    async with working(database, quick):
        for failures in range(1, 11):  # more than an hour of them, on average
            await until(partial(tried, database, failures))
            async with database.write("system") as session:
                await session.execute(text("UPDATE tasks SET run_at = now() WHERE state = 'retrying'"))
        [person] = await recipients_of(database, asked)
        assert person.state == "waiting" and "451 4.3.0 Try again later" in (person.problem or "")
        approval = await approval_of(database, asked)
        assert (approval.state, approval.expires_at) == ("pending", None), "its time has not begun"
        mail_server.answers.clear()
        await until(partial(told, database, asked))
    [person] = await recipients_of(database, asked)
    assert (person.state, person.problem) == ("sent", None)
    assert (await approval_of(database, asked)).expires_at is not None


async def tried(database: Database, failures: int) -> bool:
    """And waits for its next attempt."""
    async with database.read() as session:
        mail = (await session.execute(select(Task).where(Task.kind == KIND))).scalar_one()
    assert mail.state != "dead_letter", mail.reason
    return mail.failures == failures and mail.state == "retrying"


async def told(database: Database, asked: Asked) -> bool:
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET run_at = now() WHERE state = 'retrying'"))
    return (await recipients_of(database, asked))[0].state == "sent"
