"""Adding postings to a run that there is, as a browser without scripts does it."""

import asyncio
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from holdgate.accounts.profile.profiles import ProfileChange, save_profile
from holdgate.accounts.profile.resume_files import document
from holdgate.accounts.profile.resumes import add_resume
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings import service
from holdgate.postings.service import start_applications
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from tests.elements import alerts, elements
from tests.factories.people import HTMX, Browser, ids, words
from tests.factories.postings import make_postings, make_task


async def start(database: Database, by: Principal, *postings: UUID) -> UUID:
    async with database.write(by.actor) as session:
        return (await start_applications(session, by, name="Mine", posting_ids=postings, force=False)).run_id


async def act(database: Database, by: Principal, run_id: UUID, verb: RunVerb) -> None:
    async with database.write(by.actor) as session:
        await runs.act(session, by, run_id, verb)


async def tasks(database: Database, run_id: UUID) -> dict[str, str]:
    """Subject → state."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT subject, state FROM tasks WHERE run_id = :run"), {"run": run_id})
        return {row[0]: row[1] for row in rows}


async def test_chosen_postings_become_tasks_of_the_run(browser: Browser, database: Database, ada: Principal) -> None:
    first, second, third = await make_postings(database, ada, "Clerk", "Smith", "Cook")
    run_id = await start(database, ada, first)
    page = await browser.get(f"/runs/{run_id}/add")
    assert {second, third} <= set(ids(page))
    assert "Mine" in words(page)
    sent = await browser.send_form(f"/runs/{run_id}/add", {"posting": [str(second)]})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/runs/{run_id}")
    assert await tasks(database, run_id) == {str(first): "queued", str(second): "queued"}


async def test_a_resume_and_a_letter_are_chosen_for_what_is_added(
    browser: Browser, database: Database, ada: Principal
) -> None:
    first, second = await make_postings(database, ada, "Clerk", "Smith")
    run_id = await start(database, ada, first)
    assert not elements(await browser.get(f"/runs/{run_id}/add"), "select")
    async with database.write("test") as session:
        profile = ProfileChange(name="Ada", email="a@example.com", phone="", cover_letter="", answers={})
        await save_profile(session, ada.id, msgspec.structs.replace(profile, letters={"Short": "Hi"}))
        for name in ("long.pdf", "short.pdf"):
            short = await add_resume(session, ada.id, document(name, b"%PDF-1.7 1 0 obj %%EOF"))
    page = await browser.get(f"/runs/{run_id}/add")
    assert [each["name"] for each in elements(page, "select")] == ["resume", "letter"]
    chosen = {"posting": [str(second)], "resume": str(short), "letter": "Short"}
    assert (await browser.send_form(f"/runs/{run_id}/add", chosen)).status_code == 303
    async with database.read() as session:
        payload = text("SELECT payload FROM tasks WHERE subject = :posting")
        made = (await session.execute(payload, {"posting": str(second)})).scalar_one()
    assert (made["resume_id"], made["letter"]) == (str(short), "Short")


async def test_all_that_match_can_be_added_and_those_in_the_run_are_left_out(
    browser: Browser, database: Database, ada: Principal
) -> None:
    clerks = await make_postings(database, ada, "Clerk one", "Clerk two", "Smith")
    run_id = await start(database, ada, clerks[0])
    sent = await browser.send_form(f"/runs/{run_id}/add", {"all": "true", "matching": "clerk"})
    assert sent.status_code == 303
    assert set(await tasks(database, run_id)) == {str(clerks[0]), str(clerks[1])}


async def test_the_same_form_sent_twice_at_once_adds_once(browser: Browser, database: Database, ada: Principal) -> None:
    first, second = await make_postings(database, ada, "Clerk", "Smith")
    run_id = await start(database, ada, first)
    await browser.csrf()
    form = {"posting": [str(second)], "force": "true"}
    answers = await asyncio.gather(*(browser.send_form(f"/runs/{run_id}/add", form) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [303, 422, 422]
    assert len(await tasks(database, run_id)) == 2


async def test_what_was_applied_to_needs_an_explicit_again_and_an_empty_choice_is_refused(
    browser: Browser, database: Database, ada: Principal
) -> None:
    first, done = await make_postings(database, ada, "Clerk", "Done")
    run_id = await start(database, ada, first)
    task_id = await make_task(database)
    async with database.write("system") as session:
        await service.mark_applied(session, done, task_id)
    here = f"/runs/{run_id}/add"
    for form in ({"posting": [str(done)]}, {"posting": [str(first)], "force": "true"}, {}):
        refused = await browser.send_form(here, form)
        assert refused.status_code == 422
        assert alerts(refused)
    assert (await browser.send_form(here, {"posting": [str(done)], "force": "true"})).status_code == 303
    assert len(await tasks(database, run_id)) == 2


async def test_into_a_paused_run_they_come_paused_and_a_cancelled_one_takes_none(
    browser: Browser, database: Database, ada: Principal
) -> None:
    first, second, third = await make_postings(database, ada, "Clerk", "Smith", "Cook")
    run_id = await start(database, ada, first)
    await act(database, ada, run_id, RunVerb.PAUSE)
    here = f"/runs/{run_id}/add"
    await browser.send_form(here, {"posting": [str(second)]})
    assert set((await tasks(database, run_id)).values()) == {"paused"}
    await act(database, ada, run_id, RunVerb.CANCEL)
    assert (await browser.get(here)).status_code == 409
    assert (await browser.send_form(here, {"posting": [str(third)]})).status_code == 409


@pytest.mark.parametrize("admin_too", [False, True])
async def test_nobody_adds_to_somebody_elses_run(
    browser: Browser, bobs: Browser, database: Database, ada: Principal, bob: Principal, admin_too: bool
) -> None:
    [mine] = await make_postings(database, ada, "Clerk")
    [bobs_own] = await make_postings(database, bob, "Smith")
    run_id = await start(database, ada, mine)
    if admin_too:
        async with database.write("system") as session:
            await session.execute(text("UPDATE users SET role = 'admin' WHERE id = :id"), {"id": bob.id})
    assert (await bobs.get(f"/runs/{run_id}/add")).status_code == 404
    assert (await bobs.send_form(f"/runs/{run_id}/add", {"posting": [str(bobs_own)]})).status_code == 404
    assert len(await tasks(database, run_id)) == 1


async def test_a_search_by_htmx_gets_the_choice_alone(browser: Browser, database: Database, ada: Principal) -> None:
    first, _ = await make_postings(database, ada, "Clerk", "Smith")
    run_id = await start(database, ada, first)
    part = await browser.get(f"/runs/{run_id}/add?q=smi", headers=HTMX)
    assert part.text.lstrip().startswith('<section id="f-postings"')
    assert len(ids(part)) == 1
