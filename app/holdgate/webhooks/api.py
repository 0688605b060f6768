"""Webhooks for programs: listing, adding, changing, the verbs, and what was delivered."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from holdgate.api.access import Access, MissingScope
from holdgate.api.bodies import read_json, read_query
from holdgate.api.endpoints import JSON, endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.mutations import change
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.core.db import WriteSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
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


@endpoint("GET", "/webhooks", scope=Scope.TASKS_READ, tag=TAG, summary="List webhooks", answers={200: WebhookList})
async def list_webhooks(user: SignedIn, read: Read) -> Response[Any]:
    """All there are; a person has at most 20."""
    items = [item(row) for row in await queries.list_endpoints(read, user.scope)]
    return Response(msgspec.json.encode(WebhookList(items)), media_type=JSON)


@endpoint(
    "GET",
    "/webhooks/{endpoint_id:uuid}",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Read a webhook",
    answers={200: WebhookItem},
)
async def get_webhook(user: SignedIn, read: Read, endpoint_id: FromPath[UUID]) -> Response[Any]:
    return Response(msgspec.json.encode(item(await service.find(read, user, endpoint_id))), media_type=JSON)


@endpoint(
    "GET",
    "/webhooks/{endpoint_id:uuid}/deliveries",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="List what a webhook was told",
    answers={200: DeliveryPage},
    query=DeliveryQuery,
)
async def list_deliveries(
    request: WebRequest, user: SignedIn, read: Read, endpoint_id: FromPath[UUID]
) -> Response[Any]:
    """Newest first. Each is a task, which can be retried."""
    wanted = read_query(request, DeliveryQuery)
    await service.find(read, user, endpoint_id)
    place = position(wanted)
    rows = await queries.deliveries_of(read, endpoint_id, wanted.limit + 1, before=place.id if place else None)
    return page(request, DeliveryPage, rows, wanted, delivery, lambda row: Cursor(row.created_at, row.id))


@endpoint(
    "POST",
    "/webhooks",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Add a webhook",
    answers={201: CreatedWebhook, 200: CreatedWebhook},
    body=NewWebhook,
    example=EXAMPLE,
    once=True,
)
async def create_webhook(request: WebRequest, user: SignedIn) -> Response[Any]:
    """The answer has the secret that signs; nothing else shows it, but this request repeated with its key. Needs
    `tasks:read` as well: to be told is to read."""
    _may_be_told(request)
    wanted = await read_json(request, NewWebhook)

    async def work(session: WriteSession) -> MutationReply:
        asked = Wanted(url=wanted.url, events=wanted.events, everyone=wanted.everyone)
        made, secret = await service.create(session, user, asked, request.app.state.settings)
        return MutationReply(CreatedWebhook(made, secret), 201, f"{PATH}/webhooks/{made}")

    return await once(request, user, work)


def _may_be_told(request: WebRequest) -> None:
    """To be told is to read: who may only write must not find out in this way."""
    access: Access = request.auth
    if not access.allows(Scope.TASKS_READ):
        raise MissingScope(Scope.TASKS_READ)


@endpoint(
    "POST",
    "/webhooks/{endpoint_id:uuid}",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Change a webhook",
    answers={200: WebhookItem},
    body=WebhookChange,
    example={"events": ["run.finished"]},
    once=True,
)
async def change_webhook(request: WebRequest, user: SignedIn, endpoint_id: FromPath[UUID]) -> Response[Any]:
    """What is left out stays. Needs `tasks:read` as well."""
    _may_be_told(request)
    wanted = await read_json(request, WebhookChange)

    async def work(session: WriteSession) -> MutationReply:
        found = await service.find(session, user, endpoint_id)
        asked = Wanted(
            url=found.url if wanted.url is None else wanted.url,
            events=found.events if wanted.events is None else wanted.events,
            everyone=found.everyone if wanted.everyone is None else wanted.everyone,
        )
        await service.change(session, user, endpoint_id, asked, request.app.state.settings)
        return MutationReply(item(await service.find(session, user, endpoint_id)))

    return await once(request, user, work)


@change(
    "/webhooks/{endpoint_id:uuid}/rotate",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Rotate a webhook's secret",
    answers={200: WebhookSecret},
)
async def rotate_webhook(session: WriteSession, by: Principal, endpoint_id: UUID) -> WebhookSecret:
    """The old secret signs beside the new one for a day."""
    return WebhookSecret(endpoint_id, await service.rotate(session, by, endpoint_id))


@change(
    "/webhooks/{endpoint_id:uuid}/test",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Send a webhook a test",
    answers={200: WebhookTested},
    problems=(409,),
)
async def test_webhook(session: WriteSession, by: Principal, endpoint_id: UUID) -> WebhookTested:
    """A `ping`, whatever was chosen. 409 when it is paused or was given up."""
    return WebhookTested(endpoint_id, await service.ping(session, by, endpoint_id))


def _verb(name: str, act: Callable[[WriteSession, Principal, UUID], Awaitable[None]], summary: str) -> Any:
    @change(
        f"/webhooks/{{endpoint_id:uuid}}/{name}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        answers={200: WebhookActed},
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
