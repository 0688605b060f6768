"""Receiving an application: misbehave if told to, check it, record it once, hand out the receipt."""

import asyncio
import hashlib
import math

import msgspec
from litestar import Response, post
from litestar.exceptions import HTTPException

from sandbox.careers.behaviour import Behaviour, Mode, Order
from sandbox.careers.connection import hang_up
from sandbox.careers.form import FORM_ID, KEY, SentForm
from sandbox.careers.jobs import Job
from sandbox.careers.pages import form_page, job_or_404
from sandbox.careers.respond import HttpRequest, empty, json, page, prefers_html, read_form
from sandbox.careers.store import Received, Store
from sandbox.careers.validate import FieldError, check_application

_FLAKY_TRIES = 2


class Receipt(msgspec.Struct, frozen=True):
    receipt: str
    job: str
    received_at: str
    name: str
    email: str
    cover_letter_sha256: str


@post("/jobs/{slug:str}/apply")
async def apply(request: HttpRequest, slug: str, store: Store, behaviour: Behaviour) -> Response[bytes]:
    """201 with a receipt; 200 with the same receipt for a replay; 422 naming every field that is wrong."""
    job = job_or_404(slug, behaviour)
    form = await read_form(request, "multipart/form-data")
    key = request.headers.get(KEY) or form.text(FORM_ID)
    if len(key) > 200:
        return _wrong(request, job, form, [FieldError(KEY, "Use at most 200 characters.")])

    order = behaviour.take(slug)
    if refusal := await _obey(order, request, job, form, key, store):
        return refusal

    application = check_application(form, job)
    if isinstance(application, list):
        return _wrong(request, job, form, application)
    received = store.receive(slug, application, key or None, form.fingerprint())
    if received is None:
        return _wrong(request, job, form, [FieldError(KEY, "This key stands for a different application.")])
    if order.mode is Mode.DROP:
        await hang_up(request)
    return _receipt(request, job, received)


async def _obey(
    order: Order, request: HttpRequest, job: Job, form: SentForm, key: str, store: Store
) -> Response[bytes] | None:
    """Misbehave as ordered: raise or return the refusal, or None to go on with the application."""
    match order.mode:
        case Mode.FAIL:
            raise HTTPException("We are having trouble here. Try again later.", status_code=order.status)
        case Mode.FLAKY if store.fail_first(job.slug, key or form.fingerprint(), order.times or _FLAKY_TRIES):
            raise HTTPException("We are having trouble here. Try again.", status_code=order.status)
        case Mode.REJECT:
            return _wrong(request, job, form, [FieldError("job", "This job takes no more applications.")])
        case Mode.FORBIDDEN:
            raise HTTPException("You may not apply for this job.", status_code=403)
        case Mode.RATE_LIMIT:
            wait = {"Retry-After": str(math.ceil(order.seconds))}
            raise HTTPException("Too many applications. Try again later.", status_code=429, headers=wait)
        case Mode.SIGN_IN if not store.is_signed_in(form.text("email").strip()):
            raise HTTPException(
                "Sign in with the e-mail address of your application first.",
                status_code=401,
                headers={"WWW-Authenticate": 'Session realm="careers"'},
                extra={"login_url": f"{request.base_url}login?job={job.slug}"},
            )
        case Mode.LOGIN_PAGE:
            return empty(302, {"Location": f"/login?job={job.slug}"})
        case Mode.SLOW:
            await asyncio.sleep(order.seconds)
    return None


def _wrong(request: HttpRequest, job: Job, form: SentForm, errors: list[FieldError]) -> Response[bytes]:
    if prefers_html(request):
        return form_page(job, form, errors)
    return json({"errors": errors}, 422)


def _receipt(request: HttpRequest, job: Job, received: Received) -> Response[bytes]:
    status = 200 if received.replayed else 201
    headers = {"Idempotency-Replayed": "true"} if received.replayed else {}
    if prefers_html(request):
        return page("received", status, headers, job=job, application=received)
    letter = hashlib.sha256(received.cover_letter.encode()).hexdigest()
    return json(
        Receipt(received.receipt, received.job, received.received_at, received.name, received.email, letter),
        status,
        headers,
    )
