"""Probes for whoever runs it. They answer without a session and never say more than they must."""

from typing import Any

from litestar import Response, get
from redis.exceptions import RedisError
from sqlalchemy import text

from app.core.db import AWAY
from app.web.request import WebRequest


async def _database(request: WebRequest) -> str:
    """`ok`, `behind` (migrations are missing) or `away`."""
    try:
        async with request.app.state.database.read() as session:
            revision = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except AWAY:
        return "away"
    return "ok" if revision == request.app.state.schema_head else "behind"


async def _redis(request: WebRequest) -> str:
    """`ok` or `degraded`: work goes on without it, only later by the poll interval."""
    try:
        await request.app.state.redis.ping()
    except (RedisError, OSError, TimeoutError):
        return "degraded"
    return "ok"


@get("/livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get(["/readyz", "/health"])
async def readyz(request: WebRequest) -> Response[Any]:
    """Requests can be served: the database is there, and migrated to what this code knows."""
    database, redis = await _database(request), await _redis(request)
    ready = database == "ok"
    return Response(
        {"status": "ok" if ready else "unavailable", "database": database, "redis": redis},
        status_code=200 if ready else 503,
    )


@get("/health/db")
async def health_db(request: WebRequest) -> Response[Any]:
    found = await _database(request)
    return Response({"database": found}, status_code=503 if found == "away" else 200)


handlers = [livez, readyz, health_db]
