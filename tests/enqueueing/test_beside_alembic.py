"""A product with an Alembic of its own in the same database: neither sees what the other has made."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text

from holdgate.schema import current, head
from tests.conftest import TEMPLATE, make_database, with_name
from tests.servers import Servers

MODELS = """
from sqlalchemy import Column, Integer, MetaData, Table
metadata = MetaData()
Table("tasks", metadata, Column("id", Integer, primary_key=True))
"""
ENV = """
import sys
sys.path.insert(0, {here!r})
from alembic import context
from sqlalchemy import create_engine
from shop_models import metadata
with create_engine(context.config.get_main_option("sqlalchemy.url").replace("%%", "%")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
"""


@pytest.fixture
def url(servers: Servers, worker_id: str) -> Iterator[str]:
    name = f"holdgate_product_{worker_id}"
    asyncio.run(make_database(servers.database_url, name, TEMPLATE))
    yield with_name(servers.database_url, name)


@pytest.fixture
def theirs(url: str, worker_id: str) -> Iterator[str]:
    """As a role of the product: for one that is called as our schema is, PostgreSQL would look there first."""
    role = f"product_{worker_id}"
    admin = create_engine(url.replace("+asyncpg", "+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'x'"))
        connection.execute(text(f"GRANT CREATE ON SCHEMA public TO {role}"))
        yield admin.url.set(username=role, password="x").render_as_string(False)
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))
    admin.dispose()


def test_autogenerate_neither_sees_nor_drops_our_tables(url: str, theirs: str, tmp_path: Path) -> None:
    made = Config(tmp_path / "alembic.ini")
    made.set_main_option("script_location", str(tmp_path / "alembic"))
    made.set_main_option("path_separator", "os")
    made.set_main_option("sqlalchemy.url", theirs.replace("%", "%%"))
    command.init(made, str(tmp_path / "alembic"))
    (tmp_path / "shop_models.py").write_text(MODELS)
    (tmp_path / "alembic/env.py").write_text(ENV.format(here=str(tmp_path)))

    command.revision(made, "first", autogenerate=True)
    command.upgrade(made, "head")
    command.revision(made, "second", autogenerate=True)
    command.upgrade(made, "head")
    first, second = sorted(
        (path.read_text() for path in (tmp_path / "alembic/versions").glob("*.py")),
        key=lambda text: "create_table" not in text,
    )
    assert first.count("op.create_table('tasks'") == 1
    assert "op." not in second and "drop" not in first.partition("def downgrade")[0]
    engine = create_engine(theirs)
    found = inspect(engine)
    assert set(found.get_table_names()) == {"tasks", "alembic_version"}
    assert "tasks" in found.get_table_names("holdgate")
    engine.dispose()
    assert current(url) == head()
