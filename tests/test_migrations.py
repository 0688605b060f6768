"""The migrations make exactly the declared tables, forward and back; and they give way to those who work."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Connection, text

from holdgate.cli import main
from holdgate.core.paths import MIGRATIONS
from holdgate.core.postgres.connections import SCHEMA, make_engine
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
        engine = make_engine(url)
        async with engine.connect() as connection:
            answer: object = await connection.run_sync(question)  # type: ignore[arg-type]
        await engine.dispose()
        return answer

    return asyncio.run(run())


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def leftovers(connection: Connection) -> list[str]:
    tables = connection.execute(
        text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'alembic_version'")
    )
    functions = connection.execute(
        text("SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace")
    )
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


def test_the_database_has_the_functions_and_triggers_of_the_files_and_no_others(empty_url: str) -> None:
    """What the database does can be read in migrations/sql."""
    migrate(empty_url)
    functions = {path.stem: path.read_text() for path in (MIGRATIONS / "sql/functions").glob("*.sql")}
    triggers = {path.stem: path.read_text() for path in (MIGRATIONS / "sql/triggers").glob("*.sql")}

    def compare(connection: Connection) -> None:
        defined = text(
            "SELECT proname, pg_get_functiondef(oid) FROM pg_proc"
            " WHERE pronamespace = CAST(CAST(:name AS text) AS regnamespace)"
        )
        here = {name: source for name, source in connection.execute(defined, {"name": SCHEMA})}
        # The files once more, elsewhere: what differs then is what a file says and the database does not do.
        connection.execute(text("CREATE SCHEMA again"))
        connection.execute(text(f"SET LOCAL search_path TO again, {SCHEMA}, pg_temp"))
        connection.execute(text("SET LOCAL check_function_bodies TO off"))
        for source in functions.values():
            connection.exec_driver_sql(source)
        there = {name: source for name, source in connection.execute(defined, {"name": "again"})}
        plain = {name: source.replace("FUNCTION again.", f"FUNCTION {SCHEMA}.") for name, source in there.items()}
        assert plain == {name: source.replace(f"'{SCHEMA}'", f"'again', '{SCHEMA}'") for name, source in here.items()}
        assert functions.keys() == here.keys()
        found = connection.execute(
            text(
                "SELECT tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE NOT tgisinternal AND relnamespace = CAST(CAST(:name AS text) AS regnamespace)"
            ),
            {"name": SCHEMA},
        )
        assert {name: " ".join(source.replace(f"{SCHEMA}.", "").split()) for name, source in found} == {
            name: " ".join(source.removesuffix(";\n").split()) for name, source in triggers.items()
        }

    ask(empty_url, compare)


def test_a_statement_from_another_search_path_writes_its_event(empty_url: str) -> None:
    """Somebody with psql need not know where our functions look."""
    migrate(empty_url)

    def change(connection: Connection) -> object:
        connection.execute(text("SET LOCAL search_path TO public"))
        connection.execute(text(f"INSERT INTO {SCHEMA}.tasks (id, kind, queue) VALUES (gen_random_uuid(), 'k', 'q')"))
        connection.execute(text(f"UPDATE {SCHEMA}.tasks SET state = 'cancelled', finished_at = now()"))
        return connection.execute(text(f"SELECT verb FROM {SCHEMA}.task_events ORDER BY id")).scalars().all()

    assert ask(empty_url, change) == ["enqueue", "cancel"]


def test_another_products_tables_and_alembic_version_are_left_alone(empty_url: str) -> None:
    theirs = ("CREATE TABLE public.alembic_version (version_num text)", "CREATE TABLE public.tasks (id int)")

    def make(connection: Connection) -> None:
        for statement in (*theirs, "INSERT INTO public.alembic_version VALUES ('1f2e3d4c5b6a')"):
            connection.execute(text(statement))
        connection.commit()

    ask(empty_url, make)
    migrate(empty_url)
    assert current(empty_url) == head()
    kept = text("SELECT version_num, (SELECT count(*) FROM public.tasks) FROM public.alembic_version")
    assert ask(empty_url, lambda c: c.execute(kept).all()) == [("1f2e3d4c5b6a", 0)]
    # Pointed at their schema it refuses, and changes nothing.
    with pytest.raises(MigrationFailed, match=r"1f2e3d4c5b6a.*DATABASE_SCHEMA"):
        migrate(f"{empty_url}{'&' if '?' in empty_url else '?'}search_path=public")


def test_two_installations_share_a_database_by_schemas_of_their_own(empty_url: str) -> None:
    second = f"{empty_url}{'&' if '?' in empty_url else '?'}search_path=second"
    migrate(empty_url)
    migrate(second)

    def enqueue(connection: Connection) -> None:
        connection.execute(text("INSERT INTO tasks (id, kind, queue) VALUES (gen_random_uuid(), 'k', 'q')"))
        connection.commit()

    ask(second, enqueue)
    count = text("SELECT count(*) FROM tasks")
    assert [ask(url, lambda c: c.execute(count).scalar_one()) for url in (empty_url, second)] == [0, 1]
    assert ask(second, differences) == []


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    migrate(empty_url)
    found = ask(empty_url, lambda c: c.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    assert found == head()


Release = Callable[..., str]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Add a migration after the newest, by the body of its `upgrade`; returns its revision."""
    import holdgate.schema
    from holdgate.core.paths import MIGRATIONS

    copy = tmp_path / "migrations"
    (versions := copy / "versions").mkdir(parents=True)
    for path in (*MIGRATIONS.iterdir(), *(MIGRATIONS / "versions").glob("*.py")):
        if path.name != "versions":
            (copy / path.relative_to(MIGRATIONS)).symlink_to(path)
    monkeypatch.setattr(holdgate.schema, "MIGRATIONS", copy)

    def add(*lines: str) -> str:
        last, made = head(), f"{int(head()) + 1:04}"
        text_of = f'"""A later release."""\nfrom alembic import op\nrevision = "{made}"\ndown_revision = "{last}"\n'
        body = "".join(f"    {line}\n" for line in lines)
        (versions / f"{made}_later.py").write_text(f"{text_of}def upgrade() -> None:\n{body}")
        return made

    return add


# As ALTER TABLE does, it must have the table for itself for a moment.
LOCKING = 'op.execute("LOCK TABLE tasks")'


@contextmanager
def holding(url: str, statement: str) -> Iterator[threading.Event]:
    """A session that has carried out `statement` and does not end its transaction until the event is set."""
    release, held = threading.Event(), threading.Event()

    async def hold() -> None:
        name = {"application_name": "a long report", "search_path": SCHEMA}
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


@pytest.mark.slow
def test_it_gives_way_to_whoever_holds_a_lock_and_succeeds_when_that_has_ended(
    empty_url: str, release: Release
) -> None:
    migrate(empty_url)
    release(LOCKING)
    told: list[str] = []
    others: list[object] = []
    with holding(empty_url, "LOCK TABLE tasks IN ACCESS SHARE MODE") as ended:

        def say(line: str) -> None:
            told.append(line)
            # While it pauses nobody queues behind it: a writer comes through at once.
            others.append(ask(empty_url, lambda c: c.execute(text("UPDATE tasks SET priority = 1")).rowcount))
            if len(told) == 2:
                ended.set()

        migrate(empty_url, lock_timeout=0.3, say=say)
    assert len(told) == 2 and others == [0, 0]
    assert all("a long report" in line and "LOCK TABLE tasks" in line for line in told), told
    assert current(empty_url) == head()
    assert ask(empty_url, differences) == []


@pytest.mark.slow
def test_when_the_lock_is_kept_too_long_it_names_the_session_and_leaves_the_version(
    empty_url: str, release: Release
) -> None:
    migrate(empty_url)
    before = head()
    release(LOCKING)
    with (
        holding(empty_url, "LOCK TABLE tasks IN ACCESS SHARE MODE"),
        pytest.raises(
            Blocked, match=rf"still at {before}: in the way is session \d+ \(a long report, user \w+, idle in"
        ),
    ):
        migrate(empty_url, lock_timeout=1.5, timeout=0.1)  # long enough to be seen by a busy machine
    assert current(empty_url) == before


@pytest.mark.slow
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


def test_a_migration_that_fails_leaves_the_version_where_the_one_before_has_put_it(
    empty_url: str, release: Release
) -> None:
    good = release(
        'op.execute("CREATE TABLE good (id int)")',
        "with op.get_context().autocommit_block():",
        '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS good_idx")',
        '    op.create_index("good_idx", "good", ["id"], postgresql_concurrently=True)',
    )
    release('op.execute("CREATE TABLE half (id int)")', 'op.execute("SELECT 1 / 0")')
    with pytest.raises(MigrationFailed, match=f"stays at {good}.*division by zero"):
        migrate(empty_url)
    assert current(empty_url) == good
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


def test_the_command_says_what_is_missing_and_whether_something_is(empty_url: str, release: Release) -> None:
    migrate(empty_url)
    before = head()
    release(LOCKING)
    status, said = run(empty_url, "--check")
    assert (status, said) == (1, f"The schema is at {before}, this release needs {head()}. Run holdgate migrate.\n")
    status, said = run(empty_url, "--plan")
    assert (status, said) == (0, "".join(f"{revision}  {brings}\n" for revision, brings in pending(before)))
    assert len(said.splitlines()) == 1
    assert run(empty_url) == (0, f"The schema is at {head()}, which this release needs.\n")
    assert run(empty_url, "--check") == (0, f"The schema is at {head()}, which this release needs.\n")
    assert run(empty_url, "--plan") == (0, "")


def test_another_programs_revision_stands_in_nobodys_way_unless_it_is_in_our_schema(empty_url: str) -> None:
    async def theirs(schema: str) -> None:
        connection = await asyncpg.connect(empty_url.replace("+asyncpg", ""), server_settings={"search_path": schema})
        await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
        await connection.execute("DELETE FROM alembic_version")
        await connection.execute("INSERT INTO alembic_version VALUES ('9f3c2a7b51de')")
        await connection.close()

    asyncio.run(theirs("public"))
    assert run(empty_url) == (0, f"The schema is at {head()}, which this release needs.\n")
    asyncio.run(theirs(SCHEMA))
    for arguments in ((), ("--check",), ("--plan",)):
        status, said = run(empty_url, *arguments)
        assert (status, "none of Holdgate's" in said, "newer" in said) == (1, True, False), said


def test_a_schema_newer_than_the_code_is_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    newer = f"{int(head()) + 1:04}"

    async def step_ahead() -> None:
        connection = await asyncpg.connect(empty_url.replace("+asyncpg", ""), server_settings={"search_path": SCHEMA})
        await connection.execute("UPDATE alembic_version SET version_num = $1", newer)
        await connection.close()

    asyncio.run(step_ahead())
    for arguments in ((), ("--check",)):
        status, said = run(empty_url, *arguments)
        assert (status, said) == (0, f"The schema is at {newer}, newer than this release needs ({head()}).\n")
