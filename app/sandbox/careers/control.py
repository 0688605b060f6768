"""The tester's side door: order misbehaviour, take it back, clear what was received."""

import msgspec
from litestar import Response, delete, get, post
from litestar.exceptions import ClientException, NotFoundException

from sandbox.careers.behaviour import EVERY_JOB, Behaviour, Order
from sandbox.careers.jobs import is_slug
from sandbox.careers.respond import HttpRequest, json
from sandbox.careers.store import Store
from sandbox.careers.validate import FieldError


@get("/_control/{slug:str}")
async def show_order(slug: str, behaviour: Behaviour) -> Response[bytes]:
    return json(behaviour.current(_known(slug)))


@post("/_control/{slug:str}")
async def give_order(request: HttpRequest, slug: str, behaviour: Behaviour) -> Response[bytes]:
    """Replace the order for a job, or for every job (`*`). 422 for an order that makes no sense."""
    _known(slug)
    body = await request.body()
    try:
        order = msgspec.json.decode(body or b"{}", type=Order)
    except msgspec.ValidationError as error:
        return json({"errors": [FieldError("order", str(error))]}, 422)
    except msgspec.DecodeError as error:
        raise ClientException(f"Send the order as JSON: {error}") from error
    behaviour.order(slug, order)
    return json(order)


@delete("/_control/{slug:str}", status_code=204)
async def reset(slug: str, store: Store, behaviour: Behaviour) -> None:
    """Behave again. For `*`: in every job, with every failed try forgotten and everybody signed out."""
    behaviour.reset(_known(slug))
    if slug == EVERY_JOB:
        store.forget_failed_tries(None)
        store.sign_everyone_out()
    else:
        store.forget_failed_tries(slug)


@delete("/applications", status_code=204)
async def clear_applications(store: Store) -> None:
    store.clear_applications()


def _known(slug: str) -> str:
    if slug != EVERY_JOB and not is_slug(slug):
        raise NotFoundException("There is no such job. Name one by its slug, or all of them by *.")
    return slug
