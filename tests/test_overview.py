"""The overview, the workers and the queues: what each person sees there, by links and without a script."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import event, text

import tests.runtime.kinds
import tests.tasks.kinds  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.runtime import process_stats, workers
from holdgate.runtime.process_stats import Vitals
from holdgate.schedules import service as schedules
from holdgate.schedules.plan import SchedulePlan
from holdgate.tasks.queue.claims import claim_tasks
from holdgate.tasks.states import TaskState
from tests.elements import elements, notices, texts
from tests.factories.approvals import principal, put_question
from tests.factories.bulk import buried, fail
from tests.factories.people import HTMX, Browser, is_empty, words
from tests.factories.site import browser_of, site_of
from tests.factories.stats import fold_all
from tests.factories.tasks import make_task
from tests.factories.workers import until, working

MOST_STATEMENTS = 12


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, "root@example.org", admin=True)


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database, "ann@example.org")


@pytest.fixture
async def admin(transport: httpx.ASGITransport, root: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, root) as browser:
        yield browser


@pytest.fixture
async def member(transport: httpx.ASGITransport, ann: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, ann) as browser:
        yield browser


def needs(page: httpx.Response) -> dict[str, int]:
    """What needs the person now: its key, and how many there are of it."""
    lines = re.findall(r'<li id="need-([^"]+)">.*?<span class="need-text">(.*?)</span>', page.text, re.DOTALL)
    return {key: int((re.findall(r"\d+", text) or ["1"])[0]) for key, text in lines}


def rows_of(page: httpx.Response, chart: str) -> list[list[str]]:
    """The numbers of each row of a chart's table, oldest first."""
    [figure] = re.findall(rf'<figure class="figure" id="chart-{chart}".*?</figure>', page.text, re.DOTALL)
    rows = re.findall(r"<tr data-at=.*?</tr>", figure, re.DOTALL)
    return [re.findall(r'data-value="([^"]+)"', row) for row in rows]


async def mail(database: Database, **values: object) -> None:
    """A mail that was sent, as the log tells it."""
    async with database.write("system") as session:
        await session.execute(
            text("INSERT INTO tasks (id, kind, queue, owner_id) VALUES (:id, 'email.send', 'mail', :owner)"),
            {"id": uuid7(), "owner": values.get("owner")},
        )
        await session.execute(
            text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE kind = 'email.send'")
        )


async def test_nothing_has_ever_run_leads_to_the_first_run_and_mail_alone_is_nothing(
    database: Database, admin: Browser, root: Principal
) -> None:
    for _ in range(2):
        page = await admin.get("/overview")
        assert is_empty(page)
        assert 'href="/postings/import"' in page.text
        assert 'href="/tasks/new"' in page.text
        assert page.text.count("button--primary") == 1, "one thing to begin with"
        await mail(database, owner=root.id)
    await make_task(database)
    assert not is_empty(await admin.get("/overview"))


async def test_the_most_pressing_question_is_first_and_the_others_are_in_the_inbox(
    database: Database, settings: Settings, admin: Browser, root: Principal
) -> None:
    for minutes in (50, 10, 30, 40, 20, 60):
        await put_question(
            database, settings, recipients=(root.email,), name=str(minutes), ttl=timedelta(minutes=minutes)
        )
    page = (await admin.get("/overview")).text
    listed = re.search(r'<ul class="needs">.*?</ul>', page, re.DOTALL)
    assert listed
    assert listed[0].count("data-countdown") == 4
    async with database.read() as session:
        nearest = await session.execute(text("SELECT id FROM approvals ORDER BY expires_at LIMIT 4"))
        assert re.findall(r'href="/approvals/([0-9a-f-]+)"', listed[0]) == [str(id) for id in nearest.scalars()]
    assert needs(await admin.get("/overview"))["questions"] == 2


async def test_what_does_not_wait_for_this_person_is_not_told_them(
    database: Database, settings: Settings, member: Browser
) -> None:
    await put_question(database, settings)
    await make_task(database, TaskState.DEAD_LETTER)
    page = await member.get("/overview")
    assert is_empty(page)
    assert needs(page) == {}


async def test_dead_letters_and_questions_nobody_got_are_told(
    database: Database, settings: Settings, admin: Browser
) -> None:
    await make_task(database, TaskState.DEAD_LETTER)
    await put_question(database, settings, recipients=("a@example.org", "b@example.org"))
    assert "undelivered" not in needs(await admin.get("/overview"))
    async with database.write("system") as session:
        await session.execute(text("UPDATE approval_recipients SET state = 'undelivered' WHERE email LIKE 'a@%'"))
    assert "undelivered" not in needs(await admin.get("/overview")), "one of them has it"
    async with database.write("system") as session:
        await session.execute(text("UPDATE approval_recipients SET state = 'undelivered'"))
    found = needs(await admin.get("/overview"))
    assert (found["undelivered"], found["dead"]) == (1, 1)


async def test_a_failing_webhook_is_told_its_owner_and_administrators(
    database: Database, admin: Browser, member: Browser, ann: Principal
) -> None:
    async with database.write("system") as session:
        await session.execute(
            text(
                "INSERT INTO webhook_endpoints (id, owner_id, url, events, secret, failures, failing_since)"
                " VALUES (:id, :owner, 'https://example.org/', '[]', 'x', 3, now())"
            ),
            {"id": uuid7(), "owner": ann.id},
        )
    assert needs(await admin.get("/overview"))["webhooks"] == 1
    assert needs(await member.get("/overview"))["webhooks"] == 1
    async with database.write("system") as session:
        await session.execute(text("UPDATE webhook_endpoints SET failures = 0, failing_since = NULL"))
    assert "webhooks" not in needs(await admin.get("/overview"))


@pytest.mark.parametrize("period", ["hour", "day", "week", "", "century"])
async def test_a_period_shows_each_its_own_numbers_with_mail_apart(
    database: Database, admin: Browser, member: Browser, ann: Principal, period: str
) -> None:
    await make_task(database, TaskState.SUCCEEDED, owner_id=ann.id)
    await make_task(database, TaskState.SUCCEEDED)
    await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id)
    await mail(database, owner=ann.id)
    await fold_all(database)
    for browser, succeeded in ((admin, 2), (member, 1)):
        page = await browser.get(f"/overview?period={period}")
        fragment = await browser.get(f"/overview?period={period}", headers=HTMX)
        assert f"/overview?period={period if period in ('hour', 'day', 'week') else 'hour'}" in page.text
        assert fragment.text.strip().splitlines()[0] in page.text
        [row] = re.findall(r'<tr id="kind-test.nothing">.*?</tr>', page.text, re.DOTALL)
        assert re.findall(r'data-label="(?:Succeeded|Failed)">(\d+)<', row) == [str(succeeded), "1"]
        assert '<tr id="kind-mail">' in page.text
        columns = rows_of(page, "throughput")
        assert sum(int(row[0]) for row in columns) == succeeded
        assert len(columns) == {"day": 96, "week": 84}.get(period, 60)


async def test_tasks_that_nobody_serves_are_a_few_lines_and_one_when_no_worker_runs(
    database: Database, admin: Browser
) -> None:
    for n in range(6):
        await make_task(database, queue=f"forgotten-{n}")
    assert needs(await admin.get("/overview")) == {"orphans": 6}
    async with database.write("system") as session:
        pulse = Vitals("1.0", 123_000_000, 0.25)
        await workers.beat(session, uuid7(), "host", 1, {"default": 20, "mail": 5}, 3, False, None, None, pulse)
    found = needs(page := await admin.get("/overview"))
    assert set(found) == {*(f"orphan-forgotten-{n}-test.nothing" for n in range(4)), "orphans"}
    assert found["orphans"] == 2
    assert "1 online" in words(page)
    assert re.findall(r"\d+", texts(page, data_cell="places")[0]) == ["3", "25"]
    assert "123 MB" in texts(page, data_cell="memory")[0]


async def test_every_page_stays_within_its_statements_with_every_sort_of_need(
    database: Database, settings: Settings, admin: Browser, root: Principal
) -> None:
    await put_question(database, settings, recipients=(root.email,))
    await make_task(database, TaskState.DEAD_LETTER)
    await make_task(database, queue="paused")
    await fold_all(database)
    async with database.write("system") as session:
        await workers.beat(session, uuid7(), "host", 1, {"default": 20}, 0, False)
        await session.execute(text("INSERT INTO queues VALUES ('paused', now(), 'x')"))
    statements: list[str] = []

    def count(_connection, _cursor, statement: str, *_rest: object) -> None:  # type: ignore[no-untyped-def]
        statements.append(statement)

    for path in ("/overview", "/overview?period=week", "/workers", "/queues"):
        statements.clear()
        event.listen(database.engine.sync_engine, "before_cursor_execute", count)
        try:
            page = await admin.get(path)
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", count)
        assert page.status_code == 200
        assert len(statements) <= MOST_STATEMENTS, (path, len(statements))


async def test_a_worker_s_page_says_what_it_does_to_those_who_may_see_it(
    database: Database, admin: Browser, member: Browser, ann: Principal
) -> None:
    worker = uuid7()
    hers = await make_task(database, owner_id=ann.id, title="Hers")
    for n in range(7):
        await make_task(database, title=f"Somebody's {n}")
    async with database.write("worker:x") as session:
        await claim_tasks(
            session, queue="default", kinds=["test.nothing"], worker=worker, limit=8, lease=timedelta(seconds=15)
        )
        pulse = Vitals("9.8.7", 123_000_000, 0.25)
        await workers.beat(session, worker, "host-1", 1, {"default": 20}, 8, True, ["test.nothing"], None, pulse)
    page = words(await admin.get("/workers"))
    assert "version 9.8.7" in page
    assert "123 MB" in page
    assert "25 %" in page
    assert "Draining" in page
    assert page.count("Somebody's") + page.count("Hers") == 5
    assert "3 more" in page
    seen = await member.get("/workers")
    assert f"/tasks/{hers}" in seen.text
    assert "Somebody" not in seen.text
    assert "7 more" in words(seen)


async def test_the_workers_page_names_the_queue_that_nobody_serves(database: Database, admin: Browser) -> None:
    async with database.write("system") as session:
        await workers.beat(session, uuid7(), "host", 1, {"default": 20}, 0, False, ["test.steps"])
    await make_task(database)
    assert "unserved-kind" in notices(await admin.get("/workers"))
    await make_task(database, queue="forgotten")
    assert "forgotten" in notices(await admin.get("/workers"))["unserved-queue"]


async def test_a_working_worker_says_its_memory_processor_and_version(settings: Settings, database: Database) -> None:
    async with working(database, settings):

        async def told() -> bool:
            async with database.read() as session:
                rows = await session.execute(text("SELECT memory, cpu, version FROM workers"))
                return any(
                    memory and memory > 10_000_000 and cpu is not None and cpu >= 0 and version
                    for memory, cpu, version in rows
                )

        await until(told)


def test_memory_is_known_where_the_kernel_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = process_stats.resident()
    monkeypatch.setattr(process_stats, "_STATM", Path("/nowhere"))
    assert 0.5 * now < process_stats.resident() < 20 * now


async def test_the_queues_page_says_depth_service_and_what_was_done(database: Database, admin: Browser) -> None:
    for state in (TaskState.SUCCEEDED, TaskState.SUCCEEDED, TaskState.PENDING_APPROVAL, TaskState.QUEUED):
        await make_task(database, state)
    await make_task(database, queue="forgotten")
    await fold_all(database)
    async with database.write("system") as session:
        for _ in range(2):
            await workers.beat(session, uuid7(), "host", 1, {"default": 20}, 0, False)
    page = (await admin.get("/queues")).text
    [row] = re.findall(r'<tr id="queue-default">.*?</tr>', page, re.DOTALL)
    assert re.search(r'data-cell="held"[^>]*>1<', row)
    assert re.search(r'data-cell="places"[^>]*>40<', row)
    assert "2 workers" in row
    assert "peak 2" in row
    [row] = re.findall(r'<tr id="queue-forgotten">.*?</tr>', page, re.DOTALL)
    assert "No worker" in row


async def test_a_schedule_that_nobody_beats_is_told_its_owner(
    database: Database, admin: Browser, member: Browser, ann: Principal
) -> None:
    async with database.write(ann.actor) as session:
        plan = SchedulePlan(name="Each night", kind="test.nothing", payload={}, cron="0 3 * * *", zone="UTC")
        await schedules.create(session, ann, plan)
    assert "late" not in needs(await member.get("/overview"))
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET next_at = now() - interval '1 min'"))
    assert needs(await member.get("/overview"))["late"] == 1
    assert needs(await admin.get("/overview"))["late"] == 1
    async with database.write("system") as session:
        await session.execute(text("UPDATE schedules SET owner_id = (SELECT id FROM users WHERE email LIKE 'root@%')"))
    assert "late" not in needs(await member.get("/overview"))


async def test_what_fails_is_what_failed_in_the_time_that_was_chosen(database: Database, admin: Browser) -> None:
    await buried(database, 2, "It is away.")
    [late] = await buried(database, 1, "It is away.")
    waiting = await make_task(database)
    await fail(database, [waiting], "It is slow.", TaskState.RETRYING)
    await fold_all(database)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET resolved_at = now() WHERE id = :id"), {"id": late})
    said = words(page := await admin.get("/overview"))
    assert re.search(
        r"RuntimeError It is away. test.nothing 3 .* 0 2 RuntimeError It is slow. test.nothing 1 .* 1 0", said
    )
    assert needs(page)["dead"] == 2
    assert "all test.nothing" in said
    await make_task(database, TaskState.DEAD_LETTER, kind="test.free")
    await make_task(database, TaskState.DEAD_LETTER, kind="test.permanent", payload={"name": "x"})
    page = await admin.get("/overview")
    assert needs(page)["dead"] == 4
    [note] = texts(page, data_note=True)
    assert {"2", "test.nothing"} <= set(note.split())
    [away, slow] = re.findall(r'"/errors/([0-9a-f]{12})"', page.text)
    assert len(ids_of_tasks(await admin.get(f"/tasks?fingerprint={away}"))) == 3
    assert ids_of_tasks(await admin.get(f"/tasks?fingerprint={slow}")) == {str(waiting)}
    async with database.write("system") as session:
        await session.execute(text("UPDATE error_minutes SET minute = minute - interval '2 h'"))
    assert elements(await admin.get("/overview"), "tr", id="failure-none")
    assert not elements(await admin.get("/overview?period=day"), "tr", id="failure-none")


async def test_the_charts_are_of_the_kind_and_percentile_that_were_chosen(database: Database, admin: Browser) -> None:
    await make_task(database, TaskState.SUCCEEDED)
    await make_task(database, TaskState.SUCCEEDED, kind="test.free")
    await fold_all(database)
    page = await admin.get("/overview?kind=test.free&percentile=p99")
    assert sum(int(row[0]) for row in rows_of(page, "throughput")) == 1
    assert [len(row) for row in rows_of(page, "wait") if row] == [2]
    assert "Queue p99" in words(page)
    assert {"test.free", "test.nothing"} <= {each["value"] for each in elements(page, "option")}
    [live] = elements(page, id="overview")
    assert live["hx-get"] == "/overview?period=hour&kind=test.free&percentile=p99", "a swap shows the same"
    assert [len(row) for row in rows_of(await admin.get("/overview?percentile=p50"), "wait") if row] == [1]
    assert sum(int(row[0]) for row in rows_of(await admin.get("/overview?percentile=none&kind="), "throughput")) == 2
    hrefs = {link["href"] for link in elements(page, "a") if "finished_after" in link.attributes.get("href", "")}
    assert len(hrefs) == 60
    listed = [ids_of_tasks(await admin.get(href)) for href in sorted(hrefs)[-3:]]
    assert sum(len(each) for each in listed) == 1, "the columns lead to the one task of the kind"


async def test_administrators_see_how_full_the_queues_were_and_what_has_changed_since(
    database: Database, admin: Browser, member: Browser
) -> None:
    await make_task(database)
    await fold_all(database)
    assert not elements(await admin.get("/overview"), id="chart-depth"), "nothing has been sampled"
    async with database.write("system") as session:
        await session.execute(
            text(
                "INSERT INTO queue_depths SELECT 1, date_bin('1 min', now() - interval '59 min', 'epoch'), q, 4, 90"
                " FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g']) AS q"
            )
        )
    page = await admin.get("/overview")
    assert [row for row in rows_of(page, "depth") if row] == [["4"] * 5 + ["8"]], "the sixth line is all others"
    assert [row for row in rows_of(page, "oldest") if row] == [["90.0"] * 6]
    [queued, *_] = elements(page, data_delta=True)
    assert queued["data-delta"] == "-27"
    assert not elements(await member.get("/overview"), id="chart-depth")


async def test_figures_stand_beside_those_of_the_period_before(database: Database, admin: Browser) -> None:
    for state in (TaskState.SUCCEEDED, TaskState.SUCCEEDED, TaskState.DEAD_LETTER):
        await make_task(database, state)
    await fold_all(database)
    before = "UPDATE task_minutes SET minute = minute - interval '1 h' WHERE span = 1 AND outcome = 'dead_letter'"
    async with database.write("system") as session:
        await session.execute(text(before))
    assert [each["data-delta"] for each in elements(await admin.get("/overview"), data_delta=True)] == ["-1", "2"]
    async with database.write("system") as session:
        await session.execute(text(before))
    assert [each["data-delta"] for each in elements(await admin.get("/overview"), data_delta=True)] == ["0", "2"]


async def test_the_first_line_says_whether_all_is_well(database: Database, admin: Browser) -> None:
    async def verdict() -> str:
        return texts(await admin.get("/overview"), id="verdict")[0]

    await make_task(database, TaskState.SUCCEEDED)
    assert await verdict() == "No workers running"
    async with database.write("system") as session:
        await workers.beat(session, uuid7(), "host", 1, {"default": 20}, 0, False)
    assert await verdict() == "All is well · 1 worker"
    await buried(database, 1, "It is away.")
    await fold_all(database)
    assert await verdict() == "1 thing needs you · 1 error rising · 1 worker"


def ids_of_tasks(page: httpx.Response) -> set[str]:
    return set(re.findall(r'href="/tasks/([0-9a-f-]{36})', page.text))
