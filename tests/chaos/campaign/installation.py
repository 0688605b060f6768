"""Everything of an installation as processes: two web servers, two workers, PostgreSQL, Valkey, mail, HTTP."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from holdgate.accounts.profile.profiles import ProfileChange, save_profile
from holdgate.accounts.profile.resume_files import document
from holdgate.accounts.profile.resumes import save_resume
from holdgate.accounts.service import add_user
from holdgate.core.db import Database
from holdgate.core.postgres.connections import connection_string
from holdgate.core.scopes import Scope
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from tests.chaos.campaign import employer
from tests.chaos.campaign.handlers import OUTSIDE
from tests.chaos.campaign.record import Record
from tests.factories.programs import token_for
from tests.processes import Process, environment, free_port
from tests.servers import Servers
from tests.silence import Way, way_to

LEASE = 4  # seconds
OWNER = "owner@example.org"
SCOPES = (Scope.TASKS_READ, Scope.TASKS_WRITE, Scope.APPROVALS_CREATE)
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


class Installation:
    """`processes` by name: web-0, web-1, worker-0, worker-1, smtp, http."""

    def __init__(self, home: Path, url: str, redis_url: str, way: Way, way_url: str) -> None:
        self.home, self.url, self.redis_url, self.way = home, url, redis_url, way
        self.ports = {name: free_port() for name in ("web-0", "web-1", "smtp", "http")}
        self.outside = f"http://127.0.0.1:{self.ports['http']}"
        self.record = Record(home / "outside")
        self.record.folder.mkdir(exist_ok=True)
        self.artifacts = home / "artifacts"
        self.token = ""
        self.processes: dict[str, Process] = {}
        self.environ = environment(
            Servers(way_url, redis_url),
            home / "data",
            BASE_URL=self.web(0),
            SMTP_URL=f"smtp://127.0.0.1:{self.ports['smtp']}",
            KINDS="tests.chaos.campaign.handlers",
            LEASE_SECONDS=str(LEASE),
            MAX_LEASE_LOSSES="50",  # an innocent task meets many ends here
            APPROVALS_AT_ONCE="1000",
            DIGEST_AFTER="1000",
            APPROVAL_REQUESTS_OPEN="10000",
            APPROVAL_REQUESTS_PER_HOUR="10000",
            ARTIFACTS_URL=f"file://{self.artifacts}",
            ALLOW_PRIVATE_ADDRESSES="yes",
            LOG_LEVEL="warning",
            SHUTDOWN_GRACE="1s",
            **{OUTSIDE: self.outside},
        )

    def web(self, number: int) -> str:
        return f"http://127.0.0.1:{self.ports[f'web-{number}']}"

    def start(self, name: str, **more: str) -> None:
        """Once more if it has ended. Its log goes on."""
        environ = {**self.environ, **more}
        if name.startswith("web"):
            environ["PORT"] = str(self.ports[name])
            command: tuple[str, ...] = ("holdgate.cli", "web", "--host", "127.0.0.1")
        elif name.startswith("worker"):
            command = ("arq", "holdgate.worker.WorkerSettings")
        else:
            folder = str(self.record.folder)
            command = ("tests.chaos.campaign.outside", name, str(self.ports[name]), folder)
        self.processes[name] = Process(self.home / f"{name}.log", environ, *command)

    def mood(self, name: str, mood: str) -> None:
        (self.record.folder / f"{name}.mood").write_text(mood)

    def valkey_pid(self) -> int:
        return int((self.home / "valkey" / "valkey.pid").read_text())

    def postmaster(self) -> int:
        return int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])

    async def sql(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """On a connection of its own, past the way that faults close."""
        connection = await self.connect()
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close(timeout=5)

    async def connect(self) -> Any:
        connection = await asyncpg.connect(connection_string(self.url), timeout=10)
        await connection.execute("SET search_path = holdgate")
        return connection

    async def prepare(self) -> None:
        """The tables of the campaign, the person whose programs load it, and a token."""
        await self.sql("CREATE TABLE chaos_ledger (name text NOT NULL)")
        database = Database(self.url, name="chaos", pool_size=1)
        async with database.write("system") as session:
            owner = await add_user(session, OWNER)
            applicant = ProfileChange(name="Mia Miller", email=OWNER, phone="", cover_letter="", answers={})
            await save_profile(session, owner.id, applicant)
            await save_resume(session, owner.id, document("resume.txt", employer.RESUME))
            self.token = await token_for(session, owner.id, SCOPES)
        await database.dispose()

    async def all_well(self) -> bool:
        """Both web servers answer that they are ready, and both workers are in the list, by their own word."""
        async with httpx.AsyncClient(timeout=3) as client:
            for number in (0, 1):
                try:
                    if (await client.get(f"{self.web(number)}/readyz")).status_code != 200:
                        return False
                except httpx.HTTPError:
                    return False
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            rows = await self.sql(
                "SELECT pid FROM workers WHERE NOT draining AND seen_at > now() - make_interval(secs => $1)", LEASE
            )
            pids = {self.processes[name].pid for name in ("worker-0", "worker-1")}
            return pids <= {row[0] for row in rows}
        return False

    def end(self) -> None:
        for name, process in self.processes.items():
            with suppress(ProcessLookupError):
                process.send(signal.SIGCONT)
            process.kill()
            if os.environ.get("CHAOS_LOGS"):
                shutil.copy(process.log, Path(os.environ["CHAOS_LOGS"]) / f"{name}.log")


@asynccontextmanager
async def installed() -> AsyncIterator[Installation]:
    """Started and ready. What it leaves is removed."""
    home = Path(tempfile.mkdtemp(prefix="holdgate-chaos-"))
    home.chmod(0o755)
    (home / "data").mkdir()
    made: Installation | None = None
    try:
        url = await asyncio.to_thread(postgres.start, home)
        redis_url = await asyncio.to_thread(valkey.start, home)
        await asyncio.to_thread(migrate, url)
        with way_to(url) as (way, way_url):
            made = Installation(home, url, redis_url, way, way_url)
            await made.prepare()
            for name in ("smtp", "http", "web-0", "web-1", "worker-0", "worker-1"):
                made.start(name)
            await until_well(made, 90)
            yield made
            made.end()
            made = None
    finally:
        if made is not None:
            made.end()
        await asyncio.to_thread(postgres.stop, home)
        await asyncio.to_thread(valkey.stop, home)
        shutil.rmtree(home, ignore_errors=True)


async def until_well(installation: Installation, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await installation.all_well():
            # Those outside may just have been killed: they are struck beside the servers.
            ours = {name: it for name, it in installation.processes.items() if name not in ("smtp", "http")}
            dead = [name for name, process in ours.items() if not process.alive]
            assert not dead, f"{dead} ended by themselves: {ours[dead[0]].said()[-3000:]}"
            await asyncio.sleep(0.1)
