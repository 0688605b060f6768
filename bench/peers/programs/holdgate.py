"""Holdgate: the real worker process with its log, triggers, fence, leases, counts, doorbell and sweeper."""

import os
from typing import ClassVar

import asyncpg
import msgspec
from arq.worker import run_worker
from redis.asyncio import Redis
from sqlalchemy import text

from bench.peers.program import Payload, Peer, main, note
from holdgate.core.config import load
from holdgate.core.db import Database
from holdgate.core.postgres.connections import connection_string
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.doorbell import Doorbell
from holdgate.schema import migrate
from holdgate.tasks.kinds import kind
from holdgate.tasks.service import TaskRequest, enqueue_many

ACTOR = "bench"
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "a-key-for-bench-only-0123456789abcdef",
    "BASE_URL": "http://127.0.0.1",
    "SMTP_URL": "smtp://127.0.0.1:1",
    "MAIL_FROM": "bench@example.org",
}
_BUSY = text(
    "SELECT EXISTS (SELECT FROM tasks WHERE state = 'queued') OR EXISTS (SELECT FROM tasks WHERE state = 'running')"
)


class Given(msgspec.Struct):
    number: int
    email: str
    sent: float


@kind("bench.nothing")
async def nothing(ctx: Context, given: Given) -> None:
    note(given.sent)


class Holdgate(Peer):
    distribution = "holdgate"
    settings = "1,000 at once (QUEUES), no line of the log for each task (LOG_LEVEL=warning)"
    environ: ClassVar = {"QUEUES": "default:1000", "LOG_LEVEL": "warning"}

    def __init__(self, url: str, redis: str) -> None:
        super().__init__(url, redis)
        os.environ |= {**PRODUCTION, "DATABASE_URL": url, "REDIS_URL": redis, **self.environ}
        self._settings = load(os.environ)

    def install(self) -> None:
        migrate(self._settings.database_url)

    async def open(self) -> None:
        doorbell = Doorbell(Redis.from_url(self._settings.redis_url), self._settings.doorbell_scope)
        self._database = Database(self._settings.database_url, name="bench", announce=doorbell.ring)
        self._connection = await asyncpg.connect(connection_string(self._settings.database_url))

    @staticmethod
    def _request(given: Payload) -> TaskRequest:
        return TaskRequest(kind="bench.nothing", payload=given)

    async def one(self, given: Payload) -> None:
        await nothing.enqueue(self._connection, given)

    async def many(self, given: list[Payload]) -> None:
        async with self._database.write(ACTOR) as session:
            await enqueue_many(session, [self._request(each) for each in given])

    async def busy(self) -> bool:
        async with self._database.autocommit() as connection:
            return bool((await connection.execute(_BUSY)).scalar_one())

    def work(self) -> None:
        from holdgate.worker import WorkerSettings

        run_worker(WorkerSettings)


if __name__ == "__main__":
    main(Holdgate)
