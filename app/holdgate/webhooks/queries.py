"""Statements about endpoints and deliveries, and what a follower of the log reads for them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.paging import count_rows
from holdgate.stats.event_consumer import Window
from holdgate.webhooks.events import RunHappening, TaskHappening
from holdgate.webhooks.models import WebhookDelivery, WebhookEndpoint


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return WebhookEndpoint.task_id.is_(None) & (true() if scope is None else WebhookEndpoint.owner_id == scope)


async def insert_endpoint(session: WriteSession, values: dict[str, Any]) -> None:
    await session.execute(insert(WebhookEndpoint).values(values))


async def list_endpoints(session: AsyncSession, scope: UUID | None) -> list[WebhookEndpoint]:
    rows = select(WebhookEndpoint).where(_mine(scope)).order_by(WebhookEndpoint.id)
    return list((await session.execute(rows)).scalars())


async def endpoints_of_token(session: AsyncSession, owner_id: UUID, token_id: UUID) -> list[WebhookEndpoint]:
    """Those that are on."""
    made = _mine(owner_id) & (WebhookEndpoint.token_id == token_id) & WebhookEndpoint.disabled_at.is_(None)
    return list((await session.execute(select(WebhookEndpoint).where(made).order_by(WebhookEndpoint.id))).scalars())


_OWNERS = text(
    """
    SELECT e.id, u.email FROM webhook_endpoints e JOIN users u ON u.id = e.owner_id
    WHERE e.id = ANY(CAST(:ids AS uuid[]))
    """
)


async def owners_of(session: AsyncSession, ids: list[UUID]) -> dict[UUID, str]:
    """Endpoint → its owner's address."""
    return {row[0]: row[1] for row in await session.execute(_OWNERS, {"ids": ids})}


async def find_endpoint(session: AsyncSession, endpoint_id: UUID, scope: UUID | None) -> WebhookEndpoint | None:
    found = (
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, _mine(scope))
        .execution_options(populate_existing=True)
    )
    return (await session.execute(found)).scalars().first()


async def callback_of(session: AsyncSession, task_id: UUID) -> WebhookEndpoint | None:
    found = await session.execute(select(WebhookEndpoint).where(WebhookEndpoint.task_id == task_id))
    return found.scalars().first()


async def count_endpoints(session: AsyncSession, owner_id: UUID) -> int:
    return len(list((await session.execute(select(WebhookEndpoint.id).where(_mine(owner_id)))).scalars()))


async def change_endpoint(session: WriteSession, endpoint_id: UUID, values: dict[str, Any]) -> None:
    await session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


async def delete_endpoint(session: WriteSession, endpoint_id: UUID) -> None:
    await session.execute(
        delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).execution_options(synchronize_session=False)
    )


_ROTATE = text(
    """
    UPDATE webhook_endpoints
    SET old_secret = secret, old_secret_until = coalesce(CAST(:now AS timestamptz), now()) + CAST(:grace AS interval),
        secret = :secret
    WHERE id = :id
    """
)


async def rotate_secret(
    session: WriteSession, endpoint_id: UUID, secret: str, grace: timedelta, *, now: datetime | None = None
) -> None:
    await session.execute(_ROTATE, {"id": endpoint_id, "secret": secret, "grace": grace, "now": now})


_DISABLE = text(
    """
    UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = :reason
    WHERE id = :id AND disabled_at IS NULL RETURNING CASE WHEN task_id IS NULL THEN owner_id END
    """
)


async def disable(session: WriteSession, endpoint_id: UUID, reason: str) -> UUID | None:
    """The id of its owner, who is to know; None when it was disabled already, or is a callback."""
    return (await session.execute(_DISABLE, {"id": endpoint_id, "reason": reason})).scalar()


async def deliveries_of(
    session: AsyncSession, endpoint_id: UUID, limit: int, *, before: UUID | None = None
) -> list[WebhookDelivery]:
    """The newest first, those from before the delivery `before`."""
    rows = (
        select(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
    )
    if before is not None:
        rows = rows.where(WebhookDelivery.id < before)
    return list((await session.execute(rows)).scalars())


async def count_deliveries(session: AsyncSession, endpoint_id: UUID) -> int | None:
    """None: too many to count."""
    return await count_rows(session, select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id))


class DeliveryRecord(NamedTuple):
    """Of an endpoint's latest deliveries: when one was attempted last, and how many were, and failed so far."""

    tried_at: datetime | None
    tried: int
    failed: int


_RECORDS = text(
    """
    SELECT e.id, max(d.tried_at), count(*) FILTER (WHERE d.tries > 0),
           count(*) FILTER (WHERE d.tries > 0 AND d.delivered_at IS NULL)
    FROM unnest(CAST(:ids AS uuid[])) AS e(id)
    CROSS JOIN LATERAL (SELECT tried_at, tries, delivered_at FROM webhook_deliveries
                        WHERE endpoint_id = e.id ORDER BY id DESC LIMIT :latest) AS d
    GROUP BY e.id
    """
)


async def records_of(session: AsyncSession, ids: list[UUID], latest: int) -> dict[UUID, DeliveryRecord]:
    """Endpoint → how its `latest` deliveries went; none for those without any."""
    rows = await session.execute(_RECORDS, {"ids": ids, "latest": latest})
    return {row[0]: DeliveryRecord(*row[1:]) for row in rows}


async def insert_deliveries(session: WriteSession, rows: Sequence[dict[str, Any]]) -> None:
    await session.execute(insert(WebhookDelivery), rows)


# Whom to tell now. Everybody's events only while the owner is an administrator; nothing of a person who is shut out.
_LISTENING = text(
    """
    SELECT e.id, e.owner_id, e.events, e.everyone AND u.role = 'admin'
    FROM webhook_endpoints e JOIN users u ON u.id = e.owner_id
    WHERE e.disabled_at IS NULL AND u.disabled_at IS NULL AND e.task_id IS NULL
    ORDER BY e.id FOR KEY SHARE OF e
    """
)


class Listening(NamedTuple):
    id: UUID
    owner_id: UUID
    events: list[str]
    everyone: bool

    def wants(self, type: str, owner_id: UUID | None) -> bool:
        return type in self.events and (self.everyone or self.owner_id == owner_id)


async def listening(session: WriteSession) -> list[Listening]:
    """Endpoints that are told; none is deleted before this transaction ends."""
    return [Listening(*row) for row in await session.execute(_LISTENING)]


_WINDOW = """x.xid >= CAST(CAST(:upto AS text) AS xid8) AND x.xid < CAST(CAST(:horizon AS text) AS xid8)
      AND (CAST(:owners AS uuid[]) IS NULL OR {owner} = ANY(CAST(:owners AS uuid[])))"""
_OF_TASKS = """
    SELECT x.at, x.task_id, x.run_id, x.owner_id, x.queue, x.kind, x.verb, x.from_state, x.to_state, x.attempt,
           x.reason, coalesce(t.title, ''),
           CASE WHEN 'pending_approval' IN (x.from_state, x.to_state) THEN
             (SELECT a.id FROM approvals a WHERE a.task_id = x.task_id AND a.created_at <= x.at
              ORDER BY a.created_at DESC LIMIT 1) END
    FROM task_events x LEFT JOIN tasks t ON t.id = x.task_id
    WHERE {window} AND (x.kind <> ALL (CAST(:internal AS text[])) OR 'pending_approval' IN (x.from_state, x.to_state))
      AND (x.to_state = ANY(CAST(:states AS text[])) OR x.from_state = 'pending_approval' AND x.to_state IS NOT NULL)
    ORDER BY x.id
"""
_OF_RUNS = """
    SELECT x.at, x.run_id, r.owner_id, x.verb, r.name, r.state
    FROM run_events x JOIN runs r ON r.id = x.run_id WHERE {window} ORDER BY x.id
"""
_TASKS = text(_OF_TASKS.format(window=_WINDOW.format(owner="x.owner_id")))
_RUNS = text(_OF_RUNS.format(window=_WINDOW.format(owner="r.owner_id")))


async def tasks_in(
    session: AsyncSession, window: Window, owners: list[UUID] | None, states: list[str], internal: list[str]
) -> list[TaskHappening]:
    """What happened to these owners' tasks (None: everybody's), in its order; of `internal` kinds only what asks."""
    values = {**window.bounds, "owners": owners, "states": states, "internal": internal}
    return [TaskHappening(*row) for row in await session.execute(_TASKS, values)]


async def runs_in(session: AsyncSession, window: Window, owners: list[UUID] | None) -> list[RunHappening]:
    rows = await session.execute(_RUNS, {**window.bounds, "owners": owners})
    return [RunHappening(*row) for row in rows]


# First the endpoint, as whoever deletes one with its deliveries does.
_LOCK = text(
    """
    SELECT e.id FROM webhook_endpoints e JOIN webhook_deliveries d ON d.endpoint_id = e.id
    WHERE d.id = :id FOR KEY SHARE OF e
    """
)


async def note_try(
    session: WriteSession, delivery_id: UUID, status: int | None, took: timedelta, problem: str | None, delivered: bool
) -> UUID | None:
    """Remember a try. Returns the endpoint's id; None when it was deleted."""
    await session.execute(_LOCK, {"id": delivery_id})
    values: dict[Any, Any] = {
        WebhookDelivery.tries: WebhookDelivery.tries + 1,
        WebhookDelivery.tried_at: text("now()"),
        WebhookDelivery.status: status,
        WebhookDelivery.took: took,
        WebhookDelivery.problem: problem,
    }
    if delivered:
        values[WebhookDelivery.delivered_at] = text("now()")
    rows = await session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(values)
        .returning(WebhookDelivery.endpoint_id)
        .execution_options(synchronize_session=False)
    )
    return rows.scalars().first()


async def note_success(session: WriteSession, endpoint_id: UUID) -> None:
    """The row is touched only when it was failing: every delivery passes here."""
    await session.execute(
        update(WebhookEndpoint)
        .where(and_(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.failures > 0))
        .values(failures=0, failing_since=None)
        .execution_options(synchronize_session=False)
    )


_FAILURE = text(
    """
    UPDATE webhook_endpoints
    SET failures = failures + 1, failing_since = coalesce(failing_since, CAST(:now AS timestamptz), now())
    WHERE id = :id
    RETURNING failures >= :most
      AND failing_since <= coalesce(CAST(:now AS timestamptz), now()) - CAST(:patience AS interval)
    """
)


async def note_failure(
    session: WriteSession, endpoint_id: UUID, *, most: int, patience: timedelta, now: datetime | None = None
) -> bool:
    """Whether it has failed `most` times in a row, and for as long as `patience`."""
    values = {"id": endpoint_id, "most": most, "patience": patience, "now": now}
    return bool((await session.execute(_FAILURE, values)).scalar())
