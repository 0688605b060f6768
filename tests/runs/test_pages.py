"""The pages of runs: found by kind, owner and date; drawn by time; and who they wait for, with a reminder."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import select, text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runs.pages.strip import MOST_LANES, StartedTask, strip_of
from holdgate.runs.service import start_run
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from tests.elements import elements, invalid
from tests.factories.approvals import ANN, BOB, principal, put_question
from tests.factories.runs import start
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import make_task

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


async def test_runs_are_found_by_the_kind_of_their_tasks_their_owner_and_the_day_they_started(
    database: Database, settings: Settings, redis: Redis
) -> None:
    ann, root = await principal(database), await principal(database, "root@example.org", admin=True)
    old, new = await start(database, ann, 1), await start(database, root, 1)
    async with database.write(root.actor) as session:
        letters = await start_run(session, root, "Letters", [TaskRequest(kind="test.nothing", payload={})])
        await session.execute(text("UPDATE runs SET created_at = '2026-05-01 23:30:00Z' WHERE id = :id"), {"id": old})

    async with site_of(settings, database, redis) as transport:

        async def found(person: object, query: str) -> set[UUID]:
            async with browser_of(transport, person) as browser:  # type: ignore[arg-type]
                page = await browser.get(f"/runs?{query}")
            return {UUID(row["id"][4:]) for row in elements(page, "tr", id=True)}

        assert await found(root, "kind=test.nothing") == {letters}
        assert await found(root, f"owner={ann.email.upper()}") == {old}
        assert await found(root, "until=2026-05-01") == {old}
        assert await found(root, "until=2026-04-30") == set()
        assert await found(root, "since=2026-05-02") == {new, letters}
        assert await found(root, "since=yesterday&state=active") == {old, new, letters}, (
            "what is no day does not filter"
        )
        assert await found(ann, f"owner={root.email}") == {old}, "members have nobody else's"
        async with browser_of(transport, root) as browser:
            exported = await browser.get("/runs/export.json?kind=test.nothing")
            assert [row["id"] for row in exported.json()] == [str(letters)]
            assert "kind=test.nothing" in (await browser.get("/runs?kind=test.nothing")).text.split('class="tabs"')[1]


def test_tasks_that_ran_at_once_stand_in_lanes_and_those_after_one_another_in_one() -> None:
    def task(start: float, end: float | None, state: str = "succeeded") -> StartedTask:
        ended = None if end is None else AT + timedelta(seconds=end)
        return StartedTask(UUID(int=1), "A task", state, AT + timedelta(seconds=start), ended)

    strip = strip_of(
        [task(0, 50), task(10, 20), task(50, 100), task(60, None, "running")], AT, AT + timedelta(seconds=80)
    )
    assert [each.lane for each in strip.tasks] == [0, 1, 0, 1]
    assert (strip.lanes, strip.tasks[1].left, strip.tasks[1].width) == (2, 10, 10)
    assert strip.tasks[3].took == timedelta(seconds=20), "it goes on until now"
    assert [words for _, words in strip.ticks][:2] == ["0", "30 s"]
    crowd = strip_of([task(0, 1)] * 100, AT, AT + timedelta(seconds=1))
    assert crowd.lanes == MOST_LANES
    assert all(each.left >= 0 and each.left + each.width <= 100.01 for each in crowd.tasks)
    assert strip_of([task(0, 0)], AT, AT).tasks[0].width > 0


async def test_a_run_s_page_draws_its_tasks_and_names_whom_it_waits_for_with_a_reminder_an_hour(
    database: Database, settings: Settings, redis: Redis
) -> None:
    owner, eve = await principal(database), await principal(database, "eve@example.org")
    run = await start(database, owner, 1)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    asked = await put_question(database, settings, run_id=run, recipients=(ANN, BOB))
    quick = await make_task(database, TaskState.SUCCEEDED, run_id=run, owner_id=owner.id, title="Quick one")
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET started_at = created_at WHERE id = :id"), {"id": quick})

    async def mails() -> list[str]:
        async with database.read() as session:
            rows = await session.execute(
                text("SELECT payload->>'to' FROM tasks WHERE payload->>'template' = 'approval_reminder' ORDER BY 1")
            )
            return list(rows.scalars())

    async with site_of(settings, database, redis) as transport:
        async with browser_of(transport, owner) as browser:
            page = await browser.get(f"/runs/{run}")
            assert [row["data-waits-for"] for row in elements(page, "tr", data_waits_for=True)] == [ANN, BOB]
            lines = [each["data-state"] for each in elements(page, "rect", class_="strip-task")]
            assert sorted(lines) == ["pending_approval", "succeeded"]
            assert f'/tasks/{asked.task_id}"' in page.text
            assert (await browser.send_form(f"/runs/{run}/remind", {"email": ANN})).status_code == 303
            assert await mails() == [ANN]
            again = await browser.send_form(f"/runs/{run}/remind", {"email": ANN})
            assert again.status_code == 409
            assert (
                await browser.send_form(f"/runs/{run}/remind", {"email": "stranger@example.org"})
            ).status_code == 409
            assert (await browser.send_form(f"/runs/{run}/remind", {})).status_code == 422
            assert (await browser.send_form(f"/runs/{run}/remind", {"email": BOB})).status_code == 303
        async with browser_of(transport, eve) as browser:
            assert (await browser.send_form(f"/runs/{run}/remind", {"email": BOB})).status_code == 404
    assert await mails() == [ANN, BOB]


async def test_a_run_of_any_kind_is_started_from_the_page_and_a_wrong_line_is_named(
    database: Database, settings: Settings, redis: Redis
) -> None:
    ann = await principal(database)
    form = {"kind": "test.steps", "name": "Spring", "title": "Letter", "payloads": '{"name": "a"}\n\n{"name": "b"}\n'}
    async with site_of(settings, database, redis) as transport, browser_of(transport, ann) as browser:
        page = await browser.get("/runs/new/tasks?kind=test.steps")
        assert [each["value"] for each in elements(page, "input", name="kind")] == ["test.steps"]
        started = await browser.send_form("/runs/new/tasks", form)
        assert started.status_code == 303
        for payloads, line in (('{"name": "a"}\n{"nam": 1}', "Line 2"), ("[]", "Line 1"), (" ", "required")):
            refused = await browser.send_form("/runs/new/tasks", {**form, "payloads": payloads})
            assert refused.status_code == 422
            assert line in invalid(refused)["payloads"]
        assert (await browser.send_form("/runs/new/tasks", {**form, "name": " "})).status_code == 422
    async with database.read() as session:
        tasks = (await session.execute(select(Task).order_by(Task.title))).scalars().all()
        assert [(task.title, task.payload, task.owner_id) for task in tasks] == [
            ("Letter 1", {"name": "a"}, ann.id),
            ("Letter 2", {"name": "b"}, ann.id),
        ]
        assert {str(task.run_id) for task in tasks} == {started.headers["location"].rpartition("/")[2]}
