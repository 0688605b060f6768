"""A release is rolled out and put back under load: no request fails, no attempt is used up.

Nothing of ours has been released, so the next release is this code with a migration more, which expands the schema as
`docs/upgrades.md` allows it. What the two have in common is that each runs on the schema of the other.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.paths import MIGRATIONS
from holdgate.core.postgres.connections import connection_string
from holdgate.core.revisions import head
from tests.conftest import make_database, with_name
from tests.factories.people import add_user
from tests.factories.programs import V1, token_for
from tests.factories.workers import until
from tests.processes import ROOT, Process, environment, free_port, web
from tests.servers import Servers

BESIDE = ("app", "templates", "static", "docs", "tests", "pyproject.toml")
LATER = f"{int(head()) + 1:04}"
EXPANDS = f'''"""What a later release may bring: see docs/upgrades.md."""
import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{head()}"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("colour", sa.Text()))
    op.add_column("approvals", sa.Column("colour", sa.Text(), server_default="red", nullable=False))
    op.create_table("colours", sa.Column("name", sa.Text(), primary_key=True))
    op.execute("ALTER TABLE tasks ADD CONSTRAINT tasks_colour_check CHECK (colour <> '') NOT VALID")
    with op.get_context().autocommit_block():
        op.create_index("tasks_colour_idx", "tasks", ["colour"], postgresql_concurrently=True)
'''


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The next release: a checkout of its own."""
    made = tmp_path / "later"
    (versions := made / "migrations" / "versions").mkdir(parents=True)
    for name in BESIDE:
        (made / name).symlink_to(ROOT / name)
    for path in (*MIGRATIONS.iterdir(), *(MIGRATIONS / "versions").glob("*.py")):
        if path.name != "versions":
            (made / "migrations" / path.relative_to(MIGRATIONS)).symlink_to(path)
    (versions / f"{LATER}_colours.py").write_text(EXPANDS)
    return made


@pytest.fixture
def own(servers: Servers, worker_id: str) -> Iterator[Servers]:
    """A database that no other test sees afterwards: its schema stays the later one."""
    from holdgate.schema import migrate

    name = f"holdgate_rolling_{worker_id}"
    asyncio.run(make_database(servers.database_url, name))
    migrate(with_name(servers.database_url, name))
    yield Servers(with_name(servers.database_url, name), servers.redis_url)


class Load:
    """Programs behind a balancer: a server that takes no connection, or ends one without a word, is passed over."""

    def __init__(self, token: str) -> None:
        self.ports: list[int] = []
        self.statuses: Counter[int] = Counter()
        self.made: list[str] = []
        self._headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        self._turn = itertools.count()

    async def go_on(self) -> None:
        async with httpx.AsyncClient(timeout=20, headers=self._headers) as client:
            while True:
                await asyncio.gather(self._make(client), self._read(client), self._read(client))
                await asyncio.sleep(0.02)

    async def _make(self, client: httpx.AsyncClient) -> None:
        body = {"kind": "sample.task", "payload": {"steps": 2, "seconds": 0.2}}
        answer = await self._send(client, "POST", "/tasks", json=body, headers={"Idempotency-Key": str(uuid4())})
        if answer.status_code == 201:
            self.made.append(answer.json()["id"])

    async def _read(self, client: httpx.AsyncClient) -> None:
        await self._send(client, "GET", "/tasks?limit=5")

    async def _send(self, client: httpx.AsyncClient, method: str, path: str, **more: object) -> httpx.Response:
        while True:
            port = self.ports[next(self._turn) % len(self.ports)]
            with suppress(httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
                answer = await client.request(method, f"http://127.0.0.1:{port}{V1}{path}", **more)  # type: ignore[arg-type]
                self.statuses[answer.status_code] += 1
                return answer


@asynccontextmanager
async def under(load: Load) -> AsyncIterator[None]:
    job = asyncio.create_task(load.go_on())
    try:
        yield
        assert not job.done(), job.exception()
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


class Fleet:
    """A web server and a worker of one release, or two."""

    def __init__(self, stack: ExitStack, load: Load, place: Path) -> None:
        self._stack, self._load, self._place = stack, load, place
        self._number = itertools.count()

    async def replace(
        self, before: "tuple[Process, Process, int] | None", environ: dict[str, str]
    ) -> tuple[Process, Process, int]:
        """The worker first, then the web server, each up before the one before it ends."""
        number = next(self._number)
        hands = Process(self._place / f"worker-{number}.log", environ, "arq", "holdgate.worker.WorkerSettings")
        self._stack.callback(hands.kill)
        if before is not None:
            assert await asyncio.to_thread(before[0].stop) == 0
        port = free_port()
        server = await asyncio.to_thread(
            self._stack.enter_context, web(environ, self._place / f"web-{number}.log", port, by_command=True)
        )
        await until(lambda: is_ready(port))
        self._load.ports.append(port)
        if before is not None:
            await asyncio.to_thread(before[1].stop)
            self._load.ports.remove(before[2])
        return hands, server, port


async def is_ready(port: int) -> bool:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200


async def test_a_release_is_rolled_out_and_put_back_under_load_and_nothing_fails(
    own: Servers, later: Path, tmp_path: Path
) -> None:
    database = Database(own.database_url, name="tests", pool_size=4)
    ann = await add_user(database, "ann@example.org")
    async with database.write("system") as session:
        load = Load(await token_for(session, ann.id))
    now = environment(own, tmp_path, KINDS="", LOG_LEVEL="warning")
    then = {**now, "PYTHONPATH": f"{later / 'app'}:{later}"}
    with ExitStack() as stack:
        fleet = Fleet(stack, load, tmp_path)
        running = await fleet.replace(None, now)
        async with under(load):
            await makes(load, 10)
            # The next release on the schema before: it says that it is not ready, and its worker waits.
            port = free_port()
            early = await asyncio.to_thread(
                stack.enter_context, web(then, tmp_path / "early.log", port, by_command=True)
            )
            assert not await is_ready(port)
            await asyncio.to_thread(early.stop)
            hands = Process(tmp_path / "early-worker.log", then, "arq", "holdgate.worker.WorkerSettings")
            stack.callback(hands.kill)
            await until(lambda: told(hands, "schema_behind"))
            assert not await has_begun(database, hands)
            await migrate_beside_a_long_transaction(database, own.database_url, then, tmp_path)
            await until(lambda: has_begun(database, hands))
            assert await asyncio.to_thread(hands.stop) == 0
            # The release before on the new schema, then both, then the next alone, then all the way back.
            assert await is_ready(running[2])
            await makes(load, 20)
            running = await fleet.replace(running, then)
            await makes(load, 20)
            running = await fleet.replace(running, now)
            await makes(load, 20)
        await until(lambda: all_ended(database))
    assert set(load.statuses) == {200, 201}, load.statuses
    async with database.read() as session:
        ended = text("SELECT state, max(failures), max(lease_losses), count(*) FROM tasks GROUP BY 1")
        assert [tuple(row) for row in await session.execute(ended)] == [("succeeded", 0, 0, len(load.made))]
    await database.dispose()


async def migrate_beside_a_long_transaction(database: Database, url: str, environ: dict[str, str], place: Path) -> None:
    """It gives way to the report that reads the tasks, and has happened once that is over."""
    connection = await asyncpg.connect(connection_string(url))
    async with connection.transaction():
        await connection.execute("SELECT count(*) FROM holdgate.tasks")
        process = Process(place / "migrate.log", environ, "holdgate.cli", "migrate", "--lock-timeout", "0.3")
        await until(lambda: told(process, "Gave way"))
    await connection.close()
    assert await asyncio.to_thread(process.ended) == 0, process.said()
    async with database.read() as session:
        assert await session.scalar(text("SELECT version_num FROM alembic_version")) == LATER


async def has_begun(database: Database, worker: Process) -> bool:
    async with database.read() as session:
        by_it = text("SELECT EXISTS (SELECT FROM workers WHERE pid = :pid)")
        return bool(await session.scalar(by_it, {"pid": worker.pid}))


async def told(process: Process, words: str) -> bool:
    return words in process.said()


async def makes(load: Load, more: int) -> None:
    """So many more tasks have been accepted."""
    wanted = len(load.made) + more

    async def made() -> bool:
        return len(load.made) >= wanted

    await until(made)


async def all_ended(database: Database) -> bool:
    async with database.read() as session:
        return not await session.scalar(text("SELECT count(*) FROM tasks WHERE finished_at IS NULL"))
