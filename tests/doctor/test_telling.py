"""Administrators are told by email what the doctor finds: what fails once a day, a warning once."""

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

import holdgate.kinds.email_send  # noqa: F401
from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.doctor.findings import DoctorReport, Health
from holdgate.doctor.upkeep import tell_admins
from holdgate.mail.letters import find_letter, letter_data
from holdgate.mail.message import render
from tests.factories.races import impatient, until_it_waits

FAILS = DoctorReport("Workers", Health.FAIL, "No worker runs.", "Start one.")
WARNS = DoctorReport("Clocks", Health.WARN, "Off by a minute.", "Run NTP.")
WELL = [DoctorReport("Workers", Health.OK, "", ""), DoctorReport("Clocks", Health.OK, "", "")]


async def test_each_finding_is_told_to_administrators_at_most_once_a_day(
    database: Database, settings: Settings
) -> None:
    now = datetime.now(UTC)

    async def told(hours: float, *reports: DoctorReport) -> list[str]:
        async with database.write("system") as session:
            sent = await tell_admins(session, reports, now=now + timedelta(hours=hours))
        return [report.check for report in sent]

    async with database.write("system") as session:
        root = await accounts.add_user(session, "root@example.org", admin=True)
        await accounts.add_user(session, "second@example.org", admin=True)
        await accounts.add_user(session, "ann@example.org")
    assert await told(0, FAILS, WARNS) == ["Workers", "Clocks"]
    assert await told(1, FAILS, WARNS) == []
    assert await told(25, FAILS, WARNS) == ["Workers"]
    assert await told(26, *WELL) == []
    assert await told(27, FAILS, WARNS) == ["Workers", "Clocks"]
    async with database.write("system") as session:
        rows = await session.execute(text("SELECT payload FROM tasks WHERE kind = 'email.send' ORDER BY id"))
        mails = list(rows.scalars())
        assert sorted({mail["to"] for mail in mails}) == ["root@example.org", "second@example.org"]
        data = letter_data("doctor_found", mails[0]["data"])
        values = await find_letter("doctor_found").prepare(session, data, settings)
    message = render("doctor_found", values, to=root.email, task_id=root.id, settings=settings)
    assert message["Subject"] == "Holdgate needs attention: Workers, Clocks"
    body = message.get_body(("plain",))
    assert body is not None and "What to do: Start one." in body.get_content()


async def test_of_two_workers_that_find_it_at_the_same_moment_one_tells_it(database: Database) -> None:
    pids: asyncio.Queue[int] = asyncio.Queue()

    async def tell() -> list[DoctorReport]:
        async with database.write("system") as session:
            pids.put_nowait(await impatient(session))
            return await tell_admins(session, [FAILS])

    async with database.write("system") as session:
        assert await tell_admins(session, [FAILS]) == [FAILS]
        other = asyncio.create_task(tell())
        await until_it_waits(database, await pids.get(), other)
    assert await other == []
