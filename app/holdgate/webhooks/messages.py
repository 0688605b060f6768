"""What a delivery sends, read anew for each attempt: the secret, and whether it may still go out."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TO_SEND = text(
    """
    SELECT e.id, e.url, d.body, e.secret, CASE WHEN e.old_secret_until > now() THEN e.old_secret END,
           CAST(extract(epoch FROM now()) AS bigint), e.disabled_at IS NOT NULL, u.disabled_at IS NOT NULL
    FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id JOIN users u ON u.id = e.owner_id
    WHERE d.id = :id
    """
)


class ToSend(NamedTuple):
    """A message, where it goes and what signs it now. `timestamp`: the database's time. `shut_out`: its owner is."""

    endpoint_id: UUID
    url: str
    body: str
    secret: str
    old_secret: str | None
    timestamp: int
    disabled: bool
    shut_out: bool


async def to_send(session: AsyncSession, delivery_id: UUID) -> ToSend | None:
    row = (await session.execute(_TO_SEND, {"id": delivery_id})).first()
    return None if row is None else ToSend(*row)
