"""Files on the task's page and their download: for the owner, and never run by a browser."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.files import FilesAway, FileStore
from holdgate.core.principal import Principal
from holdgate.tasks.artifacts import store_artifact
from holdgate.tasks.states import TaskState
from tests.factories.people import add_user
from tests.factories.site import browser_of, site_of, stranger
from tests.factories.tasks import make_task

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def owner(database: Database) -> Principal:
    return await add_user(database, "owner@example.org")


async def put(
    database: Database, settings: Settings, owner: Principal, name: str, data: bytes, content_type: str
) -> tuple[UUID, str]:
    """A task's id and the path of its file."""
    task_id = await make_task(database, TaskState.RUNNING, owner_id=owner.id)
    made = await store_artifact(database, settings, "system", (task_id, 1), name, data, content_type)
    assert made is not None
    return task_id, f"/tasks/{task_id}/artifacts/{made.id}"


async def test_the_page_lists_files_with_size_and_link(
    transport: httpx.ASGITransport, database: Database, settings: Settings, owner: Principal
) -> None:
    task_id, path = await put(database, settings, owner, "a <b>.csv", b"x" * 2048, "text/csv; charset=utf-8")
    async with browser_of(transport, owner) as browser:
        page = (await browser.get(f"/tasks/{task_id}")).text
    assert f'href="{path}"' in page
    assert "a &lt;b&gt;.csv" in page
    assert re.search(r"2(\.0)? kB", page)


async def test_a_page_made_by_a_task_is_saved_and_never_run(
    transport: httpx.ASGITransport, database: Database, settings: Settings, owner: Principal
) -> None:
    attack = b"<script>alert(document.cookie)</script>"
    _, path = await put(database, settings, owner, 'é"; x=.html', attack, "text/html; charset=utf-8")
    async with browser_of(transport, owner) as browser:
        answer = await browser.get(path)
        assert (answer.status_code, answer.content) == (200, attack)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Length"] == str(len(attack))
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A9%22%3B%20x%3D.html"
        assert answer.headers["Content-Security-Policy"].endswith("; sandbox")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        head = await browser.head(path)
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("content_type", "how"),
    [
        ("image/png", "inline"),
        ("image/svg+xml", "attachment"),
        ("application/pdf", "attachment"),
        ("application/xhtml+xml", "attachment"),
    ],
)
async def test_only_pictures_that_hold_no_script_are_shown(
    transport: httpx.ASGITransport,
    database: Database,
    settings: Settings,
    owner: Principal,
    content_type: str,
    how: str,
) -> None:
    _, path = await put(database, settings, owner, "a.file", PNG, content_type)
    async with browser_of(transport, owner) as browser:
        answer = await browser.get(path)
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"].startswith(f"{how};")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_large_file_arrives_whole(
    transport: httpx.ASGITransport, database: Database, settings: Settings, owner: Principal
) -> None:
    content = bytes(range(256)) * 8192
    _, path = await put(database, settings, owner, "a.bin", content, "application/octet-stream")
    async with browser_of(transport, owner) as browser:
        assert (await browser.get(path)).content == content


async def test_only_the_owner_and_admins_get_it(
    transport: httpx.ASGITransport, database: Database, settings: Settings, owner: Principal
) -> None:
    _, path = await put(database, settings, owner, "a.txt", b"mine", "text/plain")
    other_task = await make_task(database, TaskState.RUNNING, owner_id=owner.id)
    async with browser_of(transport, await add_user(database, "other@example.org")) as other:
        assert (await other.get(path)).status_code == 404
    async with browser_of(transport, await add_user(database, "admin@example.org", "admin")) as admin:
        assert (await admin.get(path)).content == b"mine"
        assert (await admin.get(f"/tasks/{other_task}/artifacts/{path.rsplit('/', 1)[1]}")).status_code == 404
    async with stranger(transport) as nobody:
        assert (await nobody.get(path)).headers["Location"].startswith("/login")


async def test_a_file_that_is_gone_from_the_store_is_not_found(
    transport: httpx.ASGITransport, database: Database, settings: Settings, owner: Principal
) -> None:
    _, path = await put(database, settings, owner, "a.txt", b"mine", "text/plain")
    for file in (settings.data_dir / "artifacts").rglob("*"):
        if file.is_file():
            file.unlink()
    async with browser_of(transport, owner) as browser:
        assert (await browser.get(path)).status_code == 404


async def test_a_store_that_does_not_answer_is_away_and_not_our_fault(
    transport: httpx.ASGITransport,
    database: Database,
    settings: Settings,
    owner: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, path = await put(database, settings, owner, "a.csv", b"x", "text/csv; charset=utf-8")

    async def fail(_store: FileStore, _key: str) -> None:
        raise FilesAway("refused")

    monkeypatch.setattr(FileStore, "open", fail)
    async with browser_of(transport, owner) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
