"""From an error to its cause and its repair: one page for every kind that has it."""

import re
from html import unescape

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.runs.states import STAGES
from holdgate.stats import rollups
from holdgate.tasks.models import Task
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import list_tasks
from holdgate.tasks.service import TaskRequest
from tests.elements import elements, texts
from tests.factories.bulk import buried, confirm, fail
from tests.factories.people import Browser, words
from tests.factories.stats import all_final


async def test_from_the_overview_two_clicks_lead_to_the_cause_and_four_to_the_repair(
    database: Database, member: Browser, ann: Principal
) -> None:
    message = "Out of paper, tray 1."
    await buried(database, 3, message, owner_id=ann.id)
    await all_final(database)
    async with database.write("system") as session:
        await rollups.fold(session, {str(state): str(stage) for state, stage in STAGES.items()})
    clicks = [link["href"] for link in elements(await member.get("/overview"), "a", href=True)]
    [first] = {href for href in clicks if href.startswith("/errors/")}
    page = await member.get(first)  # 1
    assert message in texts(page, "section", id="cause")[0], "the cause, at the first click"
    [redrive] = [unescape(each) for each in re.findall(r'href="(/bulk/new[^"]*redrive[^"]*)"', page.text)]
    asked = await member.get(redrive)  # 2
    assert message in texts(asked, "ul", data_errors=True)[0], "named by its message"
    done = await confirm(member, asked)  # 3
    assert done.status_code == 303


async def test_an_error_is_one_in_all_kinds_and_only_its_owner_sees_it(
    database: Database, member: Browser, ann: Principal
) -> None:
    async with database.write(ann.actor) as session:
        run_id = await start_run(session, ann, "March", [TaskRequest(kind="test.nothing", payload={})])
        task_id = (await session.execute(Task.__table__.select().where(Task.run_id == run_id))).one().id
    await fail(database, [task_id], "Out of paper, tray 7.")
    await buried(database, 2, "Out of paper, tray 2.", kind="test.free", owner_id=ann.id)
    await buried(database, 1, "Out of ink.", owner_id=ann.id)
    await buried(database, 4, "Out of paper, tray 9.")
    listed = await member.get("/dead-letters")
    rows = {row["id"]: row.text for row in elements(listed, "tr", id=True)}
    [both] = [id for id, text in rows.items() if "test.free" in text]
    assert "test.nothing" in rows[both] and " 3 " in rows[both]
    digest = both.removeprefix("error-")
    assert len(elements(await member.get("/dead-letters?q=ink"), "tr", id=True)) == 1
    page = await member.get(f"/errors/{digest}")
    assert elements(page, "a", href=f"/runs/{run_id}?state=dead_letter")
    async with database.read() as session:
        wanted = TaskFilter(fingerprint=digest, states=("dead_letter",))
        assert len(await list_tasks(session, ann.id, wanted, None, 9)) == 3
    ticked = f"which=errors&state=dead_letter&verb=retry&fingerprint={digest}&fingerprint=0123456789ab"
    chosen = await member.get(f"/bulk/new?{ticked}")
    assert "Retry 3 tasks" in words(chosen)
    assert (await member.get("/bulk/new?which=errors&state=dead_letter&verb=retry")).status_code == 422
    assert (await member.get("/errors/0123456789ab")).status_code == 404
