"""The worker process: `arq holdgate.worker.WorkerSettings`.

arq gives the process its life cycle, signals and health key. The work itself is the dispatcher's, from PostgreSQL;
no task lives in arq's job store, and the worker goes on while Redis is away.
"""

import asyncio
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from wsgiref.simple_server import WSGIServer

import msgspec
import uvloop
from arq.connections import ArqRedis, RedisSettings
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from holdgate.core.config import Settings, load
from holdgate.core.db import LONG, Database
from holdgate.core.postgres.outages import AWAY, tell
from holdgate.core.postgres.revision import revision
from holdgate.core.process import garbage
from holdgate.core.process.ending import SIGNALS, Ending
from holdgate.core.project import environment
from holdgate.core.revisions import head
from holdgate.core.telemetry import log, metrics, tracing
from holdgate.embedded.attach import attached
from holdgate.kinds import KindsNotLoaded, load_kinds
from holdgate.runtime import occupied
from holdgate.runtime.attempts.hand import FAREWELL
from holdgate.runtime.dispatcher import CLAIM_PATIENCE, LAST_WORDS, Dispatcher
from holdgate.runtime.doorbell import Doorbell, listen_to_database
from holdgate.runtime.leases import idle_limit, quick_limit
from holdgate.runtime.resources import Resources
from holdgate.runtime.sweeper import Sweeper
from holdgate.runtime.workers import NAME

logger = log.get(__name__)

# The event loop of a process that is well turns many times a second.
STUCK_SECONDS = 15.0
# A worker that has written no heartbeat for so long, the more of both, is not worth keeping.
UNHEARD_SECONDS, UNHEARD_LEASES = 300.0, 20

# Connections to PostgreSQL, beside one for each queue (looks at it, claims of limited kinds), and one each for claims,
# outcomes and leases (docs/scaling.md).
OWN_CONNECTIONS = 1  # for the sweeper; while it ends, twice as many
TOLD_CONNECTIONS = 1  # on which it is told what others have enqueued by SQL; not behind a pooler
HANDLERS_CONNECTIONS = 10  # at most; handlers wait for one another
LISTENING_LIMIT = timedelta(seconds=10)
HANDLERS_LIMIT = timedelta(minutes=1)  # of one statement of theirs


SCHEMA_EVERY, SCHEMA_TOLD = 1.0, 60.0  # seconds between two looks for the schema, and between two lines about it

# Seconds: one that takes connections and then is silent must not hold whoever waits for its answer.
REDIS_PATIENCE: dict[str, Any] = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}
# Seconds beside SHUTDOWN_GRACE after which a worker that is still there is ended: those of claims, of cancelled tasks
# and of outcomes under way, and some room.
AROUND_GRACE = CLAIM_PATIENCE + FAREWELL + LAST_WORDS + 2.0
CLOSING = 1.5  # seconds to close what is open


class PatientPipeline(Pipeline):
    """arq asks for facts about Redis at its start; without them it would not start."""

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        ask: Any = super().immediate_execute_command
        try:
            return await ask(*args, **options)
        except (RedisError, OSError):
            return 0

    async def execute(self, raise_on_error: bool = True) -> Any:
        try:
            return await super().execute(raise_on_error)
        except (RedisError, OSError):
            return [{}, {}, {}, 0]


class PatientRedis(ArqRedis):
    """arq's client that outlives Redis: what it cannot ask or say, it lets be. arq's own loop would end the worker."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        ask: Any = super().execute_command
        try:
            return await ask(*args, **options)
        except (RedisError, OSError) as error:
            logger.debug("redis_away", command=str(args[0]), error=repr(error))
            await asyncio.sleep(0.5)
            return [] if str(args[0]).startswith("ZRANGE") else 0

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return PatientPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class Process:
    """What one worker process owns between arq's startup and shutdown."""

    def __init__(self, settings: Settings) -> None:
        self._redis = Redis.from_url(settings.redis_url, **REDIS_PATIENCE)
        doorbell = Doorbell(self._redis, settings.doorbell_scope)
        self._database = Database(
            settings.database_url,
            name=NAME,
            pool_size=OWN_CONNECTIONS,
            announce=doorbell.ring,
            idle_limit=idle_limit(settings.lease),
            pooler=settings.database_pooler,
            limit=LONG,
        )
        self._doorbell = doorbell
        self._told = self._database.beside(pool_size=TOLD_CONNECTIONS, more=0, limit=LISTENING_LIMIT)
        self._settings = settings
        self._sweeper = Sweeper(self._database, settings)
        self._resources = Resources()
        queues = dict(settings.queues)
        self.dispatcher = Dispatcher(
            self._database,
            settings,
            quick=self._database.beside(pool_size=len(queues), more=0, limit=quick_limit(settings.lease)),
            handlers=self._database.beside(
                pool_size=min(sum(queues.values()), HANDLERS_CONNECTIONS), limit=HANDLERS_LIMIT, patient=True
            ),
            swept=self._sweeper.age,
            resources=self._resources,
        )
        self._migrated, self._behind = asyncio.Event(), False
        self._jobs: list[asyncio.Task[None]] = []
        self._drained: asyncio.Task[None] | None = None
        self._metrics: WSGIServer | None = None

    async def start(self, _ctx: dict[Any, Any]) -> None:
        log.configure(json=self._settings.json_logs, level=self._settings.log_level)
        tracing.configure(self._settings.traces_url, "holdgate-worker")
        self._listen_to_signals()
        asyncio.get_running_loop().set_default_executor(occupied.Threads(thread_name_prefix="asyncio"))
        await self._resources.open()
        self._jobs = [
            asyncio.create_task(self._await_schema(), name="schema"),
            asyncio.create_task(self._once_migrated(self.dispatcher.run), name="dispatcher"),
            asyncio.create_task(self._once_migrated(self._sweeper.run), name="sweeper"),
            asyncio.create_task(self._doorbell.listen(self.dispatcher.hear), name="doorbell"),
        ]
        if not self._settings.database_pooler:
            told = listen_to_database(self._told, self._settings.database_schema, self.dispatcher.hear)
            self._jobs.append(asyncio.create_task(told, name="notifications"))
        for job in self._jobs:
            job.add_done_callback(_fall_loudly)
        if self._settings.metrics_port:
            place = (self._settings.metrics_on, self._settings.metrics_port)
            self._metrics = metrics.serve(
                place, self._settings.metrics_key, self._figures, self._alive, lambda: self.dispatcher.ready
            )
        logger.info("worker_started", worker=str(self.dispatcher.id), queues=dict(self._settings.queues))

    async def _once_migrated(self, run: Callable[[], Awaitable[None]]) -> None:
        await self._migrated.wait()
        await run()

    async def _await_schema(self) -> None:
        """On a schema older than this code every other statement would fail; on a newer one it works."""
        needs, told = head(), -math.inf
        while True:
            try:
                async with self._database.read() as session:
                    at = await revision(session)
            except AWAY as error:
                tell("schema_unknown", error)
            else:
                if at is not None and at >= needs:
                    self._migrated.set()
                    return
                self._behind = True
                if time.monotonic() >= told + SCHEMA_TOLD:
                    told = time.monotonic()
                    logger.warning("schema_behind", schema=at, needed=needs, do="Run holdgate migrate of this release.")
            await asyncio.sleep(SCHEMA_EVERY)

    def _listen_to_signals(self) -> None:
        """Drain at once. arq's own way to its end asks Redis first, and is taken while the tasks in hand end."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None

        def end() -> None:
            logger.info("worker_ending", worker=str(self.dispatcher.id), in_hand=self.dispatcher.in_hand)
            self._drained = asyncio.create_task(self.dispatcher.drain(), name="drain")
            main.cancel()

        for number in SIGNALS:
            loop.remove_signal_handler(number)
        within = self._settings.shutdown_grace.total_seconds() + AROUND_GRACE
        Ending(lambda _number: loop.call_soon_threadsafe(end), within).listen()

    async def stop(self, _ctx: dict[Any, Any]) -> None:
        await (self._drained or self.dispatcher.drain())
        for job in self._jobs:
            job.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=CLOSING)
        await self._resources.close()
        closing = [self._redis.aclose(), self._database.dispose(), asyncio.to_thread(tracing.stop)]
        if self._metrics is not None:
            closing.append(asyncio.to_thread(self._metrics.shutdown))
        _, stuck = await asyncio.wait([asyncio.ensure_future(each) for each in closing], timeout=CLOSING)
        logger.info("worker_stopped", worker=str(self.dispatcher.id), left=self.dispatcher.in_hand)
        if stuck or occupied.anything():
            # The interpreter would wait for threads that go on. Their tasks are not put back: their leases run out.
            sys.stdout.flush()
            os._exit(0)

    def _alive(self) -> bool:
        """Whether to go on with it. That the database is away is its own affair; but after so many leases what this
        process holds is lost, and a new one may reach what it does not. One that waits for its schema is well."""
        patience = max(UNHEARD_SECONDS, UNHEARD_LEASES * self._settings.lease.total_seconds())
        if not self._migrated.is_set():
            return self._behind or self.dispatcher.unheard < patience
        return self.dispatcher.blocked < STUCK_SECONDS and self.dispatcher.unheard < patience

    def _figures(self) -> metrics.Families:
        """What is read at each look, beside what is counted."""
        about = "Tasks that this worker holds a lease on."
        pools = "Calls in threads and processes; `waiting`: for a place, `abandoned`: a thread works on for nobody."
        blocked = "Since the worker's event loop last turned; more than a second: a handler blocks it."
        return [
            metrics.gauge("holdgate_worker_in_hand", about, (), {(): self.dispatcher.in_hand}),
            metrics.gauge("holdgate_worker_calls", pools, ("pool", "state"), self.dispatcher.figures),
            metrics.gauge("holdgate_worker_blocked_seconds", blocked, (), {(): self.dispatcher.blocked}),
        ]

    async def wake(self, _ctx: dict[Any, Any]) -> None:
        """An arq job that rings the doorbell, for programs that speak arq: look at every queue now."""
        self.dispatcher.hear(frozenset())


def _fall_loudly(job: asyncio.Task[None]) -> None:
    """A part that ends by an error of ours must not leave a worker that lives and does nothing."""
    if not job.cancelled() and (error := job.exception()) is not None:
        logger.critical("worker_part_failed", part=job.get_name(), exc_info=error)
        os._exit(1)


def _arq_settings() -> dict[str, Any]:
    # arq takes the loop it finds.
    asyncio.set_event_loop(uvloop.new_event_loop())
    settings = attached(load(environment(os.environ)))
    try:
        load_kinds(settings.kinds)
    except KindsNotLoaded as problem:  # said in a few lines, not below arq's own traceback
        sys.exit(str(problem))
    process = Process(settings)
    redis_settings = RedisSettings.from_dsn(settings.redis_url)
    pool = ConnectionPool.from_url(settings.redis_url, **REDIS_PATIENCE)
    garbage.settle()
    return {
        "functions": [process.wake],
        "redis_settings": redis_settings,
        "redis_pool": PatientRedis(pool, job_serializer=msgspec.json.encode, job_deserializer=msgspec.json.decode),
        "on_startup": process.start,
        "on_shutdown": process.stop,
        "queue_name": "holdgate:wake",
        "health_check_key": "holdgate:worker:health",
        "health_check_interval": 10,
        "keep_result": 0,
        "max_jobs": 1,
        "poll_delay": 1.0,
    }


def __getattr__(name: str) -> Any:
    # Made when arq asks for it, so that importing this module reads no environment.
    if name == "WorkerSettings":
        return _arq_settings()
    raise AttributeError(name)
