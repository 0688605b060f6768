"""What a check finds, and running checks side by side, each in a time of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

import msgspec
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY
from holdgate.core.text.masking import masked_text

LONGEST = 15.0  # seconds for one check


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """How it stands, in a sentence, and what to do when it is not well."""

    health: Health
    says: str
    do: str = ""


class DoctorReport(msgspec.Struct, frozen=True):
    """One check's finding under its name."""

    check: str
    health: Health
    says: str
    do: str


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on something is not well."""

    skew: timedelta = timedelta(seconds=2)
    sweep: timedelta = timedelta(seconds=30)
    transaction_warn: timedelta = timedelta(minutes=1)
    transaction_fail: timedelta = timedelta(minutes=10)
    dead_rows: int = 50_000
    behind: timedelta = timedelta(seconds=5)


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """The installation that is looked at. `clock` is this machine's, in seconds since 1970."""

    settings: Settings
    database: Database
    redis: Redis
    head: str
    bounds: Bounds = Bounds()
    clock: Callable[[], float] = time.time
    send_to: str = ""


Check: TypeAlias = Callable[[Installation], Awaitable[Finding]]


def fine(says: str) -> Finding:
    return Finding(Health.OK, says)


def warn(says: str, do: str) -> Finding:
    return Finding(Health.WARN, says, do)


def fail(says: str, do: str) -> Finding:
    return Finding(Health.FAIL, says, do)


async def examine(patient: Installation, checks: Mapping[str, Check]) -> list[DoctorReport]:
    """Every check's report, in their order. One that cannot be carried out has failed."""
    found = await asyncio.gather(*(_carried_out(check, patient) for check in checks.values()))
    return [DoctorReport(name, f.health, masked_text(f.says), f.do) for name, f in zip(checks, found, strict=True)]


def worst(reports: list[DoctorReport]) -> Health:
    order = list(Health)
    return max((report.health for report in reports), key=order.index, default=Health.OK)


async def _carried_out(check: Check, patient: Installation) -> Finding:
    try:
        async with asyncio.timeout(LONGEST):
            return await check(patient)
    except AWAY:
        return fail("The database could not be asked.", "See the check “Database”.")
    except Exception as problem:
        said = str(problem).split("\n")[0][:200] or type(problem).__name__
        return fail(f"The check itself failed: {said}", "Tell whoever develops Holdgate.")
