"""Files of tasks: stored before their row, replaced by a later try, refused to a late worker."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.files import FilesAway, FileStore
from holdgate.core.ids import uuid7
from holdgate.core.postgres import outages
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.sweeper import Sweeper
from holdgate.tasks.artifacts import artifacts_of, store_artifact
from holdgate.tasks.kinds import kind
from holdgate.tasks.models import Artifact
from holdgate.tasks.payloads.artifact import StoredArtifact
from holdgate.testing import KindTester
from tests.factories.tasks import make_task, older
from tests.factories.workers import until
from tests.tasks.s3_server import s3_server


class Pages(msgspec.Struct, frozen=True):
    fail: bool = False


@kind("test.pages")
async def write_pages(ctx: Context, payload: Pages) -> StoredArtifact:
    made = await ctx.artifact("pages.txt", f"of attempt {ctx.attempt}".encode(), "text/plain; charset=utf-8")
    if payload.fail and ctx.attempt == 1:
        raise RuntimeError("after the file")
    return made


@pytest.fixture(params=["directory", "s3"])
async def stored(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    """Settings with each sort of store. `TEST_S3_ENDPOINT` names a real one with a bucket `holdgate-tests`."""
    if request.param == "directory":
        yield settings
        return
    async with s3_server() as server:
        for name, value in {
            "AWS_ENDPOINT_URL": os.environ.get("TEST_S3_ENDPOINT", server.url),
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            monkeypatch.setenv(name, value)
        # A store is made once for each URL and process, and the server's port is another one each time.
        yield msgspec.structs.replace(settings, artifacts_url=f"s3://holdgate-tests/{uuid7()}")
        assert all(server.signed)


async def rows(database: Database, task_id: UUID) -> list[Artifact]:
    async with database.read() as session:
        return await artifacts_of(session, task_id)


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "artifacts").rglob("*") if path.is_file()]


async def test_a_file_lies_in_the_store_under_its_rows_key(database: Database, stored: Settings) -> None:
    async with KindTester(database, stored) as tester:
        task_id = await tester.enqueue("test.pages", {})
        assert await tester.run(task_id) == "succeeded"
        result = await tester.result(task_id)
    [row] = await rows(database, task_id)
    assert (row.name, row.content_type, row.size, row.attempt) == ("pages.txt", "text/plain; charset=utf-8", 12, 1)
    assert (result["id"], result["sha256"], result["size"]) == (str(row.id), row.sha256, 12)
    assert await FileStore(stored).read(row.key) == b"of attempt 1"


async def test_a_later_try_replaces_the_file_and_keeps_its_id(database: Database, stored: Settings) -> None:
    store = FileStore(stored)
    async with KindTester(database, stored) as tester:
        task_id = await tester.enqueue("test.pages", {"fail": True})
        assert await tester.run(task_id) == "retrying"
        [first] = await rows(database, task_id)
        assert await tester.finish(task_id) == "succeeded"
    [second] = await rows(database, task_id)
    assert (second.id, second.attempt) == (first.id, 2)
    assert await store.read(second.key) == b"of attempt 2"
    assert await store.read(first.key) is None


async def test_what_is_removed_twice_is_removed(stored: Settings) -> None:
    store = FileStore(stored)
    await store.put("some/key", b"x")
    await store.remove("some/key")
    await store.remove("some/key")
    assert await store.read("some/key") is None


async def test_a_late_worker_can_neither_add_nor_replace_a_file(database: Database, settings: Settings) -> None:
    task_id = await make_task(database, "running")  # type: ignore[arg-type]
    kept = await store_artifact(database, settings, "system", (task_id, 1), "a.txt", b"now", "text/plain")
    assert kept is not None
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET attempt = 2 WHERE id = :id"), {"id": task_id})
    for name in ("a.txt", "b.txt"):
        assert (await store_artifact(database, settings, "system", (task_id, 1), name, b"late", "text/plain")) is None
    [row] = await rows(database, task_id)
    assert row.sha256 == kept.sha256
    assert [path.read_bytes() for path in files(settings)] == [b"now"]


async def test_a_crash_before_the_row_is_written_leaves_no_row(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "INSIST_SECONDS", 0.1)  # for a minute it would be tried again
    task_id = await make_task(database, "running")  # type: ignore[arg-type]
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", name="tests")
    with pytest.raises(OSError):
        await store_artifact(nowhere, settings, "system", (task_id, 1), "a.txt", b"x", "text/plain")
    await nowhere.dispose()
    assert await rows(database, task_id) == []
    assert len(files(settings)) == 1


async def test_a_store_that_refuses_leaves_no_row_and_the_task_is_tried_again(
    database: Database, settings: Settings
) -> None:
    (settings.data_dir / "file").write_text("in the way")
    broken = msgspec.structs.replace(settings, artifacts_url=(settings.data_dir / "file" / "below").as_uri())
    async with KindTester(database, broken) as tester:
        task_id = await tester.enqueue("test.pages", {})
        assert await tester.run(task_id) == "retrying"
        assert "could not be stored" in ((await tester.task(task_id)).reason or "")
    assert await rows(database, task_id) == []
    with pytest.raises(FilesAway):
        await FileStore(broken).read("some/key")


async def test_files_go_with_their_task(database: Database, settings: Settings) -> None:
    task_id = await make_task(database, "running")  # type: ignore[arg-type]
    await store_artifact(database, settings, "system", (task_id, 1), "a.txt", b"x", "text/plain")
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": task_id})
    assert await rows(database, task_id) == []


@pytest.mark.parametrize(
    ("name", "content_type", "size"),
    [
        ("", "text/plain", 1),
        ("..", "text/plain", 1),
        ("a/b", "text/plain", 1),
        ("a\\b", "text/plain", 1),
        ("a\r\nSet-Cookie: b", "text/plain", 1),
        ("a" * 201, "text/plain", 1),
        ("a", "text", 1),
        ("a", "text/html\r\nX: y", 1),
        ("a", "text/plain", 64 * 1024 * 1024 + 1),
    ],
)
async def test_a_name_type_or_size_that_does_not_fit_is_refused(
    database: Database, settings: Settings, name: str, content_type: str, size: int
) -> None:
    arguments: Any = (database, settings, "system", (uuid7(), 1), name, b"x" * size, content_type)
    with pytest.raises(Invalid):
        await store_artifact(*arguments)
    assert files(settings) == []


async def test_the_file_goes_with_its_task_when_that_is_pruned(database: Database, stored: Settings) -> None:
    async with KindTester(database, stored) as tester:
        task_id = await tester.enqueue("test.pages", {})
        assert await tester.run(task_id) == "succeeded"
    async with database.write("system") as session:
        [artifact] = await artifacts_of(session, task_id)
    [task_id] = await older(database, task_id)
    assert await FileStore(stored).read(artifact.key) is not None
    sweeper = asyncio.create_task(Sweeper(database, stored).run())

    async def gone() -> bool:
        return await FileStore(stored).read(artifact.key) is None

    try:
        await until(gone)
    finally:
        sweeper.cancel()
        await asyncio.gather(sweeper, return_exceptions=True)
    async with database.read() as reading:
        assert await artifacts_of(reading, task_id) == []
