"""A burst is one email with one link; reminders of many are one, too. While somebody is at it nothing is mailed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.requests import deciding, digest_mails, mails, reminding, sessions, telling
from holdgate.approvals.rules import turn_queries
from holdgate.approvals.rules.links import item_token, key_of
from holdgate.approvals.values import ApprovalPace
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail.errors import NotNeeded
from holdgate.mail.message import render
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.approvals import ANN, Asked, agree, approval_of, new_run, principal, put_question, recipients_of

BURST = ApprovalPace(at_once=4, digest_after=3)
SOON = timedelta(seconds=3)


async def burst(database: Database, settings: Settings, n: int, **more: Any) -> list[Asked]:
    """Asked of Ann at once, by a run, and told when they have been gathered."""
    more = {"run_id": await large_run(database), "pace": BURST, **more}
    found = [
        await put_question(database, settings, recipients=(ANN,), name=str(i), deliver=False, **more) for i in range(n)
    ]
    await tell(database)
    return found


async def large_run(database: Database) -> UUID:
    """A run of which more is to come, so that what it asks is gathered."""
    run, owner = await new_run(database), await principal(database)
    async with database.write("system") as session:
        requests = [TaskRequest(kind="test.asks", payload={"name": "n"}, owner_id=owner.id, run_id=run)] * 4
        await enqueue_many(session, requests)
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE state = 'queued'"))
    return run


async def tell(database: Database, after: timedelta = SOON) -> None:
    async with database.write("system") as session:
        await telling.tell_due(session, few=BURST.digest_after, now=datetime.now(UTC) + after)


async def mailed(database: Database) -> list[dict[str, Any]]:
    async with database.read() as session:
        rows = await session.execute(select(Task.payload).where(Task.kind == "email.send").order_by(Task.id))
        return list(rows.scalars())


async def accepted(database: Database, settings: Settings) -> tuple[UUID, str]:
    """The newest digest is rendered and accepted: its id, and the token of its link."""
    letter = digest_mails.ApprovalDigest()
    data = digest_mails.DigestData(UUID((await mailed(database))[-1]["data"]["digest_id"]))
    async with database.write("system") as session:
        values = await letter.prepare(session, data, settings)
    async with database.write("system") as session:
        await letter.sent(session, data, "queued")
    return data.digest_id, values["url"].rsplit("/", 1)[1]


async def told(database: Database, requests: list[Asked]) -> list[tuple[str, bool]]:
    """The state of its recipient, and whether the clock has started, of each."""
    people = [(await recipients_of(database, one))[0] for one in requests]
    clocks = [(await approval_of(database, one)).clock_started_at for one in requests]
    return [(person.state, clock is not None) for person, clock in zip(people, clocks, strict=True)]


async def test_a_burst_is_one_email_and_its_delivery_starts_the_clocks_of_what_it_tells(
    database: Database, settings: Settings
) -> None:
    requests = await burst(database, settings, 6)
    assert [mail["template"] for mail in await mailed(database)] == ["approval_digest"]
    assert await told(database, requests) == [("waiting", False)] * 6
    _, token = await accepted(database, settings)
    assert await told(database, requests) == [("sent", True)] * 4 + [("waiting", False)] * 2
    async with database.read() as session:
        stored = await session.execute(text("SELECT token_hash FROM approval_digest_links"))
        assert stored.scalars().all() == [key_of(token)]
        review = await sessions.session_of(session, key_of(token), token)
        assert (len(review.items), len(review.open), review.waiting, review.over) == (6, 4, 2, 0)


async def test_few_are_told_one_by_one(database: Database, settings: Settings) -> None:
    await burst(database, settings, 3)
    assert [mail["template"] for mail in await mailed(database)] == ["approval_request"] * 3


async def test_one_alone_is_mailed_at_once(database: Database, settings: Settings) -> None:
    await put_question(database, settings, recipients=(ANN,), deliver=False, pace=BURST)
    assert [mail["template"] for mail in await mailed(database)] == ["approval_request"]


async def test_what_follows_a_digest_within_a_minute_waits_for_the_next(database: Database, settings: Settings) -> None:
    requests = await burst(database, settings, 6)
    await accepted(database, settings)
    boss = await principal(database, "boss@example.org", admin=True)
    for one in requests[:2]:
        async with database.write(boss.actor) as session:
            await deciding.decide_signed_in(session, boss, one.approval_id, agree(one), source="")
    await tell(database, timedelta(seconds=20))
    assert len(await mailed(database)) == 1
    await tell(database, timedelta(seconds=70))
    assert [mail["template"] for mail in await mailed(database)][1:] == ["approval_request"] * 2


async def test_while_somebody_is_in_a_session_it_shows_what_is_next_and_nothing_is_mailed(
    database: Database, settings: Settings
) -> None:
    requests = await burst(database, settings, 6)
    _, token = await accepted(database, settings)
    for i in range(3):
        [person] = await recipients_of(database, requests[i])
        key = key_of(item_token(token, person.id))
        async with database.write("x") as session:
            await deciding.decide_by_link(session, key, agree(requests[i]), source="")
            await sessions.go_on(session, key)
    assert await told(database, requests) == [("sent", True)] * 4 + [("waiting", False)] * 2
    [person] = await recipients_of(database, requests[3])
    key = key_of(item_token(token, person.id))
    async with database.write("x") as session:
        await deciding.decide_by_link(session, key, agree(requests[3]), source="")
        await sessions.go_on(session, key)
    assert (await told(database, requests))[4:] == [("shown", True), ("waiting", False)], "only what is shown"
    await tell(database, timedelta(minutes=2))
    assert len(await mailed(database)) == 1, "they are at it"
    await tell(database, timedelta(minutes=6))
    assert [mail["template"] for mail in await mailed(database)][1:] == ["approval_request"], "they have left it"


async def test_a_session_opens_what_its_own_address_was_asked_and_nothing_else(
    database: Database, settings: Settings
) -> None:
    requests = await burst(database, settings, 5)
    _, token = await accepted(database, settings)
    other = await put_question(database, settings, recipients=("ann+x@example.org",), deliver=False)
    bob = await put_question(database, settings, recipients=("bob@example.org",), deliver=False)
    later = await put_question(database, settings, recipients=(ANN,), deliver=False)
    async with database.write("system") as session:
        for one, there in ((requests[0], True), (other, False), (bob, False), (later, True)):
            [person] = await recipients_of(database, one)
            key = key_of(item_token(token, person.id))
            if there:
                await deciding.decide_by_link(session, key, agree(one), source="")
            else:
                with pytest.raises(ApprovalNotFound):
                    await deciding.decide_by_link(session, key, agree(one), source="")
        await session.execute(text("UPDATE approval_digests SET ends_at = starts_at + interval '1 microsecond'"))
        [person] = await recipients_of(database, requests[1])
        with pytest.raises(ApprovalNotFound):  # asked after the session has ended
            key = key_of(item_token(token, person.id))
            await deciding.decide_by_link(session, key, agree(requests[1]), source="")


async def test_a_digest_of_what_is_over_is_not_sent(database: Database, settings: Settings) -> None:
    requests = await burst(database, settings, 4)
    boss = await principal(database, "boss@example.org", admin=True)
    for one in requests:
        async with database.write(boss.actor) as session:
            await deciding.decide_signed_in(session, boss, one.approval_id, agree(one), source="")
    with pytest.raises(NotNeeded):
        await accepted(database, settings)


async def test_whom_no_digest_reaches_makes_room(database: Database, settings: Settings) -> None:
    requests = await burst(database, settings, 6)
    data = digest_mails.DigestData(UUID((await mailed(database))[-1]["data"]["digest_id"]))
    async with database.write("system") as session:
        await digest_mails.ApprovalDigest().undelivered(session, data, "no such mailbox")
    states = [(await recipients_of(database, one))[0] for one in requests]
    assert [(one.state, one.turn) for one in states] == [("undelivered", None)] * 4 + [("waiting", "open")] * 2


async def test_reminders_of_many_are_one_email_in_the_thread_of_the_digest(
    database: Database, settings: Settings
) -> None:
    await burst(database, settings, 4)
    digest_id, _ = await accepted(database, settings)
    async with database.write("system") as session:
        assert await reminding.remind_due(session, now=datetime.now(UTC) + timedelta(minutes=11)) == 4
    assert [mail["template"] for mail in await mailed(database)] == ["approval_digest", "approval_reminder_digest"]
    async with database.write("system") as session:
        data = digest_mails.DigestData(digest_id)
        first = await digest_mails.ApprovalDigest().prepare(session, data, settings)
        second = await digest_mails.ReminderDigest().prepare(session, data, settings)
    threads: set[str] = set()
    for template, values in (("approval_digest", first), ("approval_reminder_digest", second)):
        message = render(template, values, to=ANN, task_id=UUID(int=len(threads)), settings=settings)
        threads.add(message["References"])
        assert message["Message-ID"] != message["References"]
    assert len(threads) == 1


async def test_each_email_says_the_deadline_in_the_reader_s_zone_and_that_replies_are_not_read(
    database: Database, settings: Settings
) -> None:
    await principal(database, ANN)
    async with database.write("system") as session:
        await session.execute(text("UPDATE users SET time_zone = 'Asia/Kolkata'"))
    asked = await put_question(database, settings, recipients=(ANN,))
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET expires_at = '2099-01-05 10:00Z', ttl = '1 day'"))
        [person] = await recipients_of(database, asked)
        for letter, template in (
            (mails.ApprovalRequest(), "approval_request"),
            (mails.ApprovalReminder(), "approval_reminder"),
        ):
            values = await letter.prepare(session, mails.AskedPerson(person.id), settings)
            message = render(template, values, to=ANN, task_id=UUID(int=1), settings=settings)
            for kind in ("plain", "html"):
                body = message.get_body((kind,))
                assert body is not None
                said = " ".join(body.get_content().split())
                assert "5 Jan, 15:30 IST" in said
                assert "Replies are not read" in said
            assert message["References"] == f"<{person.id}@{message['Message-ID'].split('@')[1]}"


async def test_who_is_seen_to_elsewhere_is_left_for_the_next_sweep(database: Database, settings: Settings) -> None:
    run = await large_run(database)
    for i in range(4):
        await put_question(database, settings, recipients=(ANN,), name=str(i), deliver=False, pace=BURST, run_id=run)
    async with database.write("x") as session:
        assert await turn_queries.take_person(session, ANN)
        await tell(database)
        assert await mailed(database) == []
    await tell(database)
    assert len(await mailed(database)) == 1
