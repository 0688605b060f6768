"""dramatiq, on Redis."""

import time
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.program import Payload, Peer, main, note

QUEUE = "default"


class Dramatiq(Peer):
    distribution = "dramatiq"
    settings = "8 threads, prefetch 500"

    def __init__(self, url: str, redis: str) -> None:
        super().__init__(url, redis)
        self._broker = RedisBroker(url=redis)
        dramatiq.set_broker(self._broker)

        @dramatiq.actor(queue_name=QUEUE, broker=self._broker)
        def nothing(number: int, email: str, sent: float) -> None:
            note(sent)

        self._nothing: Any = nothing

    async def one(self, given: Payload) -> None:
        self._nothing.send(**given)

    async def many(self, given: list[Payload]) -> None:
        for each in given:
            self._nothing.send(**each)

    async def busy(self) -> bool:
        return bool(self._broker.client.hlen(f"dramatiq:{QUEUE}.msgs"))

    def work(self) -> None:
        worker = dramatiq.Worker(self._broker, worker_threads=8)
        worker.queue_prefetch = 500
        worker.start()
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main(Dramatiq)
