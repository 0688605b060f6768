"""The plugin that pytest finds by itself where Holdgate is installed (docs/testing.md).

Nothing is imported or started until a test asks for a fixture. Fixtures are plain functions, so they need no plugin for
async tests and fit each of them.
"""

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from holdgate.core.config import Settings
    from holdgate.core.db import Database
    from holdgate.testing.blocking import BlockingTester
    from holdgate.testing.enqueued import AssertEnqueued
    from holdgate.testing.loops import BlockingRunner
    from holdgate.testing.tester import KindTester

SERVER = "HOLDGATE_TEST_DATABASE_URL"


def _home(config: pytest.Config) -> Path:
    return config.rootpath / ".holdgate" / "tests"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the run stops the embedded server, which workers of xdist share."""
    home = _home(config)
    if not hasattr(config, "workerinput") and not os.environ.get(SERVER) and (home / "postgres").is_dir():
        from holdgate.embedded import postgres

        postgres.stop(home)


@pytest.fixture(scope="session")
def holdgate_runner() -> "Iterator[BlockingRunner]":
    from holdgate.testing.loops import BlockingRunner

    runner = BlockingRunner()
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def holdgate_url(pytestconfig: pytest.Config, holdgate_runner: "BlockingRunner") -> Iterator[str]:
    """A database for this run (`postgresql://…`), or each worker of xdist: with our schema, and room for your tables.

    It is on the server that HOLDGATE_TEST_DATABASE_URL names, whose role may create databases, or on an embedded one.
    """
    from holdgate.embedded import postgres
    from holdgate.testing import database

    server = os.environ.get(SERVER) or postgres.start(_home(pytestconfig), fast=True)
    project = sha256(str(pytestconfig.rootpath).encode()).hexdigest()[:8]
    worker = re.sub(r"\W", "", os.environ.get("PYTEST_XDIST_WORKER", "main"))
    name = f"holdgate_test_{project}_{worker}"
    yield holdgate_runner(database.make_own(server, name))
    holdgate_runner(database.drop_database(server, name))


@pytest.fixture(scope="session")
def holdgate_settings(
    holdgate_url: str, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> "Settings":
    """Your project's kinds and queues with this run's database, and no server of yours."""
    import msgspec

    from holdgate.core.config import load
    from holdgate.core.project import environment

    project = environment(os.environ, pytestconfig.rootpath)
    given = {name: value for name, value in project.items() if name in ("KINDS", "QUEUES")}
    return msgspec.structs.replace(
        load({**given, "DATABASE_URL": holdgate_url}),
        secret_keys=("a-key-for-tests-only-0123456789abcdef",),
        data_dir=tmp_path_factory.mktemp("holdgate"),
    )


@pytest.fixture(scope="session")
def _holdgate_connection(holdgate_settings: "Settings") -> "Database":
    """Keeps no connection: each test, and each of its fixtures, may have an event loop of its own."""
    from holdgate.core.db import Database
    from holdgate.schema import migrate

    url = holdgate_settings.database_url
    migrate(url)  # does nothing, unless the project has a `holdgate_url` of its own
    return Database(url, name="holdgate tests", keep=False)


@pytest.fixture
def holdgate_database(_holdgate_connection: "Database", holdgate_runner: "BlockingRunner") -> "Database":
    """Holdgate's tables are empty. Yours are your own affair."""
    from holdgate.testing.database import empty

    holdgate_runner(empty(_holdgate_connection))
    return _holdgate_connection


@pytest.fixture
def _kind_tester(holdgate_database: "Database", holdgate_settings: "Settings") -> "Iterator[KindTester]":
    from holdgate.testing.tester import KindTester

    tester = KindTester(holdgate_database, holdgate_settings)
    yield tester
    tester.close()


@pytest.fixture
def tester(_kind_tester: "KindTester") -> "KindTester":
    """Runs tasks and answers their approval requests, in an async test."""
    return _kind_tester


@pytest.fixture
def blocking_tester(_kind_tester: "KindTester", holdgate_runner: "BlockingRunner") -> "BlockingTester":
    """As `tester`, for tests that are plain functions."""
    from holdgate.testing.blocking import BlockingTester

    return BlockingTester(_kind_tester, holdgate_runner)


@pytest.fixture
def inline(_kind_tester: "KindTester", holdgate_runner: "BlockingRunner") -> Iterator[None]:
    """What is enqueued runs at once, when the session's transaction has committed."""
    from holdgate.testing.inline import inline_mode

    with inline_mode(_kind_tester, holdgate_runner):
        yield


@pytest.fixture
def assert_enqueued(holdgate_database: "Database", holdgate_runner: "BlockingRunner") -> "AssertEnqueued":
    """`assert_enqueued(kind, payload)`, in plain and async tests."""
    from holdgate.testing.enqueued import AssertEnqueued

    return AssertEnqueued(holdgate_database, holdgate_runner)
