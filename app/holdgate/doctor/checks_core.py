"""Checks of the database, Redis, the workers and the settings: quick, and nobody outside is asked."""

import asyncio
import re
import secrets
import time
from contextlib import suppress

from redis.exceptions import RedisError

from holdgate.core.postgres.outages import AWAY
from holdgate.core.postgres.revision import revision
from holdgate.core.postgres.tables import Base
from holdgate.doctor import queries
from holdgate.doctor.findings import Check, Finding, Installation, fail, fine, warn
from holdgate.runtime.doorbell import Doorbell
from holdgate.runtime.known_steps import steps_of
from holdgate.stats import counts as stats
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.queue import orphans
from holdgate.tasks.search import lists
from holdgate.tasks.states import UNFINISHED

REDIS_AWAY = (RedisError, OSError, TimeoutError)
REDIS_SECONDS = 3.0
HEARD_SECONDS = 2.0
SLOW_MS = 250.0
POOLER_SIGNS = ("unsupported startup parameter", "prepared statement")
SHORTEST_KEY = 32
LEAST_SIGNS = 10  # different ones in a key that was drawn by lot
WILL_RUN_AGAIN = [state.value for state in UNFINISHED]
MOST_TASKS = 10_000
GUESSABLE = ("secret", "change", "example", "password", "holdgate", "test", "default")


async def database(patient: Installation) -> Finding:
    try:
        async with patient.database.read() as session:
            await session.connection()  # to open one is not what is measured
            began = time.perf_counter()
            version, number, writes = await queries.server(session)
            took = (time.perf_counter() - began) * 1000
    except AWAY as problem:
        said = str(problem).split("\n")[0][:150]
        if any(sign in str(problem) for sign in POOLER_SIGNS):
            do = "This is a pooler's answer: set DATABASE_POOLER=transaction for web, workers and commands."
            return fail(f"It refuses us: {said}", do)
        return fail(f"It can’t be reached: {said}", "Look at DATABASE_URL, the server, and the network between.")
    if number < 150000:
        return fail(f"PostgreSQL {version} is too old.", "Upgrade to PostgreSQL 15 or newer.")
    if not writes:
        do = "Point DATABASE_URL at the primary, or name all servers in it: postgresql://…@one,two/holdgate."
        return fail(f"PostgreSQL {version} takes no writes: it is a standby, or read-only.", do)
    if took > SLOW_MS:
        return warn(f"PostgreSQL {version} took {took:.0f} ms to answer.", "Bring it closer, or look at its load.")
    return fine(f"PostgreSQL {version} answers in {took:.0f} ms.")


async def migrations(patient: Installation) -> Finding:
    async with patient.database.read() as session:
        found = await revision(session)
    if found == patient.head:
        return fine(f"The schema is at {found}, which this release needs.")
    if found is not None and found > patient.head:
        return warn(
            f"The schema is at {found}, newer than this release needs ({patient.head}).",
            "Well for one release back. Otherwise run the newer release here, too.",
        )
    return fail(f"The schema is at {found or 'nothing'}, this release needs {patient.head}.", "Run holdgate migrate.")


async def indexes(patient: Installation) -> Finding:
    wanted = {str(index.name) for table in Base.metadata.tables.values() for index in table.indexes}
    async with patient.database.read() as session:
        found = await queries.indexes(session)
    missing = sorted(wanted - found.keys())
    broken = sorted(name for name, valid in found.items() if not valid)
    if missing:
        return fail(
            f"Missing: {', '.join(missing)}.",
            "Restore them from migrations/: holdgate migrate on an empty database shows how.",
        )
    if broken:
        return warn(f"Not valid: {', '.join(broken)}.", "REINDEX INDEX CONCURRENTLY each of them.")
    return fine(f"All {len(wanted)} are there.")


async def clocks(patient: Installation) -> Finding:
    """The database's time decides; skewed machines show wrong times, and tokens end too early or late."""
    async with patient.database.read() as session:
        before = patient.clock()
        theirs = await queries.clock(session)
        here = (before + patient.clock()) / 2
    apart = {"this machine": here - theirs}
    with suppress(*REDIS_AWAY):
        async with asyncio.timeout(REDIS_SECONDS):
            before = patient.clock()
            seconds, micros = await patient.redis.time()
        apart["Redis"] = (seconds + micros / 1e6) - (theirs + (before + patient.clock()) / 2 - here)
    told = ", ".join(f"{name} {round(off, 2) + 0.0:+.2f} s" for name, off in apart.items())
    if max(abs(off) for off in apart.values()) > patient.bounds.skew.total_seconds():
        return warn(f"Off the database's clock: {told}.", "Run a time service (NTP) on every machine.")
    return fine(f"Beside the database's: {told}.")


async def redis(patient: Installation) -> Finding:
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            info = await patient.redis.info("memory")
    except REDIS_AWAY as problem:
        said = str(problem)[:150] or type(problem).__name__
        return fail(
            f"It cannot be asked: {said}",
            "Look at REDIS_URL and the server. Work goes on: workers poll, and limits count in each web process.",
        )
    policy, most = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    if most and policy != "noeviction":
        return warn(
            f"It drops keys when {most // 1024**2:,} MB are full ({policy}).",
            "Set maxmemory-policy noeviction, or give Holdgate a Redis of its own: rate limits are forgotten.",
        )
    return fine(f"It answers, and uses {int(info.get('used_memory', 0)) / 1024**2:,.0f} MB ({policy}).")


async def wakeups(patient: Installation) -> Finding:
    """Rings a bell that nobody serves, and listens for it."""
    bell = Doorbell(patient.redis, patient.settings.doorbell_scope)
    topic = f"doctor:{secrets.token_hex(8)}"
    ready, heard = asyncio.Event(), asyncio.Event()

    def hear(topics: frozenset[str]) -> None:
        ready.set()  # the first call says that it listens
        if topic in topics:
            heard.set()

    listening = asyncio.create_task(bell.listen(hear))
    try:
        async with asyncio.timeout(HEARD_SECONDS):
            await ready.wait()
            began = time.perf_counter()
            await bell.ring(frozenset({topic}))
            await heard.wait()
    except TimeoutError:
        poll = patient.settings.poll_interval.total_seconds()
        return warn(
            f"A ring was not heard within {HEARD_SECONDS:g} s.",
            "Let Holdgate's user PUBLISH and SUBSCRIBE to holdgate:bell:* in Redis. "
            f"Until then work starts up to {poll:g} s late.",
        )
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return fine(f"A ring is heard after {(time.perf_counter() - began) * 1000:.0f} ms.")


async def workers(patient: Installation) -> Finding:
    async with patient.database.read() as session:
        found = await lists.list_workers(session)
    alive = [item for item in found if item.state == "online"]
    lost = [f"{item.worker.host}:{item.worker.pid}" for item in found if item.state == "lost"]
    if not alive:
        return fail("No worker runs.", "Start one: holdgate worker. Tasks wait, and nothing is lost.")
    if lost:
        return warn(
            f"{len(alive)} online; not heard of within the last hour: {', '.join(lost)}.",
            "Look why they ended. Their tasks have been taken over; the row goes by itself after an hour.",
        )
    return fine(f"{len(alive)} online.")


async def sweeper(patient: Installation) -> Finding:
    async with patient.database.read() as session:
        age, workers_run = await lists.sweeping(session)
    if age is None and workers_run is not None and workers_run < patient.bounds.sweep:
        return warn("The workers have just started, and none has swept yet.", "Look again in a few seconds.")
    if age is None:
        return fail(
            "No living worker has swept.", "Start a worker; nothing is promoted, expired or recovered meanwhile."
        )
    if age > patient.bounds.sweep:
        return fail(
            f"The last sweep was {age.total_seconds():.0f} s ago.",
            "Look for sweep_failed in the workers' logs and for who holds the advisory lock (pg_locks); restart that.",
        )
    return fine(f"The last sweep was {age.total_seconds():.0f} s ago.")


async def oldest_transaction(patient: Installation) -> Finding:
    async with patient.database.read() as session:
        oldest = await queries.oldest_transaction(session)
    if oldest is None or oldest.seconds < patient.bounds.transaction_warn.total_seconds():
        return fine("No transaction is old." if oldest is None else f"The oldest is {oldest.seconds:.0f} s old.")
    says = f"{oldest.program} (pid {oldest.pid}, {oldest.state}) has kept one open for {oldest.seconds:.0f} s."
    do = f"It holds back counts, events and vacuum. End it: SELECT pg_terminate_backend({oldest.pid})."
    return (fail if oldest.seconds >= patient.bounds.transaction_fail.total_seconds() else warn)(says, do)


async def dead_tuples(patient: Installation) -> Finding:
    async with patient.database.read() as session:
        found = await queries.dead_rows(session, patient.bounds.dead_rows)
    if not found:
        return fine("No table has more dead rows than living ones.")
    told = "; ".join(f"{row.table} {row.dead:,} dead to {row.live:,} living" for row in found)
    return warn(
        told + ".", "VACUUM (ANALYZE) these tables, and see that autovacuum is on and no transaction holds it back."
    )


async def served(patient: Installation) -> Finding:
    """Whether somebody works on everything that is ready."""
    async with patient.database.read() as session:
        found = orphans.orphans(await stats.counts_by_kind(session), await lists.list_workers(session))
    if not found:
        return fine("A living worker serves every queue and kind with ready tasks.")
    told = ", ".join(f"{line.n:,} × {line.kind} in {line.queue}" for line in found[:5])
    return fail(
        f"No worker for {told}.",
        "Add the queue to QUEUES, or the kind's module to KINDS, of a worker; or cancel these tasks.",
    )


async def secret_keys(patient: Installation) -> Finding:
    settings = patient.settings
    judge = warn if settings.development else fail
    if not settings.secret_keys:
        return judge("SECRET_KEY is not set.", "Set it to 32 random characters or more: openssl rand -base64 48.")
    for key in settings.secret_keys:
        simple = len(set(key)) < LEAST_SIGNS or any(word in key.lower() for word in GUESSABLE)
        if len(key) < SHORTEST_KEY or simple:
            return judge(
                "SECRET_KEY is short, repetitive or made of words: it may be guessed.",
                "Put a random one in front (openssl rand -base64 48) and drop the old one after a day.",
            )
    return fine(f"{len(settings.secret_keys)} of sufficient length.")


async def production(patient: Installation) -> Finding:
    """What is allowed, and unwise where others can reach it."""
    settings = patient.settings
    if settings.development:
        return fine("In development nothing needs to be set.")
    open_points = {
        "METRICS_TOKEN is not set, so /metrics is closed": not settings.metrics_token,
        "BASE_URL is not https": not settings.secure,
        "ALLOW_PRIVATE_ADDRESSES lets tasks reach your own network": settings.allow_private_addresses,
        "SIGNUP=open lets everybody in": settings.signup == "open",
    }
    found = [sentence for sentence, wrong in open_points.items() if wrong]
    if found:
        return warn("; ".join(found) + ".", "See docs/settings.md; leave it so only if it is meant.")
    return fine("Everything that should be set is.")


async def stored_steps(patient: Installation) -> Finding:
    """Whether unfinished tasks remember steps that the code of their kind has no more."""
    known = await asyncio.to_thread(_known_steps)
    async with patient.database.read() as session:
        found = await queries.stored_steps(session, WILL_RUN_AGAIN, [*known], MOST_TASKS)
    lost = [step for step in found if not known[step.kind].fullmatch(step.name)]
    if not lost:
        return fine("The code knows the completed steps of all unfinished tasks.")
    told = "; ".join(
        f"{step.name!r} of {step.kind} (tasks: {step.tasks:,}, such as {step.example})" for step in lost[:5]
    )
    return warn(
        f"The code has no more: {told}{' and others' if len(lost) > 5 else ''}.",
        "Under another name a step is done again. Keep the old one, or use ctx.version, until these tasks have ended.",
    )


def _known_steps() -> dict[str, re.Pattern[str]]:
    """Of the kinds of somebody else's code, as far as they can be known."""
    theirs = [kind for kind in all_kinds() if not kind.handler.__module__.startswith("holdgate.")]
    return {kind.name: steps for kind in theirs if (steps := steps_of(kind.handler)) is not None}


CHECKS: dict[str, Check] = {
    "Database": database,
    "Migrations": migrations,
    "Indexes": indexes,
    "Redis": redis,
    "Workers": workers,
    "Sweeper": sweeper,
    "Queues served": served,
    "Stored steps": stored_steps,
    "Clocks": clocks,
    "Oldest transaction": oldest_transaction,
    "Dead rows": dead_tuples,
    "Secret key": secret_keys,
    "Settings": production,
}
