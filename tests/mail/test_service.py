"""Sending: a task in the caller's transaction, checked before anything is written."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.text.addresses import BadAddress
from holdgate.mail.errors import LetterMismatch, UnknownLetter
from holdgate.mail.letters import PlainLetter
from holdgate.mail.service import send
from holdgate.tasks.errors import PayloadMismatch
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.service import enqueue as enqueue_task
from tests.mail.probe import TEMPLATE, Probe, ProbeData


async def tasks(database: Database) -> int:
    async with database.read() as session:
        return (await session.execute(select(func.count()).select_from(Task))).scalar_one()


async def test_a_mail_is_a_task_of_the_mail_queue(database: Database, probe: Probe) -> None:
    async with database.write("system") as session:
        task_id = await send(session, template=TEMPLATE, to="ada@Example.org", data=ProbeData("Hello"), priority=300)
    async with database.read() as session:
        task = await session.get_one(Task, task_id)
    assert (task.kind, task.queue, task.state, task.priority) == ("email.send", "mail", "queued", 300)
    assert task.payload == {"template": TEMPLATE, "to": "ada@example.org", "data": {"title": "Hello"}}
    assert task.title == "Email “input needed” to ada@example.org"


async def test_plain_data_are_checked_against_the_letter_and_get_its_defaults(database: Database, probe: Probe) -> None:
    async with database.write("system") as session:
        task_id = await send(session, template=TEMPLATE, to="ada@example.org", data={}, title="By hand")
    async with database.read() as session:
        task = await session.get_one(Task, task_id)
    assert (task.payload["data"], task.title) == ({"title": "A question"}, "By hand")


async def test_a_transaction_that_fails_sends_nothing(database: Database, probe: Probe) -> None:
    with pytest.raises(RuntimeError):
        async with database.write("system") as session:
            await send(session, template=TEMPLATE, to="ada@example.org", data=ProbeData())
            raise RuntimeError
    assert await tasks(database) == 0


async def test_what_cannot_be_sent_is_refused_before_anything_is_written(database: Database, probe: Probe) -> None:
    async with database.write("system") as session:
        with pytest.raises(BadAddress):
            await send(session, template=TEMPLATE, to="ada@example.org\r\nBcc: eve@example.org", data=ProbeData())
        with pytest.raises(UnknownLetter):
            await send(session, template="no_such", to="ada@example.org", data={})
        with pytest.raises(LetterMismatch):
            await send(session, template=TEMPLATE, to="ada@example.org", data={"title": 7})
    assert await tasks(database) == 0


async def test_a_payload_with_more_than_a_mail_needs_is_refused(database: Database, probe: Probe) -> None:
    payload = {"template": TEMPLATE, "to": "ada@example.org", "data": {}, "token": "secret"}
    async with database.write("system") as session:
        with pytest.raises(PayloadMismatch):
            await enqueue_task(session, TaskRequest(kind="email.send", payload=payload))


async def test_a_plain_letter_fills_the_templates_with_its_data(database: Database, probe: Probe) -> None:
    class Greeting(msgspec.Struct):
        name: str
        id: UUID

    data = Greeting("Ada", UUID(int=1))
    async with database.write("system") as session:
        assert await PlainLetter().prepare(session, data, Settings()) == {"name": "Ada", "id": UUID(int=1)}
