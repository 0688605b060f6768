"""Errors that differ only in what varies from task to task have one fingerprint, whatever buried them."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.tasks.failures.fingerprints import digest, digest_of, fill_missing, fingerprint, normalised
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves, orphans
from holdgate.tasks.search.values import FINGERPRINT
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.bulk import buried, fail
from tests.factories.tasks import make_task
from tests.factories.workers import task_of

SAME = [
    ("Try 3 of 5 failed", "Try 17 of 20 failed"),
    ("No posting 018f2a3c-9d7e-7c1a-8b52-0242ac120002", "No posting 7b1e4c1d-0000-4000-8000-00000000abcd"),
    ("GET https://jobs.example/a/1?x=2 said 500", "GET https://jobs.example/b/c said 500"),
    ("commit 9f86d081884c7d65 is unknown", "commit a3f5b2c1d0e9 is unknown"),
    ("at 0x7f5ca1f8ef10", "at 0x10"),
    ("Column 'salary' is missing", "Column 'title' is missing"),
    ('Expected "a b"', 'Expected "c"'),
    ("ann@example.org refused", "bob.b+x@mail.example.com refused"),
    ("it took 1.5 s", "it took 12,25 s"),
    ("two\n  lines", "two lines"),
    ("commit 1234567", "commit 12d4567"),
    ("on 2026-11-23 at 09:05:12", "on 2025-01-02 at 10:00:00"),
]
DIFFERENT = [
    ("The site refused it", "The site was away"),
    ("GET https://jobs.example/a said no", "GET https://other.example/a said no"),
    ("deadbeef", "feedback"),
    ("can't open, don't ask", "can't write, don't ask"),
    ("", "x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_varies_does_not_matter(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert digest("ValueError", one) == digest("ValueError", other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_is_said_matters(one: str, other: str) -> None:
    assert digest("ValueError", one) != digest("ValueError", other)


def test_the_type_and_the_kind_matter() -> None:
    assert digest("ValueError", "no") != digest("KeyError", "no")
    assert fingerprint("a", digest("E", "no")) != fingerprint("b", digest("E", "no"))


def test_a_fingerprint_never_changes_between_releases() -> None:
    # A new rule would split groups that people know: think of the dead letters that lie there.
    assert digest("RuntimeError", "Posting 17 of 'Harrow' failed") == "3f31fbb498c4"


@given(st.text(max_size=300), st.integers(0, 10**9))
def test_any_message_has_one_and_numbers_never_matter(message: str, number: int) -> None:
    assert FINGERPRINT.fullmatch(fingerprint("some.kind", digest("E", message)))
    assert digest("E", f"{message} n {number}") == digest("E", f"{message} n 7")


def test_the_longest_message_takes_no_time() -> None:
    for message in ("a'" * 5000, "1" * 10_000, "a.b" * 3000, "'x' " * 3000, "a@" * 5000, "a-" * 5000 + "://"):
        began = time.perf_counter()
        normalised(message)
        assert time.perf_counter() - began < 0.2, message[:20]
    assert digest_of("not json") == digest("", "")
    assert digest_of(None) is None


async def printed(database: Database, task_id: UUID) -> str | None:
    return (await task_of(database, task_id)).fingerprint


async def test_every_way_into_the_dead_letters_leaves_one(database: Database) -> None:
    now = datetime.now(UTC) + timedelta(hours=2)
    [failed] = await buried(database, 1, "No 5")
    overdue = await make_task(database, deadline=now - timedelta(hours=1))
    lost = await make_task(database, TaskState.RUNNING)
    stuck = await make_task(database, TaskState.RUNNING)
    async with database.write("system") as session:
        await moves.bury_overdue(session, now=now)
        await session.execute(
            text("UPDATE tasks SET claimed_at = now(), lease_expires_at = :at WHERE id = :id"),
            {"id": stuck, "at": now + timedelta(hours=1)},
        )
        await moves.recover_lost(session, most=1, now=now)
        await orphans.bury_stuck(session, timedelta(hours=1), now=now)
    assert await printed(database, failed) == fingerprint("test.nothing", digest("RuntimeError", "No 8"))
    assert await printed(database, overdue) == fingerprint(
        "test.nothing", digest("DeadlinePassed", "Its deadline passed before it was done.")
    )
    assert await printed(database, lost) == fingerprint(
        "test.nothing", digest("LeaseLost", "The worker running it disappeared 3 times.")
    )
    assert await printed(database, stuck) == fingerprint(
        "test.nothing", digest("Stuck", "It was running for more than 2 minutes.")
    )
    orphan = await make_task(database, queue="nobody")
    async with database.write("system") as session:
        await orphans.note_orphans(session, now=now)
        await orphans.bury_orphans(session, timedelta(hours=1), now=now + timedelta(hours=2))
    assert (await task_of(database, orphan)).state == "dead_letter"
    assert FINGERPRINT.fullmatch(await printed(database, orphan) or "")


async def test_a_failed_try_has_one_a_retry_takes_it_off(database: Database) -> None:
    [dead] = await buried(database, 1)
    waiting = await make_task(database)
    await fail(database, [waiting], state=TaskState.RETRYING)
    assert await printed(database, waiting) == await printed(database, dead) is not None
    async with database.write("system") as session:
        await moves.move_tasks(session, TaskVerb.RETRY, Task.id == dead)
    assert await printed(database, dead) is None


async def test_dead_letters_of_an_older_release_get_theirs_from_the_sweeper(database: Database) -> None:
    ids = await buried(database, 5, "Broken at 17")
    bare = await make_task(database, TaskState.DEAD_LETTER)
    wanted = await printed(database, ids[0])
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET fingerprint = NULL"))
    async with database.write("system") as session:
        assert await fill_missing(session, limit=4) == 4
        assert await fill_missing(session, limit=4) == 2
        assert await fill_missing(session, limit=4) == 0
    assert [await printed(database, id) for id in ids] == [wanted] * 5
    assert await printed(database, bare) == fingerprint("test.nothing", digest("", ""))
