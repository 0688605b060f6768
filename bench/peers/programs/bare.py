"""The limit: bare SQL of the shape of a queue, claimed and finished in batches of 100 on one connection. No worker
around it: no log, no fence, no leases, no waking."""

import asyncio
import json

import asyncpg

from bench.peers.program import Payload, Peer, main, note

BATCH = 100


class Bare(Peer):
    distribution = "asyncpg"
    settings = f"batches of {BATCH}, uvloop; rows are kept, with their state"

    def install(self) -> None:
        asyncio.run(self._install())

    async def _install(self) -> None:
        await self.open()
        await self._connection.execute(
            """
            CREATE TABLE tasks (
              id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL DEFAULT 'queued',
              priority int NOT NULL DEFAULT 0, kind text NOT NULL, payload jsonb NOT NULL, finished_at timestamptz);
            CREATE INDEX tasks_ready ON tasks (priority DESC, id) WHERE state = 'queued';
            """
        )

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self.url)

    async def one(self, given: Payload) -> None:
        await self._connection.execute(
            "INSERT INTO tasks (kind, payload) VALUES ('nothing', $1::jsonb)", json.dumps(given)
        )

    async def many(self, given: list[Payload]) -> None:
        await self._connection.execute(
            "INSERT INTO tasks (kind, payload) SELECT 'nothing', unnest($1::jsonb[])", [json.dumps(p) for p in given]
        )

    async def busy(self) -> bool:
        found = await self._connection.fetchval("SELECT EXISTS (SELECT FROM tasks WHERE state = 'queued')")
        return bool(found)

    def work(self) -> None:
        import uvloop

        uvloop.run(self._work())

    async def _work(self) -> None:
        await self.open()
        claim = """
            UPDATE tasks SET state = 'running' WHERE id = ANY(ARRAY(
              SELECT id FROM tasks WHERE state = 'queued' ORDER BY priority DESC, id
              LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)) RETURNING id, payload
        """
        finish = "UPDATE tasks SET state = 'succeeded', finished_at = now() WHERE id = ANY($1::bigint[])"
        while True:
            for row in (rows := await self._connection.fetch(claim, BATCH)):
                note(json.loads(row["payload"])["sent"])
            await self._connection.execute(finish, [row["id"] for row in rows])


if __name__ == "__main__":
    main(Bare)
