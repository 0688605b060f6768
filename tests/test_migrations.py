"""The migrations make exactly the declared tables, forward and back; and they give way to those who work."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from holdgate.cli import main
from holdgate.schema import Blocked, MigrationFailed, config, current, head, metadata, migrate, pending
from tests.conftest import make_database, with_name
from tests.servers import Servers


@pytest.fixture
def empty_url(servers: Servers, worker_id: str) -> Iterator[str]:
    name = f"holdgate_migrations_{worker_id}"
    asyncio.run(make_database(servers.database_url, name))
    yield with_name(servers.database_url, name)


def ask(url: str, question: object) -> object:
    async def run() -> object:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            answer = await connection.run_sync(question)  # type: ignore[arg-type]
        await engine.dispose()
        return answer

    return asyncio.run(run())


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def leftovers(connection: Connection) -> list[str]:
    tables = connection.execute(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
    )
    functions = connection.execute(text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"))
    return [*tables.scalars(), *functions.scalars()]


def test_the_migrated_schema_is_the_declared_one(empty_url: str) -> None:
    migrate(empty_url)
    assert ask(empty_url, differences) == []


def test_going_down_leaves_nothing_and_up_again_works(empty_url: str) -> None:
    migrate(empty_url)
    command.downgrade(config(empty_url), "base")
    assert ask(empty_url, leftovers) == []
    migrate(empty_url)
    assert ask(empty_url, differences) == []


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    migrate(empty_url)
    found = ask(empty_url, lambda c: c.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    assert found == head()


BEFORE = "0017"  # what comes next makes a trigger on tasks, and so must wait for whoever uses it


def test_what_is_there_is_filled_in_portions_and_a_second_time_does_no_harm(empty_url: str) -> None:
    """0021: the age of the words; 0022: the errors that tasks have."""
    migrate(empty_url, "0020")

    def fill(connection: Connection) -> None:
        for statement in (
            "INSERT INTO tasks (id, kind, queue, created_at)"
            " SELECT gen_random_uuid(), 'k', 'q', now() - n * interval '1 s' FROM generate_series(1, 10050) AS n",
            "UPDATE tasks SET state = 'running', attempt = 1, lease_expires_at = now()"
            " WHERE created_at > now() - interval '8 s'",
            "UPDATE tasks SET state = 'dead_letter', lease_expires_at = NULL, finished_at = now(), fingerprint = 'k:1'"
            " WHERE state = 'running'",
            "UPDATE tasks SET resolved_at = now() WHERE id IN (SELECT id FROM tasks WHERE fingerprint = 'k:1' LIMIT 2)",
        ):
            connection.execute(text(statement))
        connection.commit()

    ask(empty_url, fill)
    migrate(empty_url, "0021")

    def cut_off(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '0020'"))
        connection.execute(text("ALTER TABLE task_words ALTER created_at SET DEFAULT '-infinity'"))
        connection.execute(text("UPDATE task_words SET created_at = '-infinity' WHERE random() < 0.5"))
        connection.commit()

    ask(empty_url, cut_off)
    migrate(empty_url)
    wrong = text(
        "SELECT count(*) FROM tasks t LEFT JOIN task_words w ON w.task_id = t.id AND w.created_at = t.created_at"
        " WHERE w.task_id IS NULL"
    )
    assert ask(empty_url, lambda connection: connection.execute(wrong).scalar_one()) == 0
    counts = text("SELECT fingerprint, dead, n FROM error_counts")
    assert ask(empty_url, lambda connection: connection.execute(counts).all()) == [("k:1", True, 5)]


@contextmanager
def holding(url: str, statement: str) -> Iterator[threading.Event]:
    """A session that has carried out `statement` and does not end its transaction until the event is set."""
    release, held = threading.Event(), threading.Event()

    async def hold() -> None:
        name = {"application_name": "a long report"}
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), server_settings=name)
        async with connection.transaction():
            await connection.execute(statement)
            held.set()
            await asyncio.to_thread(release.wait, 60)
        await connection.close()

    holder = threading.Thread(target=lambda: asyncio.run(hold()))
    holder.start()
    try:
        assert held.wait(20)
        yield release
    finally:
        release.set()
        holder.join(20)


def test_it_gives_way_to_whoever_holds_a_lock_and_succeeds_when_that_has_ended(empty_url: str) -> None:
    migrate(empty_url, BEFORE)
    told: list[str] = []
    others: list[object] = []
    with holding(empty_url, "LOCK TABLE tasks IN ACCESS SHARE MODE") as release:

        def say(line: str) -> None:
            told.append(line)
            # While it pauses nobody queues behind it: a writer comes through at once.
            others.append(ask(empty_url, lambda c: c.execute(text("UPDATE tasks SET priority = 1")).rowcount))
            if len(told) == 2:
                release.set()

        migrate(empty_url, lock_timeout=0.3, say=say)
    assert len(told) == 2 and others == [0, 0]
    assert all("a long report" in line and "LOCK TABLE tasks" in line for line in told), told
    assert current(empty_url) == head()
    assert ask(empty_url, differences) == []


def test_when_the_lock_is_kept_too_long_it_names_the_session_and_leaves_the_version(empty_url: str) -> None:
    migrate(empty_url, BEFORE)
    with (
        holding(empty_url, "LOCK TABLE tasks IN ACCESS SHARE MODE"),
        pytest.raises(
            Blocked, match=rf"still at {BEFORE}: in the way is session \d+ \(a long report, user \w+, idle in"
        ),
    ):
        migrate(empty_url, lock_timeout=0.2, timeout=0.5)
    assert current(empty_url) == BEFORE


def test_two_migrations_at_once_come_one_after_the_other(empty_url: str) -> None:
    # Other processes: Alembic knows one migration at a time in each. Both are made to wait for a third, then let go.
    environ = {**os.environ, **environment_of(empty_url), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "holdgate.cli", "migrate"]
    with holding(empty_url, f"SELECT pg_advisory_xact_lock({0x48_6F_6C_64})"):
        started = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for each in started:
            assert each.stdout is not None
            assert each.stdout.readline() == "Gave way to another migration. Trying again in 0.5 s.\n"
    for each in started:
        out, _ = each.communicate(timeout=120)
        assert each.returncode == 0, out
    assert ask(empty_url, differences) == []


@pytest.fixture
def two_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two migrations after the newest: one as docs/upgrades.md shows, one that fails half-way. Yields the first."""
    import holdgate.schema
    from holdgate.schema import MIGRATIONS

    copy = tmp_path / "migrations"
    copy.mkdir()
    for path in MIGRATIONS.iterdir():
        if path.name != "versions":
            (copy / path.name).symlink_to(path)
    versions = copy / "versions"
    versions.mkdir()
    for path in (MIGRATIONS / "versions").glob("*.py"):
        (versions / path.name).symlink_to(path)
    last, good, bad = head(), f"{int(head()) + 1:04}", f"{int(head()) + 2:04}"
    text_of = 'from alembic import op\nrevision = "{}"\ndown_revision = "{}"\ndef upgrade() -> None:\n    {}\n'
    create = 'op.execute("CREATE TABLE {} (id int)")'
    index = """
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS good_idx")
        op.create_index("good_idx", "good", ["id"], postgresql_concurrently=True)"""
    (versions / f"{good}_good.py").write_text(text_of.format(good, last, create.format("good") + index))
    half = f"{create.format('half')}; op.execute('SELECT 1 / 0')"
    (versions / f"{bad}_bad.py").write_text(text_of.format(bad, good, half))
    monkeypatch.setattr(holdgate.schema, "MIGRATIONS", copy)
    yield good


def test_a_migration_that_fails_leaves_the_version_where_the_one_before_has_put_it(
    empty_url: str, two_more: str
) -> None:
    with pytest.raises(MigrationFailed, match=f"stays at {two_more}.*division by zero"):
        migrate(empty_url)
    assert current(empty_url) == two_more
    assert "good" in tables(empty_url) and "half" not in tables(empty_url)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'good_idx'::regclass"
    assert ask(empty_url, lambda c: c.execute(text(valid)).scalar_one()) is True


def tables(url: str) -> set[str]:
    found = ask(url, lambda c: set(c.execute(text("SELECT tablename FROM pg_tables")).scalars()))
    assert isinstance(found, set)
    return found


def environment_of(url: str) -> dict[str, str]:
    return {"DATABASE_URL": url, "REDIS_URL": "redis://localhost", "DATA_DIR": "/nonexistent"}


def run(url: str, *arguments: str) -> tuple[int, str]:
    done = CliRunner(env=environment_of(url)).invoke(main, ["migrate", *arguments])
    return done.exit_code, done.output


def test_the_command_says_what_is_missing_and_whether_something_is(empty_url: str) -> None:
    migrate(empty_url, BEFORE)
    status, said = run(empty_url, "--check")
    assert (status, said) == (1, f"The schema is at {BEFORE}, this release needs {head()}. Run holdgate migrate.\n")
    status, said = run(empty_url, "--plan")
    assert (status, said) == (0, "".join(f"{revision}  {brings}\n" for revision, brings in pending(BEFORE)))
    assert len(said.splitlines()) == int(head()) - int(BEFORE)
    assert run(empty_url) == (0, f"The schema is at {head()}, which this release needs.\n")
    assert run(empty_url, "--check") == (0, f"The schema is at {head()}, which this release needs.\n")
    assert run(empty_url, "--plan") == (0, "")


def test_a_schema_newer_than_the_code_is_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    newer = f"{int(head()) + 1:04}"

    async def step_ahead() -> None:
        connection = await asyncpg.connect(empty_url.replace("+asyncpg", ""))
        await connection.execute("UPDATE alembic_version SET version_num = $1", newer)
        await connection.close()

    asyncio.run(step_ahead())
    for arguments in ((), ("--check",)):
        status, said = run(empty_url, *arguments)
        assert (status, said) == (0, f"The schema is at {newer}, newer than this release needs ({head()}).\n")


def test_who_changes_a_task_and_then_enqueues_one_is_not_ended_by_a_migration(empty_url: str) -> None:
    """Locks are taken in one order, tasks first: else each waits for the other, and PostgreSQL ends one of them."""

    async def work(migrating: threading.Thread) -> None:
        # Whose look comes later is ended; later than the migration's in production, sooner here.
        look = {"deadlock_timeout": "10ms"}
        connection = await asyncpg.connect(empty_url.replace("+asyncpg", ""), server_settings=look)
        async with connection.transaction():
            await connection.execute("UPDATE tasks SET priority = priority")
            migrating.start()
            waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'tasks'::regclass)"
            while not await connection.fetchval(waiting):
                assert migrating.is_alive()
            await connection.execute(
                "INSERT INTO tasks (id, kind, payload, queue) VALUES (gen_random_uuid(), 'k', '{}', 'default')"
            )
        await connection.close()

    migrate(empty_url, "0020")
    migrating = threading.Thread(target=migrate, args=(empty_url,))
    asyncio.run(work(migrating))
    migrating.join(60)
    assert current(empty_url) == head()
