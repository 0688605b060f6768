"""What one does with webhooks: make, change, test and rotate an endpoint; and what follows from each try to deliver."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.ids import uuid7
from holdgate.core.network import outgoing
from holdgate.core.principal import Principal
from holdgate.core.text.masking import HIDDEN
from holdgate.mail import service as mail
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.webhooks import queries
from holdgate.webhooks.errors import EndpointDisabled, EndpointNotFound
from holdgate.webhooks.events import PING, REQUESTED, TYPES, message
from holdgate.webhooks.mails import Disabled
from holdgate.webhooks.models import WebhookEndpoint
from holdgate.webhooks.signing import new_secret

KIND = "webhook.deliver"
QUEUE = "webhooks"
ROTATION = timedelta(hours=24)  # as long the old secret signs, too
MOST = 20  # endpoints of one person
# Given up when it has failed so often in a row, over so long a time: a weekend's outage is not the end.
MOST_FAILURES = 20
PATIENCE = timedelta(days=3)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as a person describes it. `everyone`: administrators only."""

    url: str
    events: Sequence[str]
    everyone: bool = False


class Message(msgspec.Struct, frozen=True):
    """Something to deliver to an endpoint; `owner_id` is the endpoint's."""

    endpoint_id: UUID
    owner_id: UUID
    type: str
    body: str


class DeliveryPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payload of `webhook.deliver`. The message and the secrets are read when it is sent."""

    endpoint_id: UUID
    delivery_id: UUID


async def create(session: WriteSession, by: Principal, wanted: Wanted, settings: Settings) -> tuple[UUID, str]:
    """A new endpoint of one's own: its id and its secret, which nothing shows again.

    Raises:
        Invalid: by field.
    """
    values = _checked(by, wanted, settings)
    if await queries.count_endpoints(session, by.id) >= MOST:
        raise Invalid(f"{MOST} webhooks are the most. Delete one first.")
    endpoint_id, secret = uuid7(), new_secret()
    made = {"id": endpoint_id, "owner_id": by.id, "secret": secret, "token_id": by.token_id}
    await queries.insert_endpoint(session, {**values, **made})
    return endpoint_id, secret


async def create_callback(session: WriteSession, by: Principal, url: str, task_id: UUID, settings: Settings) -> str:
    """Have one address told what becomes of one task (`call_back`). Returns the secret that signs it.

    Raises:
        Invalid: `url`.
    """
    values = _checked(by, Wanted(url=url, events=[REQUESTED]), settings)
    secret = new_secret()
    made = {"id": uuid7(), "owner_id": by.id, "secret": secret, "token_id": by.token_id, "task_id": task_id}
    await queries.insert_endpoint(session, {**values, **made})
    return secret


async def call_back(session: WriteSession, task_id: UUID, type: str, at: datetime, data: dict[str, Any]) -> None:
    """Send a message to the address of `create_callback`, with the attempts that every webhook has."""
    endpoint = await queries.callback_of(session, task_id)
    if endpoint is not None:
        await send(session, [Message(endpoint.id, endpoint.owner_id, type, message(type, at, data))])


async def change(session: WriteSession, by: Principal, endpoint_id: UUID, wanted: Wanted, settings: Settings) -> None:
    """Raises:
    EndpointNotFound, Invalid
    """
    endpoint = await find(session, by, endpoint_id)
    # An administrator may see to other people's endpoints, but not make theirs hear about everyone.
    owner = by if endpoint.owner_id == by.id else msgspec.structs.replace(by, role="member")
    await queries.change_endpoint(session, endpoint_id, {**_checked(owner, wanted, settings), "token_id": by.token_id})


def _checked(by: Principal, wanted: Wanted, settings: Settings) -> dict[str, object]:
    problems: dict[str, str] = {}
    try:
        url = outgoing.checked_url(wanted.url)
        if url.scheme != "https" and not settings.development:
            problems["url"] = "A webhook's address must begin with https://."
    except outgoing.BadUrl as error:
        problems["url"] = str(error)
    if HIDDEN in wanted.url:
        problems["url"] = f"Enter the full URL: {HIDDEN} stands for a hidden part."
    if not wanted.events:
        problems["events"] = "Choose at least one event."
    elif unknown := set(wanted.events) - set(TYPES):
        problems["events"] = f"There is no event {min(unknown)[:50]!r}."
    if wanted.everyone and not by.is_admin:
        problems["everyone"] = "Only administrators can include all users’ events."
    if problems:
        raise Invalid("Check your input.", problems)
    return {"url": wanted.url.strip(), "events": sorted(set(wanted.events)), "everyone": wanted.everyone}


async def find(session: Session, by: Principal, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises EndpointNotFound."""
    endpoint = await queries.find_endpoint(session, endpoint_id, by.scope)
    if endpoint is None:
        raise EndpointNotFound
    return endpoint


async def failing(session: Session, by: Principal) -> list[WebhookEndpoint]:
    """Those whose last tries failed, given up or not: one's own, or everybody's for an administrator."""
    return [each for each in await queries.list_endpoints(session, by.scope) if each.failures]


async def rotate(session: WriteSession, by: Principal, endpoint_id: UUID, *, now: datetime | None = None) -> str:
    """A new secret, which nothing shows again; the old one signs beside it for a day.

    Raises:
        EndpointNotFound
    """
    await find(session, by, endpoint_id)
    secret = new_secret()
    await queries.rotate_secret(session, endpoint_id, secret, ROTATION, now=now)
    return secret


async def disable(session: WriteSession, by: Principal, endpoint_id: UUID) -> None:
    """Raises:
    EndpointNotFound, Conflict
    """
    await find(session, by, endpoint_id)
    if await queries.disable(session, endpoint_id, f"Disabled by {by.email}.") is None:
        raise Conflict("This webhook is disabled already.")


async def enable(session: WriteSession, by: Principal, endpoint_id: UUID) -> None:
    """It is told what happens from now on. Raises EndpointNotFound."""
    await find(session, by, endpoint_id)
    fresh = {"disabled_at": None, "disabled_reason": None, "failures": 0, "failing_since": None}
    await queries.change_endpoint(session, endpoint_id, fresh)


async def delete(session: WriteSession, by: Principal, endpoint_id: UUID) -> None:
    """Raises EndpointNotFound."""
    await find(session, by, endpoint_id)
    await queries.delete_endpoint(session, endpoint_id)


async def ping(session: WriteSession, by: Principal, endpoint_id: UUID) -> UUID:
    """Send a message that says nothing but that it arrives. Returns its delivery.

    Raises:
        EndpointNotFound, EndpointDisabled
    """
    endpoint = await find(session, by, endpoint_id)
    if endpoint.disabled_at is not None:
        raise EndpointDisabled
    now = (await session.execute(select(func.now()))).scalar_one()
    body = message(PING, now, {"endpoint_id": str(endpoint_id)})
    return (await send(session, [Message(endpoint_id, endpoint.owner_id, PING, body)]))[0]


async def tell(session: WriteSession, type: str, owner_id: UUID, data: dict[str, Any]) -> None:
    """Send what is no event of the log to every endpoint that has chosen it, in the caller's transaction."""
    endpoints = [each for each in await queries.listening(session) if each.wants(type, owner_id)]
    if endpoints:
        now = (await session.execute(select(func.now()))).scalar_one()
        body = message(type, now, data)
        await send(session, [Message(each.id, each.owner_id, type, body) for each in endpoints])


async def send(session: WriteSession, messages: Sequence[Message]) -> list[UUID]:
    """A task for every message, in the caller's transaction. Returns their deliveries."""
    if not messages:
        return []
    ids = [uuid7() for _ in messages]
    tasks = await enqueue_many(
        session,
        [
            TaskRequest(
                kind=KIND,
                payload=DeliveryPayload(endpoint_id=message.endpoint_id, delivery_id=id),
                owner_id=message.owner_id,
                title=f"Webhook {message.type}",
            )
            for id, message in zip(ids, messages, strict=True)
        ],
    )
    await queries.insert_deliveries(
        session,
        [
            {"id": id, "task_id": task, "endpoint_id": item.endpoint_id, "type": item.type, "body": item.body}
            for id, task, item in zip(ids, tasks, messages, strict=True)
        ],
    )
    return ids


async def note_delivered(session: WriteSession, delivery_id: UUID, status: int, seconds: float) -> None:
    took = timedelta(seconds=seconds)
    endpoint_id = await queries.note_try(session, delivery_id, status, took, None, delivered=True)
    if endpoint_id is not None:
        await queries.note_success(session, endpoint_id)


async def note_failed(
    session: WriteSession,
    delivery_id: UUID,
    problem: str,
    *,
    status: int | None = None,
    seconds: float = 0.0,
    now: datetime | None = None,
) -> None:
    """A try failed. 410 Gone, or failing too often for too long, disables the endpoint and tells its owner."""
    took = timedelta(seconds=seconds)
    endpoint_id = await queries.note_try(session, delivery_id, status, took, problem, delivered=False)
    if endpoint_id is None:
        return
    hopeless = await queries.note_failure(session, endpoint_id, most=MOST_FAILURES, patience=PATIENCE, now=now)
    if status == 410:
        await _give_up(session, endpoint_id, "It answered 410: it is gone, and wants nothing more.")
    elif hopeless:
        days = PATIENCE.days
        await _give_up(session, endpoint_id, f"Nothing could be delivered for more than {days} days. Last: {problem}")


async def _give_up(session: WriteSession, endpoint_id: UUID, reason: str) -> None:
    owner_id = await queries.disable(session, endpoint_id, reason)
    owner = await accounts.find_user(session, owner_id) if owner_id else None
    if owner is not None:
        await mail.send(
            session,
            template="webhook_disabled",
            to=owner.email,
            data=Disabled(endpoint_id=endpoint_id),
            owner_id=owner_id,
            title=f"Email {owner.email}: webhook disabled",
        )
