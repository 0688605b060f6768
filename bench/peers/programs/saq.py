"""SAQ, on Redis."""

import asyncio
from typing import Any

from saq import Worker
from saq.queue.redis import RedisQueue

from bench.peers.program import Payload, Peer, main, note


async def nothing(ctx: object, *, number: int, email: str, sent: float) -> None:
    note(sent)


class Saq(Peer):
    distribution = "saq"
    settings = "concurrency 50, uvloop; results kept for no time"

    def _queue(self) -> Any:
        return RedisQueue.from_url(self.redis)

    async def open(self) -> None:
        self._client = self._queue()
        await self._client.connect()

    async def one(self, given: Payload) -> None:
        await self._client.enqueue("nothing", ttl=-1, **given)

    async def many(self, given: list[Payload]) -> None:
        await asyncio.gather(*(self.one(each) for each in given))

    async def busy(self) -> bool:
        return bool(await self._client.count("incomplete"))

    def work(self) -> None:
        import uvloop

        uvloop.run(self._work())

    async def _work(self) -> None:
        await Worker(self._queue(), [("nothing", nothing)], concurrency=50).start()


if __name__ == "__main__":
    main(Saq)
