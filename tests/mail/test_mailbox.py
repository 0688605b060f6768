"""The built-in mailbox as a place of delivery."""

from uuid import UUID

import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import NotFound
from holdgate.core.ids import uuid7
from holdgate.mail import mailbox
from holdgate.mail.message import render
from holdgate.mail.reading import links_opening_outside, read


async def deliver(database: Database, title: str, to: str = "ada@example.org", task_id: UUID | None = None) -> None:
    context = {
        "title": title,
        "reason": "",
        "deadline": "",
        "asker": "Ann",
        "run_name": "",
        "kind": "x",
        "url": "http://127.0.0.1:8000/review/x",
    }
    message = render("input_needed", context, to=to, task_id=task_id or uuid7(), settings=Settings())
    async with database.write("system") as session:
        await mailbox.deliver(session, message)


async def subjects(database: Database, recipient: str = "", limit: int = 100) -> list[str]:
    async with database.read() as session:
        return [entry.subject for entry in await mailbox.messages(session, recipient, limit)]


async def test_messages_are_listed_newest_first(database: Database) -> None:
    for title in ("One", "Two", "Three"):
        await deliver(database, title)
    assert await subjects(database) == ["Input needed: Three", "Input needed: Two", "Input needed: One"]
    assert await subjects(database, limit=1) == ["Input needed: Three"]


async def test_a_mail_that_is_sent_again_takes_the_place_of_the_first(database: Database) -> None:
    task_id = uuid7()
    await deliver(database, "First", task_id=task_id)
    await deliver(database, "Between")
    await deliver(database, "Again", task_id=task_id)
    assert await subjects(database) == ["Input needed: Again", "Input needed: Between"]
    async with database.read() as session:
        entry = (await mailbox.messages(session))[0]
        assert "Again" in read((await mailbox.delivered(session, entry.id)).raw).text


async def test_the_search_takes_a_part_of_the_recipient_literally_and_in_any_case(database: Database) -> None:
    await deliver(database, "Ada", to="Ada@example.org")
    await deliver(database, "Under", to="a_a@example.org")
    assert await subjects(database, "ADA@ex") == ["Input needed: Ada"]
    assert await subjects(database, "a_a") == ["Input needed: Under"]
    assert await subjects(database, "%") == []


async def test_a_message_that_is_not_there_is_not_found(database: Database) -> None:
    async with database.read() as session:
        with pytest.raises(NotFound):
            await mailbox.delivered(session, uuid7())


async def test_letters_of_all_alphabets_come_out_as_they_went_in(database: Database) -> None:
    await deliver(database, "申请 Ωμέγα 🎉")
    async with database.read() as session:
        (entry,) = await mailbox.messages(session)
        reading = read((await mailbox.delivered(session, entry.id)).raw)
    assert entry.subject == reading.subject == "Input needed: 申请 Ωμέγα 🎉"
    assert reading.text.startswith("申请 Ωμέγα 🎉\n")
    assert "申请 Ωμέγα 🎉" in reading.html


def test_links_of_a_framed_mail_open_outside_of_the_frame() -> None:
    framed = links_opening_outside('<A href="x" target="_top">x</A> <abbr>y</abbr>')
    assert framed == '<a target="_blank" rel="noopener noreferrer" href="x" target="_top">x</A> <abbr>y</abbr>'
