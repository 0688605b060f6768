"""Schedules that code declares are written down by workers, once however many there are."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from holdgate import schedule
from holdgate.accounts.service import add_user
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.schedules import declared, registration
from holdgate.tasks.errors import PayloadMismatch
from holdgate.tasks.kinds import find_kind
from tests.runtime.kinds import Named

NIGHTLY: dict[str, Any] = {"cron": "0 3 * * *", "zone": "Europe/Berlin", "owner": "ops@example.org"}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_DECLARED", {})


async def written(database: Database) -> list[Any]:
    async with database.write("worker:a") as session:
        await registration.write_down(session)
    found = text(
        "SELECT s.name, cron, zone, payload, email, next_at > now() AS waits, paused_at IS NOT NULL AS paused"
        " FROM schedules s JOIN users u ON u.id = owner_id"
    )
    async with database.read() as session:
        return [tuple(row) for row in await session.execute(found)]


async def test_it_is_written_once_changed_with_the_code_and_stays_paused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.write("system") as session:
        await add_user(session, "ops@example.org")
    schedule("Nightly", find_kind("test.steps"), Named("x"), **NIGHTLY)
    first = ("Nightly", "0 3 * * *", "Europe/Berlin", {"name": "x"}, "ops@example.org", True, False)
    assert list(await asyncio.gather(*(written(database) for _ in range(3)))) == [[first]] * 3
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET paused_at = now(), paused_by = 'ann@example.org'"))
    monkeypatch.setattr(declared, "_DECLARED", {})
    schedule("Nightly", find_kind("test.steps"), {"name": "y"}, **{**NIGHTLY, "cron": "0 4 * * *"})
    changed = ("Nightly", "0 4 * * *", "Europe/Berlin", {"name": "y"}, "ops@example.org", True, True)
    assert await written(database) == [changed]


async def test_one_without_an_owner_keeps_no_worker_from_its_work(database: Database) -> None:
    schedule("Nightly", find_kind("test.steps"), Named("x"), **NIGHTLY)
    assert await written(database) == []


def test_what_could_never_be_enqueued_is_refused_when_it_is_declared() -> None:
    steps = find_kind("test.steps")
    with pytest.raises(PayloadMismatch):
        schedule("Nightly", steps, {}, **NIGHTLY)
    with pytest.raises(Invalid):
        schedule("Nightly", steps, Named("x"), **{**NIGHTLY, "cron": "every night"})
    schedule("Nightly", steps, Named("x"), **NIGHTLY)
    schedule("Nightly", steps, Named("x"), **NIGHTLY)  # a module that is imported twice
    with pytest.raises(ValueError, match="two schedules 'Nightly'"):
        schedule("Nightly", steps, Named("y"), **NIGHTLY)
