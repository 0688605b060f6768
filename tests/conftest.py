"""Real servers for every test: PostgreSQL and Valkey, a database per xdist worker cloned from a migrated template."""

import asyncio
import gc
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import structlog
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.telemetry import log
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from holdgate.testing.database import make_database as make_database
from holdgate.testing.database import with_name as with_name
from tests import chromium, sites
from tests import servers as servers_module
from tests.reports import pytest_report_to_serializable  # noqa: F401  a hook
from tests.servers import Servers, settings_of

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".holdgate" / "tests"
TEMPLATE = "holdgate_template"
# Parts that mostly wait for programs they start: browsers, workers that are killed, servers, package installations.
# `make test` leaves them out, beside single tests that are marked slow, and says so at its end; `make test-all`, and so
# CI, runs them.
PROGRAMS = (
    *("journeys", "chaos", "deploy", "embedded", "load", "pooler", "replica", "bench", "product", "asking"),
    *(
        "api/test_fuzz.py",
        "enqueueing/test_examples.py",
        "enqueueing/test_more_examples.py",
        "test_restore.py",
        "test_backup.py",
    ),
    *("careers/test_careers_process.py", "test_reports.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help=f"without tests/{{{','.join(PROGRAMS)}}}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    left_out = config.getoption("quick") and collection_path in {ROOT / "tests" / part for part in PROGRAMS}
    return True if left_out else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("quick"):
        parts = " ".join(f"tests/{part}" for part in PROGRAMS)
        terminalreporter.write_line(f"LEFT OUT here, for they start many programs: {parts}", yellow=True)
        terminalreporter.write_line("LEFT OUT here, for they take seconds: tests marked `slow`", yellow=True)
        terminalreporter.write_line("FEWER here: 12 of 40 random lives in tests/properties/test_life.py", yellow=True)
        terminalreporter.write_line("`make test-all` runs everything, as CI does.", yellow=True)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers and build the template once, in the controlling process."""
    sites.share()
    # All modules of app/ and tests/ are in memory: to look for garbage as often as usual takes a twelfth of the time.
    gc.set_threshold(20_000, 20, 20)
    # Its usual way draws every local variable of a traceback, which takes seconds; how lines are written: tests/web.
    structlog.configure(
        [
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            log.redact_and_keep,
            structlog.dev.set_exc_info,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; what it starts would not hear it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # By nohup: these tests go on when the terminal hangs up, but what they start is to hear it.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN or hasattr(config, "workerinput"):
        signal.signal(signal.SIGHUP, lambda *_: None)
    if hasattr(config, "workerinput"):
        for name in ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"):  # `make test` says them for this pytest,
            os.environ.pop(name, None)  # not for those that tests start
        return
    given = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    database = given[0] or postgres.start(HOME, fast=True)
    redis = given[1] or valkey.start(HOME)
    database = re.sub(r"^postgres(ql)?(\+asyncpg)?://", "postgresql+asyncpg://", database)
    asyncio.run(make_database(database, TEMPLATE))
    migrate(with_name(database, TEMPLATE))
    os.environ["HOLDGATE_TEST_DATABASE"], os.environ["HOLDGATE_TEST_REDIS"] = database, redis


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """More than processors: much of the time of the tests is waiting. Programs that some start need them, too."""
    return (os.cpu_count() or 1) + (2 if config.getoption("quick") else 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without Chromium, leave the browser tests out and say so; in CI that is a failure."""
    if config.getoption("quick"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
    browser = [item for item in items if item.get_closest_marker("browser")]
    if browser and chromium.path() is None:
        if os.environ.get("CI"):
            pytest.exit("CI needs Chromium for the browser tests.", returncode=1)
        config.hook.pytest_deselected(items=browser)
        items[:] = [item for item in items if item not in browser]


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if not os.environ.get("DATABASE_URL"):
        postgres.stop(HOME)
    if not os.environ.get("REDIS_URL"):
        valkey.stop(HOME)


@pytest.fixture(scope="session")
def servers(worker_id: str) -> Iterator[Servers]:
    """Where this xdist worker's database and Redis are."""
    base = os.environ["HOLDGATE_TEST_DATABASE"]
    name = f"holdgate_test_{worker_id}"
    asyncio.run(make_database(base, name, TEMPLATE))
    redis = os.environ["HOLDGATE_TEST_REDIS"]
    number = int(re.sub(r"\D", "", worker_id) or "0") + 1
    if redis.startswith("unix"):
        redis = f"{redis.split('?')[0]}?db={number}"
    else:
        redis = urlunsplit(urlsplit(redis)._replace(path=f"/{number}"))
    yield Servers(database_url=with_name(base, name), redis_url=redis)


@pytest.fixture(scope="session")
async def shared_database(servers: Servers) -> AsyncIterator[Database]:
    made = Database(servers.database_url, name="tests", pool_size=20)
    yield made
    await made.dispose()


@pytest.fixture
async def database(shared_database: Database) -> Database:
    """An empty, migrated database."""
    await servers_module.empty(shared_database)
    return shared_database


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    client = Redis.from_url(servers.redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture
def settings(servers: Servers, tmp_path: Path) -> Settings:
    return settings_of(servers, tmp_path)


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    """The site in this process, for clients without a browser."""
    from tests.factories.site import site_of  # with all that it imports, for those alone who ask for it

    async with site_of(settings, database, redis) as made:
        yield made
