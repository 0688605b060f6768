"""Webhooks for programs: listing, adding, changing, the verbs, and what was delivered."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import Response

from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.request import WebRequest
from holdgate.webhooks import queries, service
from holdgate.webhooks.schemas import (
    CreatedWebhook,
    DeliveryPage,
    DeliveryQuery,
    NewWebhook,
    WebhookActed,
    WebhookChange,
    WebhookItem,
    WebhookList,
    WebhookSecret,
    WebhookTested,
    delivery,
    item,
)
from holdgate.webhooks.service import Wanted

TAG = "Webhooks"
EXAMPLE = {"url": "https://hooks.example.org/holdgate", "events": ["run.finished", "approval.requested"]}


@get("/webhooks", scope=Scope.TASKS_READ, tag=TAG, summary="List webhooks")
async def list_webhooks(user: Principal, read: ReadSession) -> WebhookList:
    """All there are; a person has at most 20."""
    items = [item(row) for row in await queries.list_endpoints(read, user.scope)]
    return WebhookList(items)


@get("/webhooks/{endpoint_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a webhook")
async def get_webhook(user: Principal, read: ReadSession, endpoint_id: UUID) -> WebhookItem:
    return item(await service.find(read, user, endpoint_id))


@get("/webhooks/{endpoint_id:uuid}/deliveries", scope=Scope.TASKS_READ, tag=TAG, summary="List deliveries of a webhook")
async def list_deliveries(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[DeliveryQuery], endpoint_id: UUID
) -> Response[DeliveryPage]:
    """Newest first. Each is a task, which can be retried."""
    await service.find(read, user, endpoint_id)
    place = position(wanted)
    rows = await queries.deliveries_of(read, endpoint_id, wanted.limit + 1, before=place.id if place else None)
    total = await queries.count_deliveries(read, endpoint_id)
    return page(request, DeliveryPage, rows, wanted, delivery, lambda row: Cursor(row.created_at, row.id), total)


@post("/webhooks", scope=Scope.TASKS_WRITE, tag=TAG, summary="Add a webhook", example=EXAMPLE, also=Scope.TASKS_READ)
async def create_webhook(
    request: WebRequest, session: WriteSession, by: Principal, wanted: NewWebhook
) -> MutationReply[CreatedWebhook]:
    """The answer has the secret that signs; nothing else shows it, but this request repeated with its key. Needs
    `tasks:read` as well: to be told is to read."""
    asked = Wanted(url=wanted.url, events=wanted.events, everyone=wanted.everyone)
    made, secret = await service.create(session, by, asked, request.app.state.settings)
    return MutationReply(CreatedWebhook(made, secret), 201, f"{PATH}/webhooks/{made}")


@post(
    "/webhooks/{endpoint_id:uuid}",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Change a webhook",
    example={"events": ["run.finished"]},
    also=Scope.TASKS_READ,  # to be told is to read: who may only write must not find out in this way
)
async def change_webhook(
    request: WebRequest, session: WriteSession, by: Principal, wanted: WebhookChange, endpoint_id: UUID
) -> WebhookItem:
    """What is left out stays. Needs `tasks:read` as well."""
    found = await service.find(session, by, endpoint_id)
    asked = Wanted(
        url=found.url if wanted.url is None else wanted.url,
        events=found.events if wanted.events is None else wanted.events,
        everyone=found.everyone if wanted.everyone is None else wanted.everyone,
    )
    await service.change(session, by, endpoint_id, asked, request.app.state.settings)
    return item(await service.find(session, by, endpoint_id))


@post("/webhooks/{endpoint_id:uuid}/rotate", scope=Scope.TASKS_WRITE, tag=TAG, summary="Rotate a webhook's secret")
async def rotate_webhook(session: WriteSession, by: Principal, endpoint_id: UUID) -> WebhookSecret:
    """The old secret signs beside the new one for a day."""
    return WebhookSecret(endpoint_id, await service.rotate(session, by, endpoint_id))


@post(
    "/webhooks/{endpoint_id:uuid}/test",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Send a webhook a test",
    problems=(409,),
)
async def test_webhook(session: WriteSession, by: Principal, endpoint_id: UUID) -> WebhookTested:
    """A `ping`, whatever was chosen. 409 when it is paused or was given up."""
    return WebhookTested(endpoint_id, await service.ping(session, by, endpoint_id))


def _verb(name: str, act: Callable[[WriteSession, Principal, UUID], Awaitable[None]], summary: str) -> Any:
    @post(
        f"/webhooks/{{endpoint_id:uuid}}/{name}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        problems=(409,),
        name=f"{name}_webhook",
    )
    async def acted(session: WriteSession, by: Principal, endpoint_id: UUID) -> WebhookActed:
        await act(session, by, endpoint_id)
        return WebhookActed(endpoint_id)

    return acted


handlers = [
    list_webhooks,
    get_webhook,
    list_deliveries,
    create_webhook,
    change_webhook,
    rotate_webhook,
    test_webhook,
    _verb("pause", service.disable, "Pause a webhook"),
    _verb("resume", service.enable, "Resume a webhook"),
    _verb("delete", service.delete, "Delete a webhook"),
]
