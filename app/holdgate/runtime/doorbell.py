"""The doorbell: tells sleeping workers, over Redis, that a queue has work. Nothing is lost when it does not ring.

Programs that enqueue by the function `enqueue_many` know no Redis; theirs is heard on a connection to PostgreSQL.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncConnection

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY, tell
from holdgate.core.telemetry import metrics
from holdgate.core.telemetry.outage import REDIS

CHANNEL = "holdgate:bell"
RING_TIMEOUT = 0.25
PATIENCE = 2.0  # for a ring that nobody waits for: a process that is busy itself reads the answer late
BREATH = 0.005  # between two rings of many announcements
PULSE = 5.0  # seconds without a ring after which the listener asks whether Redis is there, and that it has to answer
SILENCE = 2.0  # after a failed ring, how long we do not even try


class Doorbell:
    """Rings and listens. `redis` may be away at any time.

    Args:
        scope: tells apart installations that share a Redis; the database's name, say.
    """

    def __init__(self, redis: Redis, scope: str) -> None:
        self._redis = redis
        self._channel = f"{CHANNEL}:{scope}"
        self._silent_until = 0.0
        self._announced: frozenset[str] = frozenset()
        self._ringing: asyncio.Task[None] | None = None

    async def announce(self, topics: frozenset[str]) -> None:
        """Ring soon, without being waited for. What is announced during a ring goes out together with the next."""
        self._announced |= topics
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring_announced())

    async def _ring_announced(self) -> None:
        try:
            while self._announced:
                topics, self._announced = self._announced, frozenset()
                await self.ring(topics, within=PATIENCE)
                await asyncio.sleep(BREATH)
        finally:
            self._ringing = None

    async def ring(self, topics: frozenset[str], *, within: float = RING_TIMEOUT) -> None:
        """Announce topics (`queue:mail`). Never raises, and ends `within` so many seconds: workers also poll."""
        if time.monotonic() < self._silent_until:
            return
        try:
            async with asyncio.timeout(within):
                await self._redis.publish(self._channel, " ".join(sorted(topics)))
            metrics.RINGS.labels("sent").inc()
            REDIS.answered()
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + SILENCE
            metrics.RINGS.labels("failed").inc()
            REDIS.failed("to ring", error)

    async def listen(self, hear: Callable[[frozenset[str]], None]) -> None:
        """Call `hear` with the topics of every ring until cancelled; reconnects by itself."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._channel)
                    await self._listen_on(pubsub, hear)
            except (RedisError, OSError, TimeoutError) as error:
                REDIS.failed("to listen", error)
            await asyncio.sleep(0.5)

    @staticmethod
    async def _listen_on(pubsub: PubSub, hear: Callable[[frozenset[str]], None]) -> None:
        """Until the connection breaks, or is silent when asked: nobody would hear then, and nobody would tell us."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=PULSE)
            if message is not None:
                REDIS.answered()
            if message is None and asked:
                raise TimeoutError(f"Redis has not answered for {PULSE:g} seconds.")
            asked = message is None
            if message is None:
                await pubsub.ping()
            elif message["type"] == "subscribe":
                hear(frozenset())  # rings before it were missed: look once at everything
            elif message["type"] == "message":
                metrics.HEARD.inc()
                data = message["data"]
                hear(frozenset((data.decode() if isinstance(data, bytes) else data).split()))


async def listen_to_database(database: Database, channel: str, hear: Callable[[frozenset[str]], None]) -> None:
    """As `Doorbell.listen`, for what is enqueued by SQL. Not behind a pooler that gives out connections by transaction.

    Args:
        channel: the schema's name.
    """
    while True:
        try:
            async with database.engine.connect() as connection:
                try:
                    await _hear_on(connection, channel, hear)
                finally:
                    await connection.invalidate()  # nobody else shall hear with it
        except AWAY as error:
            tell("notifications_unreachable", error)
        await asyncio.sleep(0.5)


async def _hear_on(connection: AsyncConnection, channel: str, hear: Callable[[frozenset[str]], None]) -> None:
    """Until the connection breaks."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.add_listener(channel, lambda _connection, _pid, _channel, topics: hear(frozenset(topics.split())))
    hear(frozenset())  # what was told before it was missed: look once at everything
    while True:
        await asyncio.sleep(PULSE)
        await driver.execute("SELECT 1", timeout=PULSE)
