"""Every page opens for those it is for, also while there is nothing, and the buttons on them work without htmx."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text, update

import tests.runtime.kinds
import tests.tasks.kinds  # noqa: F401
from holdgate.asgi import MEANT
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.schema import head
from holdgate.tasks.models import Task
from holdgate.tasks.service import RUN_CANCELLED
from holdgate.tasks.states import TaskState
from tests.elements import alerts, texts
from tests.factories.approvals import TITLE, principal, put_question
from tests.factories.installation import fill
from tests.factories.people import Browser, is_empty, words
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import make_task
from tests.factories.workers import task_of
from tests.pages import FILTERED, FOR_EVERYBODY, PAGES, REFUSED_PAGES


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def admin(database: Database, transport: httpx.ASGITransport) -> AsyncIterator[Browser]:
    async with browser_of(transport, await principal(database, "root@example.org", admin=True)) as browser:
        yield browser


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database, "ann@example.org")


@pytest.fixture
async def member(transport: httpx.ASGITransport, ann: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, ann) as browser:
        yield browser


async def test_every_page_opens_empty(admin: Browser) -> None:
    refused = {}
    for path in (*PAGES, *FILTERED):
        if "{" not in path and path not in REFUSED_PAGES:
            answer = await admin.get(path)
            if answer.status_code != 200 or "<h1" not in answer.text:
                refused[path] = (answer.status_code, words(answer))
    assert refused == {}


async def test_every_task_s_page_opens_in_every_state(
    database: Database, settings: Settings, member: Browser, ann: Principal
) -> None:
    await fill(database, settings, ann)
    async with database.read() as session:
        tasks = list(await session.execute(select(Task.id, Task.state).where(Task.owner_id == ann.id)))
    assert {state for _, state in tasks} == set(TaskState)
    for task_id, _ in tasks[-20:]:
        answer = await member.get(f"/tasks/{task_id}")
        assert answer.status_code == 200, words(answer)
        assert "Timeline" in answer.text


async def test_the_tasks_of_a_run_have_pages_both_ways_and_are_exported_as_they_are_filtered(
    database: Database, settings: Settings, member: Browser, ann: Principal
) -> None:
    run_id = await fill(database, settings, ann)
    pages = [await member.get(f"/runs/{run_id}")]
    for rel in ("next", "prev"):
        link = re.search(rf'rel="{rel}" href="([^"]+)"', pages[-1].text)
        assert link, words(pages[-1])
        pages.append(await member.get(link[1].replace("&amp;", "&")))
    first, second, back = (re.findall(r'<tr id="task-([0-9a-f-]{36})"', page.text) for page in pages)
    assert (len(first), len(second), back) == (50, 10, first)
    assert 'rel="prev"' not in pages[0].text + pages[2].text
    async with database.write("system") as session:
        await session.execute(
            update(Task).where(Task.id == UUID(first[0])).values(state="cancelled", finished_at=func.now())
        )
    page = await member.get(f"/runs/{run_id}?state=cancelled")
    export = re.search(r'href="(/tasks/export\.json[^"]*)"', page.text)
    assert export
    assert [each["id"] for each in (await member.get(export[1].replace("&amp;", "&"))).json()] == first[:1]


async def test_titles_are_escaped_everywhere(
    database: Database, settings: Settings, member: Browser, ann: Principal
) -> None:
    run_id = await fill(database, settings, ann)
    for path in ("/tasks", f"/runs/{run_id}", "/overview"):
        page = await member.get(path)
        assert "Task <1" not in page.text
    assert texts(await member.get("/runs"), "a", href=f"/runs/{run_id}")[0] == "A run & more"


async def test_a_run_is_paused_resumed_and_cancelled_by_its_buttons(
    database: Database, settings: Settings, member: Browser, ann: Principal
) -> None:
    run_id = await fill(database, settings, ann)
    for verb, word in (("pause", "Paused"), ("resume", "Active"), ("cancel", "Cancelled")):
        answer = await member.send_form(f"/runs/{run_id}/{verb}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run_id}")
        assert word in words(await member.get(f"/runs/{run_id}"))
    late = await member.send_form(f"/runs/{run_id}/pause")
    assert late.status_code == 409
    assert "cancelled" in words(late)


@pytest.mark.parametrize(
    ("verb", "state", "becomes"),
    [
        ("retry", TaskState.DEAD_LETTER, "queued"),
        ("retry", TaskState.CANCELLED, "queued"),
        ("resume", TaskState.REJECTED, "queued"),
        ("resume", TaskState.EXPIRED, "queued"),
        ("cancel", TaskState.RUNNING, "cancelled"),
        ("cancel", TaskState.PENDING_APPROVAL, "cancelled"),
    ],
)
async def test_a_task_s_buttons_do_what_they_say(
    database: Database, member: Browser, ann: Principal, verb: str, state: TaskState, becomes: str
) -> None:
    task_id = await make_task(database, state, owner_id=ann.id)
    page = await member.get(f"/tasks/{task_id}")
    assert f'action="/tasks/{task_id}/{verb}"' in page.text
    assert (await member.send_form(f"/tasks/{task_id}/{verb}")).status_code == 303
    task = await task_of(database, task_id)
    assert task.state == becomes
    if verb == "resume":
        assert task.priority == 100
    assert (await member.send_form(f"/tasks/{task_id}/{verb}")).status_code == 409


async def test_what_is_somebody_elses_does_not_exist(
    database: Database, settings: Settings, transport: httpx.ASGITransport, ann: Principal
) -> None:
    run_id = await fill(database, settings, ann)
    task_id = await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id)
    async with browser_of(transport, await principal(database, "eve@example.org")) as eve:
        for path in (f"/runs/{run_id}", f"/tasks/{task_id}"):
            assert (await eve.get(path)).status_code == 404
        assert (await eve.send_form(f"/runs/{run_id}/cancel")).status_code == 404
        assert (await eve.send_form(f"/tasks/{task_id}/retry")).status_code == 404
        assert is_empty(await eve.get("/tasks"))
        assert is_empty(await eve.get("/runs"))
        assert (await eve.get("/admin/users")).status_code == 403
    assert (await task_of(database, task_id)).state == "dead_letter"


async def test_addresses_that_people_guess_lead_to_what_they_mean(member: Browser) -> None:
    for path, meant in MEANT.items():
        answer = await member.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, meant)
        assert (await member.get(meant)).status_code == 200


async def test_signed_out_people_are_sent_to_sign_in_and_back(transport: httpx.ASGITransport) -> None:
    shown = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as nobody:
        for path in PAGES:
            if "{" not in path and path not in FOR_EVERYBODY:
                answer = await nobody.get(path)
                if answer.status_code != 303 or not answer.headers["location"].startswith("/login?next="):
                    shown[path] = answer.status_code
    assert shown == {}


async def test_the_list_of_tasks_pages_through_all_of_them_once(
    database: Database, settings: Settings, member: Browser, ann: Principal
) -> None:
    await fill(database, settings, ann)
    seen: list[str] = []
    path = "/tasks"
    while path:
        page = (await member.get(path)).text
        seen += re.findall(r'<a href="/tasks/([0-9a-f-]{36})">', page)
        following = re.search(r'href="(/tasks\?[^"]*cursor=[^"]*)"', page)
        path = following[1].replace("&amp;", "&") if following else ""
    async with database.read() as session:
        total = await session.scalar(select(func.count()).where(Task.owner_id == ann.id))
    assert len(seen) == len(set(seen)) == total


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tasks?cursor=nonsense", 422),
        ("/runs?cursor=AAAA", 422),
        ("/tasks?state=nonsense", 422),
        ("/tasks?run_id=nonsense", 422),
        ("/tasks?q=%00", 422),
        ("/tasks?q=%25_%5C", 200),
        ("/tasks/00000000-0000-0000-0000-000000000000", 404),
        ("/tasks/nonsense", 404),
        ("/nowhere", 404),
        ("/approvals/00000000-0000-0000-0000-000000000000", 404),
    ],
)
async def test_strange_addresses_get_a_clear_page_never_a_500(member: Browser, path: str, status: int) -> None:
    answer = await member.get(path)
    assert answer.status_code == status, words(answer)
    assert "<h1" in answer.text


async def test_deciding_in_the_inbox_works_without_htmx(
    database: Database, settings: Settings, transport: httpx.ASGITransport
) -> None:
    asked = await put_question(database, settings)
    owner = await principal(database)
    async with browser_of(transport, owner) as browser:
        assert TITLE in words(await browser.get("/approvals"))
        held = await browser.get(f"/tasks/{asked.task_id}/question")
        assert held.headers["location"] == f"/approvals/{asked.approval_id}"
        path = f"/approvals/{asked.approval_id}/decision"
        empty = await browser.send_form(path, {"version": asked.version, "answer.wish": "typed"})
        assert empty.status_code == 422
        assert "typed" in empty.text
        decided = await browser.send_form(
            path, {"version": asked.version, "answer.wish": "typed", "decision": "approve"}
        )
        assert decided.status_code == 303, words(decided)
        assert TITLE in words(await browser.get("/approvals?show=decided"))
    assert (await task_of(database, asked.task_id)).state == "queued"


async def test_probes_tell_that_it_works(transport: httpx.ASGITransport, database: Database) -> None:
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as probe:
        for path in ("/livez", "/readyz", "/health", "/health/db"):
            answer = await probe.get(path)
            assert answer.status_code == 200, answer.text
            assert (await probe.head(path)).status_code == 200
        assert (await probe.get("/readyz")).json() == {"status": "ok", "database": "ok", "redis": "ok"}
        for path in ("/health", "/health/db"):
            assert (await probe.get(path)).json() == {"status": "ok"}


@pytest.mark.parametrize(("revision", "status"), [("9999", 200), ("0000", 503)], ids=["newer", "older"])
async def test_a_process_serves_on_a_newer_schema_and_waits_on_an_older_one(
    transport: httpx.ASGITransport, database: Database, revision: str, status: int
) -> None:
    set_to = text("UPDATE alembic_version SET version_num = :revision")
    async with database.write("system") as session:
        await session.execute(set_to, {"revision": revision})
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as probe:
            assert (await probe.get("/readyz")).status_code == status
    finally:
        async with database.write("system") as session:
            await session.execute(set_to, {"revision": head()})


async def test_a_task_by_hand_is_enqueued_and_what_does_not_fit_keeps_what_was_typed(
    database: Database, member: Browser, ann: Principal
) -> None:
    made = await member.send_form("/tasks", {"kind": "sample.task", "payload": '{"steps": 2}', "priority": "70"})
    assert made.status_code == 303, words(made)
    task = await task_of(database, UUID(made.headers["location"].rsplit("/", 1)[1]))
    assert (task.kind, task.payload, task.priority, task.owner_id) == ("sample.task", {"steps": 2}, 70, ann.id)
    for wrong, sentence in (
        ({"kind": "no.such"}, "Unknown kind"),
        ({"kind": "email.send", "payload": "{}"}, "made by Holdgate itself"),
        ({"payload": "[1]"}, "Not a JSON object"),
        ({"payload": '{"steps": "two"}'}, "Expected `int`"),
        ({"payload": '{"stepps": 2}'}, "unknown field"),
        ({"priority": "1001"}, "at most 1000"),
        ({"queue": "No Such"}, "Use small letters"),
    ):
        form = {"kind": "sample.task", "payload": "{}", "title": "kept title", **wrong}
        refused = await member.send_form("/tasks", form)
        assert refused.status_code == 422
        assert sentence in words(refused), words(refused)
        assert "kept title" in refused.text
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Task)) == 1


async def test_a_task_of_a_cancelled_run_stays_ended(
    database: Database, settings: Settings, member: Browser, ann: Principal
) -> None:
    run_id = await fill(database, settings, ann)
    await member.send_form(f"/runs/{run_id}/cancel")
    async with database.read() as session:
        task_id = await session.scalar(select(Task.id).where(Task.run_id == run_id).limit(1))
    answer = await member.send_form(f"/tasks/{task_id}/retry")
    assert answer.status_code == 409
    assert RUN_CANCELLED in alerts(answer)
    assert task_id is not None
    assert (await task_of(database, task_id)).state == "cancelled"
