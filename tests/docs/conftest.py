"""An installation that runs, for all commands of the documentation together."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import holdgate.kinds.email_send
import holdgate.kinds.sample_task  # noqa: F401
from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.tasks.search.lists import sweeper_age
from holdgate.tasks.service import TaskRequest, enqueue
from tests import processes
from tests.factories.workers import until
from tests.processes import environment, free_port
from tests.servers import Servers, empty


@pytest.fixture(scope="module")
async def running(shared_database: Database) -> Database:
    """Emptied once: a worker is at work in it."""
    await empty(shared_database)
    return shared_database


@pytest.fixture(scope="module")
async def token(running: Database) -> tuple[str, str]:
    """A token of somebody, and the id of a task of theirs."""
    async with running.write("system") as session:
        person = await add_user(session, f"{uuid7().hex}@example.org")
        task = await enqueue(session, TaskRequest(kind="sample.task", payload={}, owner_id=person.id))
        return await create_token(session, person.id, name="docs", scopes=USUAL), str(task)


@pytest.fixture(scope="module")
async def shell(
    running: Database, token: tuple[str, str], servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    """The environment of a shell beside a web server and a worker that run."""

    async def swept() -> bool:
        async with running.read() as session:
            return await sweeper_age(session) is not None

    home, port = tmp_path_factory.mktemp("installation"), free_port()
    environ = environment(servers, home, BASE_URL=f"http://127.0.0.1:{port}", LEASE_SECONDS="1", KINDS="")
    with processes.web(environ, home / "web.log", port), processes.worker(environ, home / "worker.log"):
        await until(swept)
        path = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
        yield {**environ, "PATH": path, "TOKEN": token[0], "ID": token[1]}
