"""The audit: every log as one, newest first, each line once; who may see it; what it costs; and as a file."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.accounts import service as accounts
from holdgate.asgi import HANDLERS
from holdgate.audit import queries
from holdgate.audit.entries import AREAS, AuditEntry, AuditFilter
from holdgate.bulk.states import BulkVerb
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.tasks import queues
from holdgate.tasks.queues import QueueVerb
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from tests.elements import texts
from tests.factories.approvals import principal, put_question
from tests.factories.bulk import finish, start
from tests.factories.people import Browser, words
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import make_task
from tests.pages import routes, shape


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, "root@example.org", admin=True)


@pytest.fixture
async def admin(transport: httpx.ASGITransport, root: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, root) as browser:
        yield browser


async def lines(database: Database, wanted: AuditFilter, size: int = 1000) -> list[AuditEntry]:
    """All of them, a page of `size` after the other."""
    found: list[AuditEntry] = []
    while True:
        async with database.read() as session:
            page = await queries.audit_lines(session, wanted, found[-1].place if found else None, size)
        found += page
        if len(page) < size:
            return found


async def everything(database: Database, settings: Settings, root: Principal) -> None:
    async with database.write(root.actor) as session:
        await start_run(session, root, "A run", [TaskRequest(kind="test.nothing", payload={})] * 3)
        await queues.act(session, root, "default", QueueVerb.PAUSE)
    async with database.write(root.actor) as session:
        bob = await accounts.add_user(session, "bob@example.org")
        await accounts.change_role(session, bob.id, "admin")
        await accounts.disable(session, bob.id)
    await start(database, root, BulkVerb.CANCEL, TaskFilter())
    await finish(database)


async def test_every_log_is_in_it_newest_first_and_each_line_once_however_it_is_paged(
    database: Database, settings: Settings, root: Principal
) -> None:
    await everything(database, settings, root)
    whole = await lines(database, AuditFilter())
    assert {"task", "run", "queue", "user", "bulk"} <= {line.area for line in whole}
    assert [line.at for line in whole] == sorted((line.at for line in whole), reverse=True)
    for size in (1, 2, 3):
        assert await lines(database, AuditFilter(), size) == whole
    assert not [line for line in whole if line.log == "task" and line.actor.startswith("worker:")]


async def test_what_administrators_do_to_people_tokens_and_webhooks_is_logged_by_the_database(
    database: Database, root: Principal
) -> None:
    async with database.write(root.actor) as session:
        bob = await accounts.add_user(session, "bob@example.org")
        await accounts.change_role(session, bob.id, "admin")
        await accounts.disable(session, bob.id)
        await accounts.enable(session, bob.id)
        values = {"id": uuid7(), "user": bob.id, "hook": uuid7()}
        for statement in (
            "INSERT INTO api_tokens (id, user_id, name, prefix, token_hash, scopes)"
            " VALUES (:id, :user, 'ci', 'hg_x', 'hash-of-it', '{tasks:read}')",
            "DELETE FROM api_tokens WHERE id = :id",
            "INSERT INTO webhook_endpoints (id, owner_id, url, events, secret)"
            " VALUES (:hook, :user, 'https://u:p@hook.example/secret-path', '[]', 'whsec_one')",
            "UPDATE webhook_endpoints SET secret = 'whsec_two' WHERE id = :hook",
            "DELETE FROM webhook_endpoints WHERE id = :hook",
        ):
            await session.execute(text(statement), {k: v for k, v in values.items() if f":{k}" in statement})
    found = [line for line in await lines(database, AuditFilter()) if line.log == "user" and line.actor == root.actor]
    assert [(line.area, line.verb, line.about) for line in reversed(found)] == [
        ("user", "add", "bob@example.org"),
        ("user", "change_role", "bob@example.org"),
        ("user", "disable", "bob@example.org"),
        ("user", "enable", "bob@example.org"),
        ("token", "make", "ci"),
        ("token", "revoke", "ci"),
        ("webhook", "add", "hook.example"),
        ("webhook", "rotate_secret", "hook.example"),
        ("webhook", "remove", "hook.example"),
    ]
    told = str([line._asdict() for line in found])
    assert not [secret for secret in ("whsec", "secret-path", "hash-of-it", "u:p") if secret in told]


async def test_the_filters_find_a_person_a_verb_an_area_a_task_and_a_time(
    database: Database, settings: Settings, root: Principal
) -> None:
    asked = await put_question(database, settings)
    async with database.write("system") as session:  # out of the way of the action on all tasks
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    await everything(database, settings, root)
    task = await make_task(database, TaskState.QUEUED)
    async with database.write("user:eve@example.org") as session:
        await session.execute(text("UPDATE tasks SET priority = 60 WHERE id = :id"), {"id": task})
    by_eve = await lines(database, AuditFilter(actor="eve@example.org"))
    assert [(line.verb, line.target) for line in by_eve] == [("prioritise", str(task))]
    assert {line.area for line in await lines(database, AuditFilter(area="user"))} == {"user"}
    assert {line.verb for line in await lines(database, AuditFilter(verb="cancel"))} == {"cancel"}
    of_task = await lines(database, AuditFilter(task=task))
    assert {line.target for line in of_task} == {str(task)}
    assert await lines(database, AuditFilter(task=asked.task_id)) == []  # only machines have touched it
    assert await lines(database, AuditFilter(since="1h")) == await lines(database, AuditFilter())
    assert await lines(database, AuditFilter(until="1h")) == []


async def test_the_page_pages_filters_and_exports_without_javascript(
    database: Database, settings: Settings, admin: Browser, root: Principal
) -> None:
    await everything(database, settings, root)
    for _ in range(60):
        async with database.write(root.actor) as session:
            await start_run(session, root, "=evil()", [TaskRequest(kind="test.nothing", payload={})])
    seen: list[str] = []
    path: str | None = "/admin/audit"
    while path:
        page = await admin.get(path)
        assert page.status_code == 200, words(page)
        seen += re.findall(r'<tr id="(line-[^"]+)"', page.text)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = unescape(following[1]) if following else None
    assert len(seen) == len(set(seen)) == len(await lines(database, AuditFilter()))
    sent = await admin.get("/admin/audit/export.csv?area=run")
    rows = list(csv.DictReader(io.StringIO(sent.content.decode("utf-8-sig"))))
    assert {row["area"] for row in rows} == {"run"}
    assert "'=evil()" in {row["about"] for row in rows}
    assert sent.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert len((await admin.get("/admin/audit/export.json")).json()) == len(seen)
    log = await admin.get("/admin/audit/export.json?show=log")
    assert {each["area"] for each in log.json()} == {"task"}


@pytest.mark.parametrize("path", ["/admin/audit", "/admin/audit/export.csv", "/admin/audit/export.json"])
async def test_only_administrators_see_it(database: Database, transport: httpx.ASGITransport, path: str) -> None:
    async with browser_of(transport, await principal(database, "ann@example.org")) as ann:
        answer = await ann.get(path)
    assert answer.status_code == 403


@pytest.mark.parametrize("query", ["since=yesterday", "task=7", "area=moon", "before=nonsense", "actor=%00"])
async def test_what_does_not_fit_is_said_and_shows_nothing(admin: Browser, query: str) -> None:
    answer = await admin.get(f"/admin/audit?{query}")
    assert answer.status_code == 422
    assert "<h1" in answer.text


async def test_a_page_reads_indexes_and_sorts_no_log(database: Database, settings: Settings, root: Principal) -> None:
    await everything(database, settings, root)
    async with database.engine.begin() as connection:
        for way in ("seqscan", "bitmapscan", "sort"):  # so few rows are quicker to read as a whole
            await connection.execute(text(f"SET LOCAL enable_{way} = off"))
        plan = await connection.execute(
            text(
                "EXPLAIN SELECT id FROM task_events WHERE verb <> 'approve' AND actor_id < 0"
                " AND at <= now() ORDER BY at DESC, id DESC LIMIT 51"
            )
        )
        said = "\n".join(plan.scalars())
    assert "task_log_people_idx" in said
    assert "Sort" not in said


@pytest.mark.parametrize("area", AREAS)
def test_a_line_leads_to_a_page_there_is(area: str) -> None:
    served = {shape(path) for path in routes(HANDLERS, "GET")}
    line = AuditEntry(area, area, 1, datetime.now(UTC), "user:a", "add", "it", "ID", None, None)
    assert line.href is None or line.href.replace("ID", "{}") in served


async def test_a_line_reads_as_a_sentence(
    database: Database, settings: Settings, admin: Browser, root: Principal
) -> None:
    await everything(database, settings, root)
    told = " | ".join(texts(await admin.get("/admin/audit"), "th", scope="row"))
    for done in (
        "paused queue default",
        "started run A run",
        "invited user bob@example.org",
        "disabled user bob@example.org",
    ):
        assert f"{root.email} {done}" in told
