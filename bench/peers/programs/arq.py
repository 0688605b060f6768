"""arq, on Redis."""

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from bench.peers.program import Payload, Peer, main, note

TOGETHER = 200


async def nothing(ctx: object, number: int, email: str, sent: float) -> None:
    note(sent)


class Arq(Peer):
    distribution = "arq"
    settings = "max_jobs 500, poll_delay 1 ms, no results kept, uvloop"

    async def open(self) -> None:
        self._pool = await create_pool(RedisSettings.from_dsn(self.redis))

    async def one(self, given: Payload) -> None:
        await self._pool.enqueue_job("nothing", **given)

    async def many(self, given: list[Payload]) -> None:
        for start in range(0, len(given), TOGETHER):
            await asyncio.gather(*(self.one(each) for each in given[start : start + TOGETHER]))

    async def busy(self) -> bool:
        return bool(await self._pool.zcard("arq:queue"))

    def work(self) -> None:
        import uvloop

        uvloop.run(self._work())

    async def _work(self) -> None:
        settings: dict[str, Any] = {"max_jobs": 500, "poll_delay": 0.001, "handle_signals": False, "log_results": False}
        worker = Worker(
            functions=[func(nothing, name="nothing", keep_result=0)],
            redis_settings=RedisSettings.from_dsn(self.redis),
            **settings,
        )
        await worker.async_run()


if __name__ == "__main__":
    main(Arq)
