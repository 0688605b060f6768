"""Answers of others than the task's owner, in fields of every type."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from holdgate import Context, FormField
from holdgate.approvals.errors import NotAsked
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import inbox
from holdgate.approvals.states import HoldType
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.tasks import kinds
from holdgate.tasks.kinds import kind
from holdgate.testing import KindTester
from tests.factories.answers import decide
from tests.factories.approvals import ANN, BOB, principal, put_question
from tests.factories.people import words
from tests.factories.site import browser_of, site_of
from tests.runtime.kinds import Named, code

FIELDS = (
    FormField("days", "Days", "checkboxes", True, ("mo", "tu", "we")),
    FormField("first", "First day", "date", True),
    FormField("people", "People", "number", True, limits={"minimum": 1, "maximum": 5}, whole=True),
    FormField("why", "Why", "textarea"),
)
GOOD = {"days": ["mo", "we"], "first": "2026-12-01", "people": 3, "why": "one\ntwo"}


@pytest.fixture
async def tester(database: Database, settings: Settings) -> AsyncIterator[KindTester]:
    async with KindTester(database, settings) as made:
        yield made
    code.clear()


async def asks(ctx: Context) -> dict[str, object]:
    return (await ctx.ask("plan", title="When?", fields=FIELDS, recipients=(ANN, BOB))).form


async def test_one_of_those_named_answers_and_not_the_owner(
    database: Database, settings: Settings, redis: Redis, tester: KindTester
) -> None:
    code["asks"] = asks
    task_id = await tester.enqueue("test.evolves", {"name": "asks"}, owner_id=await tester.person())
    assert await tester.run(task_id) == "needs_input", (await tester.task(task_id)).error
    assert (await tester.question(task_id)).recipients == [ANN, BOB]
    owner, bob = await principal(database), await principal(database, BOB)
    async with database.read() as session:
        assert [await inbox.count_waiting(session, each) for each in (owner, bob)] == [0, 1]
    with pytest.raises(NotAsked):
        await tester.decide(task_id, form=GOOD, by=owner)
    async with site_of(settings, database, redis) as transport:
        async with browser_of(transport, owner) as browser:
            path = (await browser.get(f"/tasks/{task_id}/question")).headers["location"]
            assert "<textarea" not in (await browser.get(path)).text
        async with browser_of(transport, bob) as browser:
            page = await browser.get(path)
            assert all(label in words(page) for label in ("Days", "First day", "People", "Why"))
            assert all(each in page.text for each in ('type="date"', 'max="5"', 'type="checkbox"'))
    await tester.decide(task_id, form=GOOD, by=bob)
    assert await tester.run(task_id) == "succeeded"
    assert await tester.result(task_id) == GOOD


@pytest.mark.parametrize(
    "wrong", [{"days": ["su"]}, {"days": []}, {"first": "tomorrow"}, {"people": 6}, {"people": 1.5}], ids=str
)
async def test_an_answer_out_of_bounds_is_refused_beside_its_field(
    database: Database, settings: Settings, tester: KindTester, wrong: dict[str, object]
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,), hold=HoldType.INPUT, fields=FIELDS)
    with pytest.raises(Invalid) as refused:
        await tester.decide(asked.task_id, form={**GOOD, **wrong}, by=await principal(database, ANN))
    assert list(refused.value.fields) == list(wrong)


async def test_a_kind_says_how_long_people_have(
    database: Database, tester: KindTester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))

    @kind("test.suggests", approval_ttl="suggested")
    async def suggests(ctx: Context, payload: Named) -> None:
        await ctx.approval("go", title="Go?", show={"Name": payload.name})

    @kind("test.patient", approval_ttl=timedelta(days=3))
    async def patient(ctx: Context, payload: Named) -> None:
        await ctx.approval("go", title="Go?", show={"Name": payload.name})

    task_id = await tester.enqueue("test.patient", {"name": "x"}, owner_id=await tester.person())
    assert await tester.run(task_id) == "pending_approval"
    async with database.read() as session:
        assert await session.scalar(select(Approval.ttl).where(Approval.task_id == task_id)) == timedelta(days=3)
    task_id = await tester.enqueue("test.suggests", {"name": "x"}, owner_id=await tester.person())
    await decide(database, 3000, *[ANN] * 20, kind="test.suggests")
    assert await tester.run(task_id) == "pending_approval"
    async with database.read() as session:
        assert await session.scalar(select(Approval.ttl).where(Approval.task_id == task_id)) == timedelta(hours=2)
    with pytest.raises(ValueError, match="approval_ttl"):
        kind("test.impatient", approval_ttl=timedelta())
