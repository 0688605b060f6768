"""Statements about kept answers."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, literal, select, text

from app.api.models import ApiReply
from app.core.db import WriteSession

KEPT = timedelta(hours=24)

_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended(CAST(:key AS text), 0))")


async def lock_key(session: WriteSession, user_id: UUID, key: str) -> bool:
    """Until the transaction ends, nobody else works on this key. False: somebody does."""
    return bool((await session.execute(_ALONE, {"key": f"holdpoint reply {user_id} {key}"})).scalar_one())


async def find_reply(session: WriteSession, user_id: UUID, key: str) -> ApiReply | None:
    found = await session.execute(select(ApiReply).where(ApiReply.user_id == user_id, ApiReply.key == key))
    return found.scalars().first()


async def keep_reply(
    session: WriteSession, user_id: UUID, key: str, *, request_hash: bytes, status: int, body: bytes, location: str
) -> None:
    await session.execute(
        insert(ApiReply).values(
            user_id=user_id, key=key, request_hash=request_hash, status=status, body=body, location=location
        )
    )


async def forget_replies(session: WriteSession, *, now: datetime | None = None) -> None:
    """Those older than a day: the sweeper's beat."""
    at = func.now() if now is None else literal(now, ApiReply.created_at.type)
    await session.execute(delete(ApiReply).where(ApiReply.created_at < at - KEPT))
