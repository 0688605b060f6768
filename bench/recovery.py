"""How soon a task runs again whose worker was killed (kill -9), in seconds, over so many kills.

Two workers with stock settings. Each time one task is claimed, its worker is killed and another is started in its
place; what is measured is from the kill to the second claim, by the database's clock.

With --pooler they are behind a PgBouncer in transaction mode, where no worker can hold a lock and the lease decides.

Usage: python -m bench.recovery [--kills 20] [--pooler]
"""

import argparse
import asyncio
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from uuid import UUID

import msgspec
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.embedded import postgres, valkey
from holdgate.runtime.attempts.context import Context
from holdgate.schema import migrate
from holdgate.tasks.kinds import kind
from holdgate.tasks.service import TaskRequest, enqueue
from tests.pooler.conftest import pgbouncer
from tests.processes import Process, environment
from tests.servers import Servers

HOME = Path(".holdgate/bench-recovery")

_HOLDER = text("SELECT w.pid FROM workers w JOIN tasks t ON t.worker_id = w.id WHERE t.id = :id AND w.locks = :locks")
_READY = text(
    "SELECT true FROM workers WHERE locks = :locks AND missed_at IS NULL AND pid = ANY(:pids) HAVING count(*) = 2"
)
_NOW = text("SELECT clock_timestamp()")
_AGAIN = text(
    "SELECT extract(epoch FROM at - :killed) FROM task_events WHERE task_id = :id AND verb = 'claim' AND attempt = 2"
)


class Nothing(msgspec.Struct):
    pass


@kind("bench.lasts")
async def lasts(ctx: Context, payload: Nothing) -> None:
    """The first time longer than any kill takes."""
    if ctx.attempt == 1:
        await asyncio.sleep(60)


async def answer(database: Database, statement: object, **values: object) -> object:
    """Once there is one."""
    async with asyncio.timeout(60):
        while True:
            async with database.read_one() as session:
                found: object = await session.scalar(statement, values)  # type: ignore[call-overload]
            if found is not None:
                return found
            await asyncio.sleep(0.05)


async def measure(database: Database, environ: dict[str, str], folder: Path, kills: int, *, locks: bool) -> list[float]:
    def start(name: str) -> Process:
        return Process(folder / f"{name}.log", environ, "arq", "holdgate.worker.WorkerSettings")

    workers = {process.pid: process for process in (start("first"), start("second"))}
    seconds: list[float] = []
    try:
        for number in range(kills):
            await answer(database, _READY, locks=locks, pids=list(workers))
            async with database.write("system") as session:
                task_id: UUID = await enqueue(session, TaskRequest(kind="bench.lasts", payload={}))
            pid = await answer(database, _HOLDER, id=task_id, locks=locks)
            workers.pop(int(str(pid))).kill()
            killed = await answer(database, _NOW)
            seconds.append(float(str(await answer(database, _AGAIN, id=task_id, killed=killed))))
            print(f"{seconds[-1]:.2f}", flush=True)
            replacement = start(f"replacement-{number}")
            workers[replacement.pid] = replacement
    finally:
        for process in workers.values():
            process.kill()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pooler", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)  # PgBouncer's user reads its settings there
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.callback(shutil.rmtree, HOME, ignore_errors=True)
        stack.callback(valkey.stop, HOME)
        stack.callback(postgres.stop, HOME)
        servers = Servers(postgres.start(HOME), valkey.start(HOME))
        migrate(servers.database_url)
        environ = environment(servers, HOME, KINDS="bench.recovery", LOG_LEVEL="warning")
        if given.pooler:
            url = stack.enter_context(pgbouncer(servers.database_url, folder, default_pool_size="20"))
            environ |= {"DATABASE_URL": url, "DATABASE_POOLER": "transaction"}
        database = Database(servers.database_url, name="bench", pool_size=2)
        seconds = asyncio.run(measure(database, environ, folder, given.kills, locks=not given.pooler))
        print(f"median {median(seconds):.2f}, at most {max(seconds):.2f} seconds, {len(seconds)} kills")


if __name__ == "__main__":
    main()
