"""Being away: the pages, what is refused, and who can be asked instead."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from holdgate.accounts.availability import absences, queries
from holdgate.core.errors import Invalid
from tests.factories.accounts import World

ANN, BOB, CID = "ann@example.com", "bob@example.com", "cid@example.com"
DAY = timedelta(days=1)


async def today(world: World) -> datetime:
    async with world.database.read() as session:
        now: datetime = await session.scalar(text("SELECT now()"))
    return now


async def test_a_person_says_when_they_are_away_and_an_administrator_for_them(world: World) -> None:
    ann = await world.add(ANN)
    await world.add("root@example.com", admin=True)
    browser = await world.sign_in(ANN)
    await browser.get("/settings/absences")
    given = {"first": "2190-03-01", "last": "2190-03-02", "substitute": "BOB@example.com"}
    assert (await browser.post("/settings/absences", given)).status_code == 303
    async with world.database.read() as session:
        [kept] = await queries.absences_of(session, ann.id)
    assert (kept.starts_at, kept.ends_at) == (datetime(2190, 3, 1, tzinfo=UTC), datetime(2190, 3, 3, tzinfo=UTC))
    assert kept.substitute == BOB
    root = await world.sign_in("root@example.com")
    theirs = f"/admin/users/{ann.id}/absences"
    assert BOB in (await root.get(theirs)).text
    assert (await root.post(f"{theirs}/{kept.id}/delete")).status_code == 303
    assert (await root.post(theirs, {**given, "first": "2190-02-01"})).status_code == 303
    assert (await browser.get(theirs)).status_code == 403
    async with world.database.read() as session:
        told = await session.execute(
            text("SELECT verb, actor, data->>'substitute' FROM audit_events WHERE verb LIKE '%absence' ORDER BY id")
        )
        assert [tuple(row) for row in told] == [
            ("add_absence", f"user:{ANN}", BOB),
            ("remove_absence", "user:root@example.com", BOB),
            ("add_absence", "user:root@example.com", BOB),
        ]


async def test_an_absence_that_makes_no_sense_is_said_at_its_field(world: World) -> None:
    ann = await world.add(ANN)
    now = await today(world)
    async with world.database.write("system") as session:
        await absences.add_absence(session, ann.id, now + DAY, now + 3 * DAY)
    for starts, ends, substitute, field in (
        (now + 5 * DAY, now + 5 * DAY, "", "ends_at"),
        (now - 5 * DAY, now - DAY, "", "ends_at"),
        (now + 2 * DAY, now + 5 * DAY, "", "starts_at"),
        (now + 5 * DAY, now + 6 * DAY, "Ann+x@example.com", "substitute"),
        (now + 5 * DAY, now + 6 * DAY, "nobody", "substitute"),
    ):
        with pytest.raises(Invalid) as refused:
            async with world.database.write("system") as session:
                await absences.add_absence(session, ann.id, starts, ends, substitute)
        assert field in refused.value.fields
    browser = await world.sign_in(ANN)
    await browser.get("/settings/absences")
    page = await browser.post("/settings/absences", {"first": "2190-03-02", "last": "2190-03-01"})
    assert page.status_code == 422 and 'id="f-last-error"' in page.text


async def test_only_somebody_who_is_there_and_has_access_stands_in(world: World) -> None:
    people = {email: await world.add(email) for email in (ANN, BOB, CID)}
    now = await today(world)
    async with world.database.write("system") as session:
        await absences.add_absence(session, people[ANN].id, now - DAY, now + DAY, BOB)
        await absences.add_absence(session, people[CID].id, now - DAY, now + DAY, "stranger@example.net")

    async def found(at: datetime) -> dict[str, str | None]:
        async with world.database.read() as session:
            return await absences.substitutes_of(session, [ANN, BOB, CID], "open", now=at)

    assert await found(now) == {ANN: BOB, CID: None}
    assert await found(now + 2 * DAY) == {}
    async with world.database.write("system") as session:
        await absences.add_absence(session, people[BOB].id, now - DAY, now + DAY, ANN)
    assert await found(now) == {ANN: None, BOB: None, CID: None}, "one step, and no circle"
