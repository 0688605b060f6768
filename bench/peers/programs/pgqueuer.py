"""PgQueuer, on PostgreSQL."""

import asyncio
import json
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from bench.peers.program import Payload, Peer, main, note


class Pgqueuer(Peer):
    distribution = "pgqueuer"
    settings = "batch_size 1000, asyncpg, uvloop"

    def install(self) -> None:
        asyncio.run(self._install())

    async def _install(self) -> None:
        await self.open()
        await self._queries.install()

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self.url)
        self._queries = Queries(AsyncpgDriver(self._connection))

    async def one(self, given: Payload) -> None:
        await self._queries.enqueue("nothing", json.dumps(given).encode())

    async def many(self, given: list[Payload]) -> None:
        bodies: list[bytes | None] = [json.dumps(each).encode() for each in given]
        await self._queries.enqueue(["nothing"] * len(given), bodies, [0] * len(given))

    async def busy(self) -> bool:
        return bool(await self._connection.fetchval("SELECT EXISTS (SELECT FROM pgqueuer)"))

    def work(self) -> None:
        import uvloop

        uvloop.run(self._work())

    async def _work(self) -> None:
        queue = PgQueuer.from_asyncpg_connection(await asyncpg.connect(self.url))

        @queue.entrypoint("nothing")
        async def nothing(job: Job) -> None:
            note(json.loads(job.payload or b"")["sent"])

        await queue.run(dequeue_timeout=timedelta(seconds=30), batch_size=1000)


if __name__ == "__main__":
    main(Pgqueuer)
