"""Probes for whoever runs it. They answer without a session and never say more than they must."""

import asyncio
from typing import Any

import msgspec
from litestar import Response, get
from redis.exceptions import RedisError

from holdgate.core.postgres.outages import AWAY, tell
from holdgate.core.postgres.revision import revision
from holdgate.core.telemetry.outage import REDIS
from holdgate.core.tokens import Signer
from holdgate.web.http.request import WebRequest, client_address

# A header signed with SECRET_KEY: nobody else is told how a request arrives.
DOCTOR = "X-Holdgate-Doctor"
DOCTOR_SECONDS = 60
SECONDS = 2.0  # in which a server answers a probe, or is away


async def _database(request: WebRequest) -> str:
    """`ok`, `behind` (migrations are missing) or `away`.

    A newer schema is fine: during a deploy it comes before the last of the old processes goes.
    """
    try:
        async with asyncio.timeout(SECONDS), request.app.state.database.read() as session:
            at = await revision(session)
    except AWAY as error:
        tell("not_ready", error)
        return "away"
    # A newer schema is served as well: while a release is rolled out, the one before runs on it (docs/upgrades.md).
    return "ok" if at is not None and at >= request.app.state.schema_head else "behind"


async def _redis(request: WebRequest) -> str:
    """`ok` or `degraded`: work goes on without it, only later by the poll interval."""
    try:
        async with asyncio.timeout(SECONDS):
            await request.app.state.redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        REDIS.failed("a probe", error)
        return "degraded"
    REDIS.answered()
    return "ok"


class SeenRequest(msgspec.Struct, frozen=True):
    """What has arrived of a request, for the doctor, who asks by way of the public address."""

    host: str
    client: str
    forwarded_for: str


@get(["/livez", "/health"])
async def livez(request: WebRequest) -> Response[Any]:
    """The process answers."""
    asked = request.headers.get(DOCTOR, "")
    if asked and Signer(request.app.state.settings.secret_keys, DOCTOR).load(asked, max_age=DOCTOR_SECONDS):
        given = request.headers.get
        return Response(SeenRequest(given("host", ""), client_address(request.scope), given("x-forwarded-for", "")))
    return Response({"status": "ok"})


@get("/readyz")
async def readyz(request: WebRequest) -> Response[Any]:
    """Requests can be served: the database is there, and migrated to what this code knows."""
    database, redis = await asyncio.gather(_database(request), _redis(request))
    ready = database == "ok"
    return Response(
        {"status": "ok" if ready else "unavailable", "database": database, "redis": redis},
        status_code=200 if ready else 503,
    )


@get("/health/db")
async def health_db(request: WebRequest) -> Response[Any]:
    """The database answers, whatever its schema."""
    away = await _database(request) == "away"
    return Response({"status": "unavailable" if away else "ok"}, status_code=503 if away else 200)


handlers = [livez, readyz, health_db]
