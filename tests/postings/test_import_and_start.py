"""From a file to a run in one go: both happen, or neither."""

import asyncio
import re

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings import service
from tests.elements import alerts, elements, texts
from tests.factories.people import Browser, csv, hidden, words
from tests.factories.postings import SAMPLES, apply_to, count, make_postings, runs, ticked


async def previewed(browser: Browser, content: str) -> str:
    """The import's address, as somebody gets to it who came from the page of a new run."""
    assert "/postings/import?then=run" in (await browser.get("/runs/new")).text
    assert 'name="then" value="run"' in (await browser.get("/postings/import?then=run")).text
    sent = await browser.import_text(content, then="run")
    assert sent.headers["location"].endswith("?then=run")
    return str(sent.headers["location"]).removesuffix("?then=run")


async def test_a_file_becomes_a_run_with_all_that_is_new(browser: Browser, database: Database) -> None:
    where = await previewed(browser, csv("Clerk", "Cook"))
    page = await browser.get(f"{where}?then=run")
    name = re.search(r'name="name" value="(Applications, [^"]*)"', page.text)
    assert name
    assert elements(page, "form", action=f"{where}/start")
    assert "2" in texts(page, "button", formaction=where)[0].split()
    done = await browser.send_form(f"{where}/start", {"name": name[1]})
    ((run_id, called, tasks),) = await runs(database)
    assert (done.status_code, done.headers["location"]) == (303, f"/runs/{run_id}")
    assert (called, tasks) == (name[1], 2)
    [said] = texts(await browser.get("/postings"), data_level="success")
    assert re.findall(r"\d+", said) == ["2", "2"]


async def test_an_import_for_its_own_sake_can_still_become_a_run(browser: Browser) -> None:
    sent = await browser.import_text(csv("Clerk"))
    assert "?then" not in sent.headers["location"]
    page = await browser.get(sent.headers["location"])
    assert f'href="{sent.headers["location"]}?then=run"' in page.text
    assert 'name="name"' not in page.text


async def test_known_postings_of_the_file_are_in_the_run_except_those_applied_to(
    browser: Browser, database: Database
) -> None:
    await browser.imported(csv("Clerk", "Cook"))
    async with database.read() as session:
        clerk = (await session.execute(text("SELECT id FROM postings WHERE title = 'Clerk'"))).scalar_one()
    await apply_to(database, clerk)
    where = await previewed(browser, csv("Clerk", "Cook", "Smith"))
    await browser.send_form(f"{where}/start", {"name": "Monday"})
    said = words(await browser.get("/postings"))
    assert "1 posting imported. 2 rows had been imported before." in said
    assert "The run has started with 2 tasks. 1 posting skipped: already applied." in said


async def test_a_refused_run_leaves_the_import_as_it_was_and_what_was_typed(
    browser: Browser, database: Database
) -> None:
    where = await previewed(browser, (SAMPLES / "broken.csv").read_text())
    for given, why in (
        ({"name": "Tuesday"}, "Tick the box"),
        ({"name": "", "leave_out": "true"}, "This field is required."),
        ({"name": "x" * 201, "leave_out": "true"}, "At most 200 characters"),
    ):
        refused = await browser.send_form(f"{where}/start", given)
        assert refused.status_code == 422
        assert why in words(refused)
        assert f'value="{given["name"]}"' in refused.text
        assert bool(elements(refused, "input", name="leave_out", checked=True)) == ("leave_out" in given)
        assert await count(database, "postings") == await count(database, "runs") == 0
    done = await browser.send_form(f"{where}/start", {"name": "Tuesday", "leave_out": "true"})
    assert done.headers["location"].startswith("/runs/")


async def test_a_run_that_is_refused_late_undoes_the_import(
    browser: Browser, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = await previewed(browser, csv(*(f"Job {n}" for n in range(3))))

    with monkeypatch.context() as patched:
        patched.setattr(service, "MOST", 2)
        refused = await browser.send_form(f"{where}/start", {"name": "Too many"})
    assert refused.status_code == 422
    assert "2" in alerts(refused)
    assert elements(refused, "form", action=f"{where}/start")
    assert await count(database, "postings") == 0
    assert (await browser.send_form(where)).headers["location"] == "/postings", "it still waits to be imported"


async def test_pressed_twice_at_once_it_makes_one_run_and_both_get_there(browser: Browser, database: Database) -> None:
    where = await previewed(browser, csv("Clerk"))
    await browser.csrf()
    both = await asyncio.gather(*(browser.send_form(f"{where}/start", {"name": "Monday"}) for _ in range(2)))
    ((run_id, _, tasks),) = await runs(database)
    assert tasks == 1
    assert [answer.headers["location"] for answer in both] == [f"/runs/{run_id}"] * 2


async def test_another_persons_import_starts_nothing(browser: Browser, bobs: Browser, database: Database) -> None:
    where = await previewed(browser, csv("Clerk"))
    assert (await bobs.send_form(f"{where}/start", {"name": "Mine"})).status_code == 404
    assert await runs(database) == []


async def test_enter_searches_for_what_was_typed_and_else_starts_the_run(
    browser: Browser, database: Database, ada: Principal
) -> None:
    """What a browser without scripts sends when Enter is pressed: the form by its first button."""

    clerk, _ = await make_postings(database, ada, "Clerk", "Cook")
    page = await browser.get(f"/runs/new?posting={clerk}")

    given = {"name": "Mine & more", "form": hidden(page, "form"), "posting": [str(clerk)], "searched": ""}
    searched = await browser.send_form("/runs?enter=true", {**given, "q": "cook"})
    assert searched.status_code == 303
    again = await browser.get(searched.headers["location"])
    assert hidden(again, "searched") == "cook"
    assert ticked(again) == {clerk}
    assert 'value="Mine &amp; more"' in again.text
    assert await runs(database) == []
    started = await browser.send_form("/runs?enter=true", {**given, "q": "cook", "searched": "cook"})
    assert started.headers["location"].startswith("/runs/")
    assert [(name, tasks) for _, name, tasks in await runs(database)] == [("Mine & more", 1)]
