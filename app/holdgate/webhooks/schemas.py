"""Webhooks as programs read and write them."""

from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged
from holdgate.core.text.masking import masked_text
from holdgate.tasks.schemas import Moment
from holdgate.webhooks.events import TYPES
from holdgate.webhooks.models import WebhookDelivery, WebhookEndpoint

EventName = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(TYPES)})]
Events = Annotated[list[EventName], msgspec.Meta(min_length=1, max_length=len(TYPES))]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class WebhookItem(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that is told, at `url`; what looks like a secret in it is hidden.

    `state` is `enabled`, `failing` since the last attempt, or `disabled`, with the `reason`. `old_secret_until`:
    after a rotation both secrets sign until then.
    """

    id: UUID
    url: str
    events: list[str]
    everyone: bool
    state: str
    reason: str | None
    failures: int
    failing_since: Moment | None
    created_at: Moment
    old_secret_until: Moment | None


class WebhookList(msgspec.Struct, frozen=True):
    items: list[WebhookItem]


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url`: where messages are sent. `everyone`: administrators may be told about everybody's."""

    url: Address
    events: Events
    everyone: bool = False


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    url: Address | None = None
    events: Events | None = None
    everyone: bool | None = None


class CreatedWebhook(msgspec.Struct, frozen=True):
    """`secret` signs the messages; no other answer has it."""

    id: UUID
    secret: str


class WebhookSecret(msgspec.Struct, frozen=True):
    """The new secret, which no other answer has."""

    id: UUID
    secret: str


class WebhookTested(msgspec.Struct, frozen=True):
    """`delivery_id`: what came of it is in the list of deliveries."""

    id: UUID
    delivery_id: UUID


class WebhookActed(msgspec.Struct, frozen=True):
    id: UUID


class DeliveryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A message. `state` is `delivered`, `failed` when the last attempt did, or `queued`.

    Of the last attempt: `status` of the answer, or the `problem` without one, and how many seconds it `took`.
    """

    id: UUID
    type: str
    state: str
    task_id: UUID
    created_at: Moment
    tries: int
    tried_at: Moment | None
    status: int | None
    took: float | None
    problem: str | None
    delivered_at: Moment | None


class DeliveryPage(ListPart, frozen=True, kw_only=True):
    items: list[DeliveryItem]


class DeliveryQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""


def item(row: WebhookEndpoint) -> WebhookItem:
    return WebhookItem(
        id=row.id,
        url=masked_text(row.url),
        events=row.events,
        everyone=row.everyone,
        state=row.state,
        reason=None if row.disabled_reason is None else masked_text(row.disabled_reason),
        failures=row.failures,
        failing_since=row.failing_since,
        created_at=row.created_at,
        old_secret_until=row.old_secret_until,
    )


def delivery(row: WebhookDelivery) -> DeliveryItem:
    return DeliveryItem(
        id=row.id,
        type=row.type,
        state=row.state,
        task_id=row.task_id,
        created_at=row.created_at,
        tries=row.tries,
        tried_at=row.tried_at,
        status=row.status,
        took=None if row.took is None else row.took.total_seconds(),
        problem=None if row.problem is None else masked_text(row.problem),
        delivered_at=row.delivered_at,
    )
