"""Checks of what may stand beside the database: a pooler in front of it, a replica that follows it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY
from holdgate.doctor import queries
from holdgate.doctor.findings import Check, Finding, Installation, fail, fine, warn

LOOK_AGAIN = 0.1  # seconds until a replica that is behind is asked again


async def pooler(patient: Installation) -> Finding:
    """Whether transactions of one connection go to several of the server's, and whether the settings say so."""
    told = patient.settings.database_pooler
    async with _database(patient, patient.settings.database_url, pooler=True) as either:
        if not await _is_shared(either):
            spare = " DATABASE_POOLER=transaction costs time for nothing; leave it out." if told else ""
            return fine(f"Every connection is one of the server's own.{spare}")
    if told:
        return fine("A pooler hands out connections by the transaction, as DATABASE_POOLER says.")
    return fail(
        "A pooler hands out connections by the transaction, and DATABASE_POOLER does not say so.",
        "Set DATABASE_POOLER=transaction for web, workers and commands; else statements fail or lose their limits.",
    )


async def _is_shared(database: Database) -> bool:
    """Two connections that are open at once: is one's server process ever the other's, or another one than before?"""
    async with database.engine.connect() as one, database.engine.connect() as two:
        first = await queries.server_process(one)
        await one.rollback()
        second = await queries.server_process(two)
        return second == first or await queries.server_process(one) != first


async def replica(patient: Installation) -> Finding:
    """Whether what is read there is no older than charts and exports may be."""
    url, most = patient.settings.database_read_url, patient.bounds.behind
    if not url:
        return fine("None is set; charts and exports read the database itself.")
    async with patient.database.read() as session:
        written = await queries.written(session)
    async with _database(patient, url, pooler=patient.settings.database_pooler) as follower:
        deadline = time.monotonic() + most.total_seconds()
        try:
            while True:
                async with follower.read() as session:
                    seen = await queries.seen(session, written)
                if not seen.missing or time.monotonic() > deadline:
                    break
                await asyncio.sleep(LOOK_AGAIN)
        except AWAY as problem:
            return warn(
                f"It cannot be asked: {str(problem).splitlines()[0][:150]}",
                "Look at DATABASE_READ_URL, the server, and the network between. The database answers in its place.",
            )
    if seen.missing is None:
        return warn("It is no replica.", "Set DATABASE_READ_URL to one that follows DATABASE_URL, or leave it out.")
    if seen.cluster != written.cluster:
        return fail("It follows another database.", "Set DATABASE_READ_URL to a replica of DATABASE_URL.")
    if seen.missing:
        return warn(
            f"It is more than {most.total_seconds():g} s behind ({seen.missing:,} bytes): charts and exports are old.",
            "Look at its load and its network, and whether its replay is paused (pg_is_wal_replay_paused).",
        )
    return fine("It has all that was written.")


@asynccontextmanager
async def _database(patient: Installation, url: str, *, pooler: bool) -> AsyncIterator[Database]:
    """Connections of its own, for one check."""
    made = Database(url, name="holdgate doctor", pool_size=2, pooler=pooler)
    try:
        yield made
    finally:
        await made.dispose()


CHECKS: dict[str, Check] = {"Pooler": pooler, "Replica": replica}
