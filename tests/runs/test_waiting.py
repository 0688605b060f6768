"""How many people a run waits for: each counted once, and only while there is something they can do."""

from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.approvals.states import HoldType
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address
from holdgate.runs import waiting
from holdgate.runs.waiting import WaitedFor
from holdgate.stats.counts import counts_by_run
from holdgate.tasks.states import TaskState
from tests.elements import texts
from tests.factories.approvals import ANN, BOB, CID, DAN, OWNER, THREE, agree, by_link, pass_on, principal, put_question
from tests.factories.runs import start
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import make_task


async def people(database: Database, *runs: UUID) -> dict[UUID, int]:
    async with database.read() as session:
        return await waiting.people_of(session, await counts_by_run(session, list(runs)))


async def started(database: Database) -> tuple[Principal, UUID]:
    """A run whose own task is out of the way, so that a test's questions come from the tasks it makes."""
    owner = await principal(database)
    run_id = await start(database, owner, 1)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    return owner, run_id


async def test_each_person_counts_once_however_many_questions_and_addresses_they_have(
    database: Database, settings: Settings
) -> None:
    _, run_id = await started(database)
    await put_question(database, settings, run_id=run_id, recipients=(ANN, BOB))
    await put_question(database, settings, run_id=run_id, recipients=(BOB.upper(), CID))
    assert await people(database, run_id) == {run_id: 3}
    await put_question(database, settings, run_id=run_id, recipients=("ann+work@example.org",))
    assert canonical_address("ann+work@example.org") == ANN
    assert await people(database, run_id) == {run_id: 3}


async def test_who_has_voted_or_passed_it_on_is_not_waited_for(database: Database, settings: Settings) -> None:
    _, run_id = await started(database)
    asked = await put_question(database, settings, run_id=run_id, recipients=THREE, needed=2)
    await by_link(database, asked, 0, agree(asked))
    assert await people(database, run_id) == {run_id: 2}
    await pass_on(database, asked.hashes()[1], DAN)
    assert await people(database, run_id) == {run_id: 2}, "Dan instead of Bob"
    assert await by_link(database, asked, 2, agree(asked)) == "approved"
    assert await people(database, run_id) == {}, "decided"


async def test_whoever_started_it_is_not_waited_for_where_that_bars_them(
    database: Database, settings: Settings
) -> None:
    _, run_id = await started(database)
    await put_question(database, settings, run_id=run_id, recipients=(OWNER, ANN), self_approval=False)
    assert await people(database, run_id) == {run_id: 1}


@pytest.mark.parametrize("hold", [HoldType.INPUT, HoldType.SIGN_IN])
async def test_what_waits_for_its_owner_waits_for_one_person(
    database: Database, settings: Settings, hold: HoldType
) -> None:
    owner, run_id = await started(database)
    await put_question(database, settings, run_id=run_id, recipients=(), hold=hold)
    assert await people(database, run_id) == {run_id: 1}
    await put_question(database, settings, run_id=run_id, recipients=(OWNER,), hold=hold)
    async with database.read() as session:
        assert await waiting.who_of(session, run_id) == [WaitedFor(email=OWNER, n=2, asked=True)], "each task once"
    # Also when the question itself is lost.
    await make_task(database, TaskState(hold.value), run_id=run_id, owner_id=owner.id)
    assert await people(database, run_id) == {run_id: 1}


async def test_a_question_asked_back_waits_for_the_owner_too(database: Database, settings: Settings) -> None:
    _, run_id = await started(database)
    await put_question(database, settings, run_id=run_id, recipients=(ANN,))
    async with database.write("system") as session:
        await session.execute(text("UPDATE approvals SET stopped_at = now(), expires_at = NULL"))
    assert await people(database, run_id) == {run_id: 2}


async def test_runs_with_too_much_to_look_at_are_left_out_and_small_ones_come_first(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST", 2)
    _, small = await started(database)
    _, large = await started(database)
    await put_question(database, settings, run_id=small, recipients=(ANN,))
    for _ in range(2):
        await put_question(database, settings, run_id=large, recipients=(ANN, BOB))
    assert await people(database, large, small) == {small: 1}
    assert await people(database, large) == {large: 2}


async def test_the_pages_name_the_people_and_else_the_tasks(
    database: Database, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, run_id = await started(database)
    await put_question(database, settings, run_id=run_id, recipients=(ANN, BOB))
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        for path in ("/runs", f"/runs/{run_id}"):
            assert texts(await browser.get(path), data_waits_on=True) == ["2 people"]
        monkeypatch.setattr(waiting, "MOST", 0)
        for path in ("/runs", f"/runs/{run_id}"):
            assert "1 task" in texts(await browser.get(path), data_waits_on=True)[0]
