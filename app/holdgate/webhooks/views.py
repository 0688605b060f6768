"""/settings/webhooks: the endpoints, a form for each, what they were told lately, and their buttons."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from holdgate.core.errors import Invalid, NotFound
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked_text
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other
from holdgate.webhooks import queries, service
from holdgate.webhooks.events import TYPES
from holdgate.webhooks.models import WebhookDelivery, WebhookEndpoint
from holdgate.webhooks.queries import DeliveryRecord
from holdgate.webhooks.service import Wanted

SHOWN = 50  # deliveries
LATEST = 100  # deliveries of which the list says how many have failed
NO_RECORD = DeliveryRecord(None, 0, 0)


class EndpointForm(msgspec.Struct):
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    events: Annotated[list[str], msgspec.Meta(max_length=len(TYPES))] = []
    everyone: bool = False


class EndpointRow(msgspec.Struct, frozen=True):
    """An endpoint as lists show it: the address without what looks like a secret. `owner`: when it is not one's own."""

    id: UUID
    address: str
    events: list[str]
    everyone: bool
    state: str
    owner: str
    record: DeliveryRecord


class EndpointsPage(msgspec.Struct, frozen=True, kw_only=True):
    rows: list[EndpointRow]
    form: Form[EndpointForm]
    types: tuple[str, ...] = TYPES
    latest: int = LATEST


class EndpointPage(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` is the one that was just made, in full; empty otherwise."""

    endpoint: WebhookEndpoint
    address: str
    state: str
    deliveries: list[WebhookDelivery]
    form: Form[EndpointForm]
    here: str
    own: bool
    secret: str = ""
    types: tuple[str, ...] = TYPES


@get("/settings/webhooks", include_in_schema=False)
async def show_endpoints(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    return await _list_page(request, read, user, blank({"events": list(TYPES)}))


async def _list_page(
    request: WebRequest, session: Any, user: Principal, form: Form[EndpointForm], status: int = 200
) -> Response[str]:
    endpoints = await queries.list_endpoints(session, user.scope)
    owners = await queries.owners_of(session, [each.id for each in endpoints])
    records = await queries.records_of(session, [each.id for each in endpoints], LATEST) if endpoints else {}
    rows = [
        EndpointRow(
            each.id,
            masked_text(each.url),
            each.events,
            each.everyone,
            each.state,
            "" if each.owner_id == user.id else owners[each.id],
            records.get(each.id, NO_RECORD),
        )
        for each in endpoints
    ]
    view = EndpointsPage(rows=rows, form=form)
    return await render(request, "webhooks/list.html", view, nav="webhooks", status=status)


@post("/settings/webhooks", include_in_schema=False)
async def create_endpoint(request: WebRequest, user: SignedIn, write: Write) -> Response[str]:
    form: Form[EndpointForm] = await read_form(request, EndpointForm)
    if form.data is not None:
        try:
            made, secret = await service.create(write, user, _wanted(form.data), request.app.state.settings)
            return await _detail_page(request, write, user, made, secret=secret)
        except Invalid as problem:
            form = form.refused(problem)
    return await _list_page(request, write, user, form, 422)


def _wanted(form: EndpointForm) -> Wanted:
    return Wanted(url=form.url, events=form.events, everyone=form.everyone)


@get("/settings/webhooks/{endpoint_id:uuid}", include_in_schema=False)
async def show_endpoint(request: WebRequest, user: SignedIn, read: Read, endpoint_id: FromPath[UUID]) -> Response[str]:
    return await _detail_page(request, read, user, endpoint_id)


async def _detail_page(
    request: WebRequest,
    session: Any,
    user: Principal,
    endpoint_id: UUID,
    form: Form[EndpointForm] | None = None,
    secret: str = "",
) -> Response[str]:
    """A new secret is shown in the answer to its making: a cookie or an address would keep it."""
    endpoint = await service.find(session, user, endpoint_id)
    given = {"url": endpoint.url, "events": endpoint.events, "everyone": endpoint.everyone}
    view = EndpointPage(
        endpoint=endpoint,
        address=masked_text(endpoint.url),
        state=endpoint.state,
        deliveries=await queries.deliveries_of(session, endpoint_id, SHOWN),
        form=form or blank(given),
        here=f"/settings/webhooks/{endpoint_id}",
        own=endpoint.owner_id == user.id,
        secret=secret,
    )
    return await render(
        request,
        "webhooks/detail.html",
        view,
        nav="webhooks",
        fragment="webhooks/_deliveries.html",
        status=422 if form else 200,
    )


@post("/settings/webhooks/{endpoint_id:uuid}", include_in_schema=False)
async def change_endpoint(
    request: WebRequest, user: SignedIn, write: Write, endpoint_id: FromPath[UUID]
) -> Response[str]:
    form: Form[EndpointForm] = await read_form(request, EndpointForm)
    if form.data is not None:
        try:
            await service.change(write, user, endpoint_id, _wanted(form.data), request.app.state.settings)
            return see_other(request, f"/settings/webhooks/{endpoint_id}", "Saved.")
        except Invalid as problem:
            form = form.refused(problem)
    return await _detail_page(request, write, user, endpoint_id, form)


@post("/settings/webhooks/{endpoint_id:uuid}/{verb:str}", include_in_schema=False)
async def act_on_endpoint(
    request: WebRequest, user: SignedIn, write: Write, endpoint_id: FromPath[UUID], verb: FromPath[str]
) -> Response[str]:
    here, said = f"/settings/webhooks/{endpoint_id}", ""
    match verb:
        case "test":
            await service.ping(write, user, endpoint_id)
            said = "A ping is on its way. What came of it shows below."
        case "rotate":
            secret = await service.rotate(write, user, endpoint_id)
            return await _detail_page(request, write, user, endpoint_id, secret=secret)
        case "disable":
            await service.disable(write, user, endpoint_id)
            said = "The webhook is disabled. What happens meanwhile is not sent later."
        case "enable":
            await service.enable(write, user, endpoint_id)
            said = "Webhook enabled. New events will be sent."
        case "delete":
            await service.delete(write, user, endpoint_id)
            here, said = "/settings/webhooks", "The webhook was deleted."
        case _:
            raise NotFound(f"Unknown action: {verb!r}.")
    return see_other(request, here, said)


handlers: list[HTTPRouteHandler] = [show_endpoints, create_endpoint, show_endpoint, change_endpoint, act_on_endpoint]
