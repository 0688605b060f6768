"""Exports of a filtered list: safe for spreadsheets, without secrets, in chunks however long they are."""

import csv
import io
import tracemalloc
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import event, text

import holdgate.kinds.http_request  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.exports import CHUNK
from holdgate.core.principal import Principal
from holdgate.tasks import exports
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.states import TaskState
from tests.factories.approvals import principal
from tests.factories.people import Browser
from tests.factories.site import browser_of
from tests.factories.tasks import make_task

_MANY = text(
    """
    INSERT INTO tasks (id, owner_id, queue, kind, title, payload, created_at)
    SELECT gen_random_uuid(), :owner, 'default', 'test.nothing', 'n ' || n,
           jsonb_build_object('word', repeat('x', 1000)), now() - n * interval '1 second'
    FROM generate_series(1, :n) AS n
    """
)


class Row(msgspec.Struct):
    id: str


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_a_csv_holds_what_matches_runs_no_formula_and_tells_no_secret(
    database: Database, member: Browser, ann: Principal
) -> None:
    payload = {"url": "http://a.example/?token=abcdefghijk", "headers": {"Authorization": "Bearer abcdefghijk"}}
    evil = await make_task(
        database,
        TaskState.DEAD_LETTER,
        kind="http.request",
        payload=payload,
        owner_id=ann.id,
        title='=HYPERLINK("http://evil.example","x")',
    )
    await make_task(database, owner_id=ann.id)
    answer = await member.get("/tasks/export.csv?state=dead_letter")
    assert answer.headers["content-disposition"] == 'attachment; filename="tasks.csv"'
    assert answer.headers["content-type"].startswith("text/csv")
    [row] = rows_of(answer)
    assert row["id"] == str(evil)
    assert row["title"] == '\'=HYPERLINK("http://evil.example","x")'
    assert row["payload"].startswith("{")
    assert b"abcdefghijk" not in answer.content


async def test_a_json_holds_the_same_and_nothing_of_others(
    database: Database, member: Browser, transport: httpx.ASGITransport, ann: Principal
) -> None:
    made = [await make_task(database, owner_id=ann.id, title="+1") for _ in range(3)]
    answer = await member.get("/tasks/export.json")
    assert answer.headers["content-disposition"] == 'attachment; filename="tasks.json"'
    assert [UUID(each["id"]) for each in answer.json()] == list(reversed(made))
    assert {each["title"] for each in answer.json()} == {"+1"}
    async with browser_of(transport, await principal(database, "eve@example.org")) as eve:
        assert (await eve.get("/tasks/export.json")).json() == []
        assert rows_of(await eve.get("/tasks/export.csv")) == []


async def test_a_filter_that_does_not_fit_exports_nothing(member: Browser) -> None:
    for kind in ("csv", "json"):
        assert (await member.get(f"/tasks/export.{kind}?state=nonsense")).status_code == 422


@pytest.mark.slow
async def test_twenty_thousand_tasks_start_at_once_and_never_are_in_memory_together(
    database: Database, ann: Principal
) -> None:
    n = 20_000
    async with database.write("system") as session:
        await session.execute(_MANY, {"owner": ann.id, "n": n})
    rows = msgspec.json.Decoder(list[Row]).decode  # of the rest nothing is kept: to count its memory takes long
    statements = 0
    idle: list[int] = []

    def count(_connection, _cursor, statement: str, *_rest: object) -> None:  # type: ignore[no-untyped-def]
        nonlocal statements
        statements += "FROM tasks" in statement

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    try:
        pieces = exports.as_json(exports.chunks(database, ann.id, TaskFilter()))
        assert await anext(pieces) == b"["
        first = await anext(pieces)
        assert statements == 1  # the answer has begun, and one chunk was read
        assert len(msgspec.json.decode(b"[" + first + b"]")) == CHUNK
        idle.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]
        tracemalloc.start()
        seen, size = {each.id for each in rows(b"[" + first + b"]")}, len(first)
        async for piece in pieces:
            size += len(piece)
            listed = piece.strip().removeprefix(b",").removesuffix(b"]").strip()
            seen |= {each.id for each in rows(b"[" + listed + b"]")}
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", count)
    assert len(seen) == n
    assert statements == n // CHUNK + 1
    assert idle == [0]  # a reader who is slow holds no connection
    # Beside the ids that this test keeps itself, far less than all of it.
    assert most - n * 120 < size / 2, (most, size)


async def test_what_is_made_after_the_beginning_is_not_in_it(database: Database, ann: Principal) -> None:
    for _ in range(3):
        await make_task(database, owner_id=ann.id)
    found = exports.chunks(database, ann.id, TaskFilter(), size=2)
    first = await anext(found)
    later = await make_task(database, owner_id=ann.id)
    ids = [task.id for task in first] + [task.id async for chunk in found for task in chunk]
    assert len(ids) == 3
    assert later not in ids
