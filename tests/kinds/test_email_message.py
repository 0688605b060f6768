"""What people may write to whom, and how much."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any
from uuid import UUID

import msgspec
import pytest

from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail import mailbox
from holdgate.tasks.errors import PayloadMismatch
from holdgate.testing import KindTester

ANN = "ann@example.org"
TEXT = {"subject": "Hello {{ who }}", "text": "Dear {{who}},\r\n\r\nall is <well>.", "values": {"who": "Bob"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, signup="domain:example.org")


@pytest.fixture
async def ann(tester: KindTester, database: Database) -> UUID:
    """A member; there is one administrator."""
    async with database.write("system") as session:
        await accounts.add_user(session, "root@example.net", admin=True)
    return await tester.person(ANN, "Ann")


async def sent(database: Database, to: str = "") -> list[EmailMessage]:
    async with database.read() as session:
        found = await mailbox.messages(session, to)
        raw = [(await mailbox.delivered(session, each.id)).raw for each in found]
    return [message_from_bytes(each, policy=modern) for each in raw]


async def test_what_is_written_arrives_filled_in_and_names_its_writer(
    database: Database, tester: KindTester, ann: UUID
) -> None:
    task_id = await tester.enqueue("email.message", {"to": "Bob@Example.org", **TEXT}, owner_id=ann)
    assert await tester.run(task_id) == "succeeded"
    [message] = await sent(database)
    assert (message["To"], message["Reply-To"], message["Subject"]) == ("bob@example.org", ANN, "Hello Bob")
    assert (await tester.result(task_id))["message_id"] == message["Message-ID"]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    text = str(plain.get_content()).replace("\r\n", "\n")
    assert text.startswith("Ann (ann@example.org) wrote:\n\nDear Bob,\n\nall is <well>.\n")
    assert "Replies go to ann@example.org." in text
    assert "all is &lt;well&gt;." in html.get_content()


@pytest.mark.parametrize("to", ["eve@example.net", "root@example.net"])
async def test_a_member_writes_to_a_stranger_once_an_administrator_approves_the_very_words(
    database: Database, tester: KindTester, ann: UUID, to: str
) -> None:
    """Whether the stranger has an account makes no difference, so nobody learns it."""
    task_id = await tester.enqueue("email.message", {"to": to, **TEXT}, owner_id=ann)
    assert await tester.run(task_id) == "pending_approval"
    question = await tester.question(task_id)
    assert question.recipients == ["root@example.net"]
    assert (question.shown["To"], question.shown["Text"]) == (to, "Dear Bob,\r\n\r\nall is <well>.")
    assert await sent(database) == []
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert [message["To"] for message in await sent(database)] == [to]


async def test_an_address_that_is_put_in_later_is_judged_like_one_that_was_there(
    database: Database, tester: KindTester, ann: UUID
) -> None:
    async with database.write("system") as session:
        gone = await accounts.add_user(session, "gone@example.org")
        await accounts.disable(session, gone.id)
    task_id = await tester.enqueue("email.message", {"to": "gone@example.org", **TEXT}, owner_id=ann)
    assert await tester.run(task_id) == "dead_letter"
    assert "gone" not in str((await tester.task(task_id)).reason)
    await tester.edit(task_id, {"to": "eve@example.net", **TEXT}, again=False)
    assert await tester.run(task_id) == "pending_approval"
    assert await sent(database) == []


async def test_administrators_and_programs_without_an_owner_write_to_anybody(
    database: Database, tester: KindTester, ann: UUID
) -> None:
    async with database.write("system") as session:
        root = await accounts.find_user_by_email(session, "root@example.net")
    assert root is not None
    for owner, reply_to in ((root.id, "root@example.net"), (None, None)):
        task_id = await tester.enqueue("email.message", {"to": f"{owner}@example.net", **TEXT}, owner_id=owner)
        assert await tester.run(task_id) == "succeeded"
        [message] = await sent(database, str(owner))
        assert message["Reply-To"] == reply_to


async def test_more_emails_than_a_day_takes_wait_for_their_turn(
    database: Database, settings: Settings, ann: UUID
) -> None:
    few = msgspec.structs.replace(settings, emails_per_day=2)
    async with KindTester(database, few) as tester:
        tasks = [await tester.enqueue("email.message", {"to": ANN, **TEXT}, owner_id=ann) for _ in range(3)]
        assert [await tester.run(each) for each in tasks] == ["succeeded", "succeeded", "scheduled"]
        waiting = await tester.task(tasks[2])
        assert waiting.run_at is not None
        assert timedelta(hours=11) < waiting.run_at - waiting.created_at < timedelta(hours=13)
        await tester.promote(tasks[2])  # somebody presses “Run now”
        assert await tester.run(tasks[2]) == "scheduled"
    assert len(await sent(database)) == 2


async def test_a_day_has_so_many_emails_at_once_and_on_average(database: Database, ann: UUID) -> None:
    start = datetime(2026, 11, 2, tzinfo=UTC)
    async with database.write("system") as session:

        async def take(hours: float) -> timedelta | None:
            return await accounts.take_email(session, ann, 4, now=start + timedelta(hours=hours))

        assert [await take(0) for _ in range(5)] == [None] * 4 + [timedelta(hours=6)]
        assert await take(5) == timedelta(hours=1)
        assert [await take(12) for _ in range(3)] == [None, None, timedelta(hours=6)]
        assert [await take(1000) for _ in range(5)] == [None] * 4 + [timedelta(hours=6)]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"to": "nobody"}, "to"),
        ({"to": "ann@example..org"}, "no such domain"),
        ({"values": {}}, "There is no value for {{ who }}"),
        ({"subject": "{{ who }}", "values": {"who": "\u200b"}}, "can be seen"),
        ({"template": "sign_in"}, "template"),
    ],
)
async def test_what_cannot_be_an_email_is_refused_at_once(
    tester: KindTester, payload: dict[str, Any], said: str
) -> None:
    with pytest.raises(PayloadMismatch, match=said.replace("{", "\\{")):
        await tester.enqueue("email.message", {"to": ANN, **TEXT, **payload})
