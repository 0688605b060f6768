"""Statements about kept answers."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, insert, literal, select, text, tuple_

from holdgate.api.models import ApiReply
from holdgate.core.db import WriteSession

KEPT = timedelta(hours=24)

_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended(CAST(:key AS text), 0))")


async def lock_key(session: WriteSession, user_id: UUID, key: str) -> bool:
    """Until the transaction ends, nobody else works on this key. False: somebody does."""
    return bool((await session.execute(_ALONE, {"key": f"holdgate reply {user_id} {key}"})).scalar_one())


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


async def forget_replies(session: WriteSession, *, limit: int, now: datetime | None = None) -> int:
    """Those older than a day: the sweeper's beat. Returns how many."""
    at = func.now() if now is None else literal(now, ApiReply.created_at.type)
    old = (
        select(ApiReply.user_id, ApiReply.key)
        .where(ApiReply.created_at < at - KEPT)
        .order_by(ApiReply.created_at)
        .limit(limit)
    )
    these = tuple_(ApiReply.user_id, ApiReply.key).in_(old)
    gone = await session.execute(delete(ApiReply).where(these).execution_options(synchronize_session=False))
    return cast(CursorResult[Any], gone).rowcount
