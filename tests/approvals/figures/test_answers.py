"""How quickly people answer: what is counted, for whom it is shown, and what time it suggests."""

import re
from datetime import timedelta

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.approvals.figures import answers, metrics, queries
from holdgate.approvals.requests import deciding, expiring
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.values import ApprovalPace
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.answers import NOTE, decide, fold
from tests.factories.approvals import (
    ANN,
    BOB,
    CID,
    agree,
    approval_of,
    by_link,
    make_group,
    principal,
    put_question,
    recipients_of,
)
from tests.factories.people import Browser
from tests.factories.site import browser_of, site_of


async def counted(database: Database) -> dict[tuple[str, str], int]:
    """(group, event) → how often."""
    await fold(database)
    async with database.read() as session:
        return {(row.group_name, row.event): row.n for row in await queries.counts(session)}


async def test_who_is_asked_who_is_told_and_who_decides_is_counted_once(database: Database, settings: Settings) -> None:
    await make_group(database, "security", ANN, BOB)
    asked = await put_question(database, settings, recipients=("group:security", CID))
    assert await by_link(database, asked, 1, agree(asked)) == "approved"
    expected = {
        ("security", "requested"): 2,
        ("", "requested"): 1,
        ("security", "delivered"): 2,
        ("", "delivered"): 1,
        ("security", "decided"): 1,
    }
    assert await counted(database) == expected
    assert await counted(database) == expected


async def test_who_lets_the_time_pass_is_counted_and_nobody_who_has_decided(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB, CID), needed=2)
    assert await by_link(database, asked, 0, agree(asked)) == "pending"
    async with database.write("system") as session:
        await expiring.expire_due(session, now=(await approval_of(database, asked)).expires_at)
    assert (await counted(database))[("", "expired")] == 2


async def test_a_person_whom_no_email_reaches_is_counted_so(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings, recipients=(ANN,), deliver=False)
    [ann] = await recipients_of(database, asked)
    async with database.write("system") as session:
        await recipient_queries.mark_recipient(session, ann.id, "undelivered", "no such mailbox")
    assert (await counted(database))[("", "undelivered")] == 1


async def test_prometheus_is_told_the_time_from_the_email_to_the_decision(
    database: Database, settings: Settings
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    [ann] = await recipients_of(database, asked)
    assert ann.sent_at is not None
    async with database.write("system") as session:
        await deciding.decide_by_link(
            session, asked.hashes()[0], agree(asked), source="x", now=ann.sent_at + timedelta(minutes=3)
        )
    await fold(database)
    async with database.read() as session:
        samples = [sample for family in await metrics.families(session) for sample in family.samples]
    values = {(each.name, each.labels.get("le")): each.value for each in samples if "decision" in each.name}
    name = "holdgate_approval_decision_seconds"
    bounds = {float(le): n for (_, le), n in values.items() if le}
    assert bounds[65.536] == 0 and bounds[262.144] == 1 and bounds[float("inf")] == 1
    assert values[(f"{name}_count", None)] == 1 and values[(f"{name}_sum", None)] == pytest.approx(180)


async def test_what_waits_for_its_turn_is_a_gauge(database: Database, settings: Settings) -> None:
    for recipients in ((ANN,), (ANN, BOB), (ANN, BOB)):
        await put_question(database, settings, recipients=recipients, deliver=False, pace=ApprovalPace(1))
    async with database.read() as session:
        families = await metrics.families(session)
    values = {each.name: each.value for family in families for each in family.samples}
    assert values["holdgate_approvals_waiting_for_turn"] == 3, "two for Ann, one for Bob"
    assert values["holdgate_approvals_people_without_room"] == 2


async def test_people_see_their_own_figures_and_administrators_everybodys_from_five_on(
    database: Database, settings: Settings, redis: Redis
) -> None:
    await put_question(database, settings, recipients=(ANN, BOB))
    await decide(database, 60, ANN, ANN, BOB)
    ann, root = await principal(database, ANN), await principal(database, "root@example.org", admin=True)

    async with site_of(settings, database, redis) as transport:

        async def shown(browser: Browser) -> set[str]:
            return set(re.findall(r'data-person="([^"]*)"', (await browser.get("/approvals/people")).text))

        async with browser_of(transport, root) as browser:
            assert await shown(browser) == {"together"}
            three = {f"p{n}@example.org" for n in range(3)}
            await decide(database, 60, *three)
            assert await shown(browser) == {ANN, BOB, *three}
        async with browser_of(transport, ann) as browser:
            assert await shown(browser) == set()
    async with database.read() as session:
        own = await answers.own_figures(session, ann)
    assert (own.decisions, own.waiting) == (2, 1)
    assert own.median is not None and own.median.total_seconds() == pytest.approx(60, rel=0.1)


async def test_switched_off_nothing_is_kept_or_shown_of_a_person(
    database: Database, settings: Settings, redis: Redis
) -> None:
    await decide(database, 60, ANN)
    async with database.write("system") as session:
        await session.execute(NOTE, {"kind": "k", "person": BOB, "seconds": 60})
        await queries.forget(session, people=False)
        await queries.fold(session, people=False)
        assert await queries.person_times(session) == {}
        assert sum(row.n for row in await queries.counts(session)) == 2, "what names nobody is counted all the same"
    off = msgspec.structs.replace(settings, people_figures=False)
    ann = await principal(database, ANN)
    async with site_of(off, database, redis) as transport, browser_of(transport, ann) as browser:
        assert (await browser.get("/approvals/people")).status_code == 404


async def test_a_persons_times_are_kept_for_three_months(database: Database) -> None:
    await decide(database, 60, ANN)
    async with database.write("system") as session:
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        await queries.forget(session, people=True, now=now + timedelta(days=58))
        assert ANN in await queries.person_times(session)
        await queries.forget(session, people=True, now=now + timedelta(days=93))
        assert await queries.person_times(session) == {}


async def test_from_twenty_decisions_on_a_time_to_decide_is_suggested_and_the_answer_foretold(
    database: Database, settings: Settings
) -> None:
    await decide(database, 600, *[ANN] * (answers.FEWEST - 1))
    async with database.read() as session:
        assert await answers.forecast(session, "test.asks") is None
    await decide(database, 600, ANN)
    asked = await put_question(database, settings, recipients=(BOB,))
    approval = await approval_of(database, asked)
    async with database.read() as session:
        found = await answers.forecast(session, "test.asks")
        likely = await answers.likely_by(session, approval)
    assert found is not None and found.suggested == timedelta(minutes=20)
    assert likely is not None and approval.clock_started_at is not None
    assert (likely - approval.clock_started_at).total_seconds() == pytest.approx(600, rel=0.1)


async def test_the_suggested_time_is_given_once_enough_is_known(database: Database, settings: Settings) -> None:
    usual = timedelta(minutes=7)
    early = await put_question(database, settings, recipients=(BOB,), ttl=usual, suggested_ttl=True)
    await decide(database, 3000, *[ANN] * answers.FEWEST)
    later = await put_question(database, settings, recipients=(BOB,), ttl=usual, suggested_ttl=True)
    assert [(await approval_of(database, one)).ttl for one in (early, later)] == [usual, timedelta(hours=2)]
