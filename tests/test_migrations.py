"""The migrations make exactly the declared tables, forward and back."""

import asyncio
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.schema import config, head, metadata, migrate
from tests.conftest import make_database, with_name
from tests.servers import Servers


@pytest.fixture
def empty_url(servers: Servers, worker_id: str) -> Iterator[str]:
    name = f"holdpoint_migrations_{worker_id}"
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
