"""`report.generate`: the numbers, whose tasks are in it, and that its files do no harm."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.files import FileStore
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.kinds import report_generate
from holdgate.kinds.report.numbers import columns_of
from holdgate.kinds.report.table import write_table
from holdgate.runs.service import start_run
from holdgate.stats.reports import TaskLine
from holdgate.tasks.artifacts import artifacts_of
from holdgate.tasks.errors import PayloadMismatch
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from holdgate.testing import KindTester
from tests.elements import texts
from tests.factories.people import add_user
from tests.factories.tasks import make_task


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


async def files_of(database: Database, settings: Settings, task_id: UUID) -> dict[str, bytes]:
    async with database.read() as session:
        found = await artifacts_of(session, task_id)
    store = FileStore(settings)
    return {file.name: await store.read(file.key) or b"" for file in found}


async def run_of(database: Database, tester: KindTester, by: Principal, name: str = "Autumn <& more>") -> UUID:
    """Two that succeed, one that fails for good with a formula in its title."""
    wanted = [
        TaskRequest(kind="sample.task", payload={}, title="fine", owner_id=by.id),
        TaskRequest(kind="sample.task", payload={}, title="日本", owner_id=by.id),
        TaskRequest(kind="sample.task", payload={"permanent": True}, title="=cmd|' /C calc'!A0", owner_id=by.id),
    ]
    async with database.write(by.actor) as session:
        run_id = await start_run(session, by, name, wanted)
        ids = list((await session.execute(text("SELECT id FROM tasks WHERE run_id = :run"), {"run": run_id})).scalars())
    for task_id in ids:
        await tester.run(task_id)
    return run_id


async def test_a_run_becomes_three_files_with_its_numbers(
    tester: KindTester, database: Database, settings: Settings, ann: Principal
) -> None:
    run_id = await run_of(database, tester, ann)
    task_id = await tester.enqueue("report.generate", {"run_id": str(run_id)}, owner_id=ann.id)
    assert await tester.run(task_id) == "succeeded", (await tester.task(task_id)).error
    files = await files_of(database, settings, task_id)
    assert set(files) == {"report.html", "report.csv", "report.pdf"}
    assert (await tester.result(task_id))["tasks"] == 3
    assert (await tester.task(task_id)).progress == {"done": 6, "total": 6, "note": "Done"}

    html = files["report.html"].decode()
    assert "Run: Autumn &lt;&amp; more&gt;" in html
    assert "(permanent)" in html
    assert re.search(
        r"<td>sample.task</td><td class=\"num\">3</td><td class=\"num\">2</td><td class=\"num\">1</td>", html
    )
    charts = re.findall(r"<svg.*?</svg>", html, re.S)
    assert len(charts) == 2
    for chart in charts:
        ElementTree.fromstring(chart)
    assert "<script" not in html
    assert re.findall(r"(?:src|href)=", html) == []

    assert files["report.pdf"].startswith(b"%PDF-")
    assert len(files["report.pdf"]) < 50_000

    rows = list(csv.DictReader(StringIO(files["report.csv"].decode("utf-8-sig"))))
    assert [row["title"] for row in rows] == ["fine", "日本", "'=cmd|' /C calc'!A0"]
    assert [row["state"] for row in rows] == ["succeeded", "succeeded", "dead_letter"]
    assert all(0 <= float(row["worked"]) < 60 and float(row["with_people"]) == 0 for row in rows)


async def test_only_the_formats_asked_for_are_made(
    tester: KindTester, database: Database, settings: Settings, ann: Principal
) -> None:
    payload = {"since": "2020-01-01", "until": "2020-01-02", "formats": ["html"]}
    task_id = await tester.enqueue("report.generate", payload, owner_id=ann.id)
    assert await tester.run(task_id) == "succeeded"
    files = await files_of(database, settings, task_id)
    assert list(files) == ["report.html"]
    assert b"No tasks." in files["report.html"]


async def test_an_empty_report_can_be_made_in_every_format(tester: KindTester, ann: Principal) -> None:
    payload = {"since": "2020-01-01", "until": "2020-01-02"}
    task_id = await tester.enqueue("report.generate", payload, owner_id=ann.id)
    assert await tester.run(task_id) == "succeeded"
    assert len((await tester.result(task_id))["files"]) == 3


async def test_every_state_fits_into_a_report(
    tester: KindTester, database: Database, settings: Settings, ann: Principal
) -> None:
    for state in TaskState:
        await make_task(database, state, owner_id=ann.id)
    today = (await database_day(database)).isoformat()
    task_id = await tester.enqueue("report.generate", {"since": today, "until": today}, owner_id=ann.id)
    assert await tester.run(task_id) == "succeeded"
    html = (await files_of(database, settings, task_id))["report.html"].decode()
    assert all(state.replace("_", " ") in html for state in TaskState)


async def database_day(database: Database) -> datetime:
    async with database.read() as session:
        day: datetime = (await session.execute(text("SELECT (now() AT TIME ZONE 'UTC')::date"))).scalar_one()
        return day


async def test_a_period_holds_a_members_own_tasks_and_for_an_admin_everybodys(
    tester: KindTester, database: Database, ann: Principal
) -> None:
    bob = await add_user(database, "bob@example.org")
    root = await add_user(database, "root@example.org", "admin")
    for owner in (ann, ann, bob):
        await make_task(database, TaskState.PAUSED, owner_id=owner.id)
    today = (await database_day(database)).isoformat()
    payload = {"since": today, "until": today, "formats": ["csv"]}
    counted = {}
    for owner in (ann, bob, root):
        task_id = await tester.enqueue("report.generate", payload, owner_id=owner.id)
        assert await tester.run(task_id) == "succeeded"
        counted[owner.email] = (await tester.result(task_id))["tasks"]
    # The admin's holds the two reports of the others as well, and never itself.
    assert counted == {"ann@example.org": 2, "bob@example.org": 1, "root@example.org": 5}


async def test_somebody_elses_run_is_as_good_as_none(tester: KindTester, database: Database, ann: Principal) -> None:
    run_id = await run_of(database, tester, ann)
    bob = await add_user(database, "bob@example.org")
    for wanted in (run_id, uuid7()):
        task_id = await tester.enqueue("report.generate", {"run_id": str(wanted)}, owner_id=bob.id)
        assert await tester.run(task_id) == "dead_letter"
        assert (await tester.task(task_id)).reason == "No such run, or it belongs to somebody else."


async def test_it_is_read_in_chunks_and_says_what_is_left_out(
    tester: KindTester, database: Database, settings: Settings, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_generate, "CHUNK", 2)
    monkeypatch.setattr(report_generate, "MOST_TASKS", 5)
    for _ in range(7):
        await make_task(database, TaskState.PAUSED, owner_id=ann.id)
    today = (await database_day(database)).isoformat()
    payload = {"since": today, "until": today, "formats": ["html"]}
    task_id = await tester.enqueue("report.generate", payload, owner_id=ann.id)
    assert await tester.run(task_id) == "succeeded"
    assert {k: v for k, v in (await tester.result(task_id)).items() if k != "files"} == {"tasks": 5, "left_out": 2}
    report = (await files_of(database, settings, task_id))["report.html"].decode()
    assert texts(report, data_left_out=True) == ["2"]


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_no_cell_is_a_formula(title: str) -> None:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    line = TaskLine(uuid7(), title, "k", "q", "queued", moment, None, None, 0, 0, 0.0, 0.0, 0.0, None)
    [row] = csv.DictReader(StringIO(write_table([line]).decode("utf-8-sig"), newline=""))
    assert row["title"] == f"'{title}"


@pytest.mark.parametrize(
    "span", [timedelta(0), timedelta(minutes=30), timedelta(hours=30), timedelta(days=40), timedelta(days=900)]
)
def test_the_chart_has_at_most_some_sixty_columns_and_holds_every_end(span: timedelta) -> None:
    start = datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC)
    ends = [(start + span * n / 10, n % 2 == 0) for n in range(11)]
    columns = columns_of(ends)
    assert len(columns) <= 62
    assert (sum(c.well for c in columns), sum(c.otherwise for c in columns)) == (6, 5)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"since": "2026-01-01"},
        {"run_id": "01a20632-7270-776d-9a9d-837d8b76a21a", "since": "2026-01-01", "until": "2026-01-02"},
        {"since": "2026-01-02", "until": "2026-01-01"},
        {"since": "2026-01-01", "until": "2026-01-02", "formats": []},
        {"since": "2026-01-01", "until": "2026-01-02", "formats": ["pdf", "pdf"]},
    ],
)
async def test_a_payload_that_names_no_tasks_is_refused(tester: KindTester, payload: dict[str, object]) -> None:
    with pytest.raises(PayloadMismatch):
        await tester.enqueue("report.generate", payload)
