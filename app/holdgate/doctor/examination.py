"""The whole examination: for the command line with connections of its own, for the page with those that are there."""

from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.doctor import checks_core
from holdgate.doctor.findings import DoctorReport, Health, Installation, examine, worst

STATUS = {Health.OK: 0, Health.WARN: 1, Health.FAIL: 2}
Say = Callable[[str], Any]


async def examine_all(patient: Installation) -> list[DoctorReport]:
    from holdgate.doctor import checks_external  # with mail and files, which a page never asks

    return await examine(patient, {**checks_core.CHECKS, **checks_external.CHECKS})


async def examine_inside(patient: Installation) -> list[DoctorReport]:
    """Only what is quick and asks nobody else."""
    return await examine(patient, checks_core.CHECKS)


async def tell(settings: Settings, head: str, say: Say, *, as_json: bool = False, send_to: str = "") -> int:
    """Examine, say what was found, return the exit status."""
    database = Database(settings.database_url, name="holdgate doctor", pool_size=4, pooler=settings.database_pooler)
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=2)
    try:
        patient = Installation(settings=settings, database=database, redis=redis, head=head, send_to=send_to)
        reports = await examine_all(patient)
    finally:
        await redis.aclose()
        await database.dispose()
    health = worst(reports)
    if as_json:
        say(msgspec.json.encode({"health": health, "checks": reports}).decode())
    else:
        for report in reports:
            say(f"{report.health.upper():<4}  {report.check}: {report.says}")
            if report.do:
                say(f"      → {report.do}")
    return STATUS[health]
