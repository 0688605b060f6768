"""What somebody new does first: try a sample run and decide, see what words mean, choose a look."""

import re

import httpx
from redis.asyncio import Redis
from sqlalchemy import select

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskState
from holdgate.testing import KindTester
from tests.elements import elements, texts
from tests.factories.approvals import principal
from tests.factories.site import browser_of, hidden, site_of, stranger
from tests.factories.tasks import make_task


async def test_the_first_decision_takes_at_most_six_clicks_after_signing_in(
    database: Database, settings: Settings, redis: Redis, tester: KindTester
) -> None:
    ann = await principal(database, "ann@example.org")
    async with site_of(settings, database, redis) as transport, browser_of(transport, ann) as browser:
        first = await browser.get("/overview")
        assert len(elements(first, "li", data_step=True)) == 3
        clicks = 1
        started = await browser.send_form("/overview/sample", {})
        assert started.headers["location"].startswith("/approvals")
        async with database.read() as session:
            task_id = (await session.execute(select(Task.id).where(Task.owner_id == ann.id))).scalar_one()
        assert await tester.run(task_id) == "pending_approval"
        inbox = await browser.get(started.headers["location"])
        [row] = elements(inbox, "tr", id=True)
        path = f"/approvals/{row['id'].removeprefix('approval-')}"
        clicks += 1
        page = await browser.get(path)
        clicks += 2  # the choice, and the button
        sent = {"version": hidden(page.text, "version"), "decision": "approve"}
        assert (await browser.send_form(f"{path}/decision", sent)).status_code == 303
        assert await tester.run(task_id) == "succeeded"
        assert clicks <= 6
        assert not elements(await browser.get("/overview"), "li", data_step=True), "begun"


async def test_words_are_explained_and_the_look_is_chosen_for_a_browser(
    database: Database, settings: Settings, redis: Redis
) -> None:
    ann = await principal(database, "ann@example.org")
    async with site_of(settings, database, redis) as transport:
        async with browser_of(transport, ann) as browser:
            known = {each["id"] for each in elements(await browser.get("/help"), "dt", id=True)}
            held = await make_task(database, TaskState.PENDING_APPROVAL, owner_id=ann.id)
            marked = set()
            for page in ("/dead-letters", "/tasks/new", "/overview", f"/tasks/{held}"):
                marks = elements(await browser.get(page), "a", class_="help")
                assert all(mark["title"].endswith(".") for mark in marks)
                marked |= {mark["href"].partition("#")[2] for mark in marks}
            assert {"kind", "hold", "redrive", "dead-letter"} <= marked <= known
            assert (await browser.get("/about")).status_code == 200
            for theme, shown in (("dark", "dark"), ("system", None)):
                kept = await browser.send_form("/settings/appearance", {"theme": theme})
                cookie = re.search(r"hg_theme=(\w*)", kept.headers["set-cookie"])
                assert cookie is not None and (cookie[1] or None) == shown
                page_after = await browser.get("/overview")
                assert elements(page_after, "html")[0].attributes.get("data-theme") == shown
                colours = [each.attributes.get("media") for each in elements(page_after, "meta", name="theme-color")]
                by_system = ["(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"]
                assert colours == ([None] if shown else by_system)
            assert (await browser.send_form("/settings/appearance", {"theme": "pink"})).status_code == 422
        async with stranger(transport) as nobody:
            assert texts(await nobody.get("/about"), "h1")
            odd: httpx.Response = await nobody.get("/login", headers={"cookie": "hg_theme=%22%3E"})
            assert "data-theme" not in elements(odd, "html")[0].attributes
