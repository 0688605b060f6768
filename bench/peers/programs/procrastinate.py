"""procrastinate, on PostgreSQL."""

import asyncio
from typing import Any

import procrastinate

from bench.peers.program import Payload, Peer, main, note


class Procrastinate(Peer):
    distribution = "procrastinate"
    settings = "concurrency 20, finished jobs deleted, uvloop"

    def __init__(self, url: str, redis: str) -> None:
        super().__init__(url, redis)
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=20))

        @self._app.task(name="nothing")
        async def nothing(number: int, email: str, sent: float) -> None:
            note(sent)

        self._nothing: Any = nothing

    def install(self) -> None:
        asyncio.run(self._install())

    async def _install(self) -> None:
        async with self._app.open_async():
            await self._app.schema_manager.apply_schema_async()

    async def open(self) -> None:
        await self._app.open_async()

    async def one(self, given: Payload) -> None:
        await self._nothing.defer_async(**given)

    async def many(self, given: list[Payload]) -> None:
        await self._nothing.batch_defer_async(*given)

    async def busy(self) -> bool:
        found: Any = await self._app.connector.execute_query_one_async(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs) AS busy"
        )
        return bool(found["busy"])

    def work(self) -> None:
        import uvloop

        uvloop.run(self._work())

    async def _work(self) -> None:
        async with self._app.open_async():
            await self._app.run_worker_async(concurrency=20, delete_jobs="always", install_signal_handlers=False)


if __name__ == "__main__":
    main(Procrastinate)
