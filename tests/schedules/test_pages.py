"""The pages of schedules, without htmx: a form with preview, the buttons, whose is whose, what cannot start."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.elements import elements, invalid, notices, texts
from tests.factories.people import HTMX, Browser, add_user, is_empty, words
from tests.factories.schedules import NOON, fire, plan, schedule_of, tasks_of
from tests.factories.site import browser_of, site_of

FORM = {
    "name": "Morning report",
    "kind": "test.nothing",
    "payload": '{"word": "good morning"}',
    "cron": "30 8 * * MON-FRI",
    "zone": "Europe/Berlin",
    "missed": "skip",
    "priority": "60",
    "queue": "",
}


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


@pytest.fixture
async def member(transport: httpx.ASGITransport, ann: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, ann) as browser:
        yield browser


async def test_a_schedule_is_made_changed_paused_run_and_deleted_by_its_pages(
    database: Database, member: Browser
) -> None:
    made = await member.send_form("/schedules", FORM)
    assert made.status_code == 303, words(made)
    here = made.headers["location"]
    page = words(await member.get(here))
    for shown in (
        "Morning report",
        "30 8 * * MON-FRI",
        "Europe/Berlin",
        "08:30",
        "Skip",
        "good morning",
        "Created ann@example.org",
    ):
        assert shown in page
    form = (await member.get(f"{here}/edit")).text
    assert 'value="30 8 * * MON-FRI"' in form
    changed = await member.send_form(f"{here}/edit", {**FORM, "name": "Noon report", "cron": "0 12 * * *"})
    assert (changed.status_code, changed.headers["location"]) == (303, here)
    assert "12:00" in words(await member.get("/schedules"))
    assert (await member.send_form(f"{here}/pause")).status_code == 303
    assert "Paused by ann@example.org" in words(await member.get("/schedules"))
    ran = await member.send_form(f"{here}/run")
    task = (await member.get(ran.headers["location"])).text
    assert f'href="{here}"' in task
    assert "Noon report" in task
    assert (await member.send_form(f"{here}/resume")).status_code == 303
    page = words(await member.get(here))
    for verb in ("Edited cron, name", "Paused ann@example.org", "Run ann@example.org", "Resumed ann@example.org"):
        assert verb in page
    assert (await member.send_form(f"{here}/delete")).status_code == 303
    assert (await member.get(here)).status_code == 404
    assert is_empty(await member.get("/schedules"))


async def test_the_next_beats_are_shown_before_anything_is_saved(database: Database, member: Browser) -> None:
    answer = await member.send_form("/schedules", {**FORM, "name": "", "preview": "yes"})
    assert answer.status_code == 200
    assert words(answer).count(", 08:30") == 5
    assert "good morning" in answer.text
    assert not invalid(answer)
    answer = await member.send_form("/schedules", {**FORM, "cron": "61 * * * *", "preview": "yes"})
    assert list(invalid(answer)) == ["cron"]
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM schedules")) == 0


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("cron", "never", "Five fields"),
        ("zone", "Atlantis", "There is no time zone"),
        ("payload", "[]", "Not a JSON object"),
        ("payload", '{"word": 1}', "Expected `str`"),
        ("kind", "test.gone", "Unknown kind"),
        ("name", "", "This field is required"),
        ("missed", "perhaps", "option from the list"),
        ("queue", "No Such", "small letters"),
    ],
)
async def test_what_does_not_fit_is_said_at_its_field_and_nothing_typed_is_lost(
    member: Browser, field: str, value: str, said: str
) -> None:
    answer = await member.send_form("/schedules", {**FORM, field: value})
    assert answer.status_code == 422
    assert said in words(answer)
    assert f'id="f-{field}' in answer.text
    if field != "name":
        assert "Morning report" in answer.text


async def test_all_that_is_wrong_is_said_at_once(member: Browser) -> None:
    page = await member.send_form("/schedules", {**FORM, "cron": "never", "payload": "[]"})
    assert set(invalid(page)) == {"cron", "payload"}


async def test_a_member_sees_their_own_and_an_administrator_all(
    database: Database, transport: httpx.ASGITransport, member: Browser, ann: Principal
) -> None:
    bob = await add_user(database, "bob@example.org")
    mine, theirs = await plan(database, ann, name="Mine"), await plan(database, bob, name="Theirs")
    page = words(await member.get("/schedules"))
    assert "Mine" in page
    assert "Theirs" not in page
    for path in (f"/schedules/{theirs}", f"/schedules/{theirs}/edit"):
        assert (await member.get(path)).status_code == 404
    for path in (f"/schedules/{theirs}/edit", f"/schedules/{theirs}/run", f"/schedules/{theirs}/delete"):
        assert (await member.send_form(path, FORM)).status_code == 404
    assert await tasks_of(database, theirs) == []
    async with browser_of(transport, await add_user(database, "root@example.org", "admin")) as admin:
        page = words(await admin.get("/schedules"))
        assert "Mine" in page
        assert "Theirs" in page
        assert (await admin.send_form(f"/schedules/{mine}/pause")).status_code == 303
    assert (await schedule_of(database, mine)).paused_by == "root@example.org"


async def test_a_schedule_that_cannot_start_its_task_says_so_on_every_page(
    database: Database, member: Browser, ann: Principal
) -> None:
    gone = await plan(database, ann, name="Gone")
    await plan(database, ann, name="Sound")
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET kind = 'test.gone' WHERE id = :id"), {"id": gone})
    [line] = texts(await member.get("/schedules"), "tr", id=f"schedule-{gone}")
    assert "Cannot start" in line
    assert "'test.gone'" in line
    assert "'test.gone'" in notices(await member.get(f"/schedules/{gone}"))["problem"]
    assert "test.gone (unknown)" in (await member.get(f"/schedules/{gone}/edit")).text
    assert (await member.send_form(f"/schedules/{gone}/run")).status_code == 422
    assert (await member.send_form(f"/schedules/{gone}/edit", FORM)).status_code == 303


async def test_the_beats_and_their_tasks_are_listed_and_the_fragment_is_part_of_the_page(
    database: Database, member: Browser, ann: Principal
) -> None:
    schedule_id = await plan(database, ann)
    await fire(database, NOON.replace(hour=13))
    page = await member.get(f"/schedules/{schedule_id}")
    [task] = await tasks_of(database, schedule_id)
    assert f'href="/tasks/{task.id}"' in page.text
    assert "Mon 23 Nov 2026, 13:00" in texts(page, "section", id="run-history")[0]
    fragment = await member.get(f"/schedules/{schedule_id}", headers=HTMX)
    assert fragment.text.strip().splitlines()[0] in page.text
    listed = await member.get(f"/tasks?subject=schedule:{schedule_id}")
    assert str(task.id) in listed.text


async def test_a_schedule_is_told_only_by_a_post_and_only_what_it_knows(
    database: Database, member: Browser, ann: Principal
) -> None:
    schedule_id = await plan(database, ann)
    assert (await member.get(f"/schedules/{schedule_id}/run")).status_code == 405
    assert (await member.send_form(f"/schedules/{schedule_id}/explode")).status_code == 404
    assert await tasks_of(database, schedule_id) == []


async def test_the_payload_has_a_form_made_of_the_kinds_fields(database: Database, member: Browser) -> None:
    assert elements(await member.get("/schedules/new?kind=test.nothing"), name="p.word")
    sent = {name: value for name, value in FORM.items() if name != "payload"}
    made = await member.send_form("/schedules", {**sent, "p.word": "by the form"})
    assert made.status_code == 303, words(made)
    here = made.headers["location"]
    schedule = await schedule_of(database, UUID(here.rpartition("/")[2]))
    assert schedule.payload == {"word": "by the form"}
    [word] = elements(await member.get(f"{here}/edit"), name="p.word")
    assert word.attributes.get("value", word.text) == "by the form"
    as_json = await member.get(f"{here}/edit?kind=test.nothing&view=json")
    assert elements(as_json, "textarea", name="payload")


async def test_administrators_see_whose_a_schedule_is_and_everybody_its_time_zone(
    database: Database, transport: httpx.ASGITransport, member: Browser, ann: Principal
) -> None:
    await plan(database, ann, zone="Europe/Berlin")
    own = await member.get("/schedules")
    assert texts(own, "td", data_label="Time zone") == ["Europe/Berlin"]
    assert not elements(own, "td", data_label="Owner")
    async with browser_of(transport, await add_user(database, "root@example.org", "admin")) as admin:
        assert texts(await admin.get("/schedules"), "td", data_label="Owner") == [ann.email]
