"""The site put together: routes, what they share, and what every response carries."""

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.types import Message, Scope

from sandbox.careers import control, login, pages
from sandbox.careers.apply import apply
from sandbox.careers.behaviour import Behaviour
from sandbox.careers.respond import show_problem
from sandbox.careers.store import Store

MAX_BODY_BYTES = 8 * 1024 * 1024

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Accept-Idempotency-Key": "?1",
    "Referrer-Policy": "same-origin",
}


def create_site(store: Store) -> Litestar:
    behaviour = Behaviour()
    return Litestar(
        [
            pages.list_jobs,
            pages.show_job,
            pages.show_form,
            pages.list_applications,
            pages.applications_as_json,
            pages.stylesheet,
            pages.healthy,
            apply,
            login.show_login,
            login.sign_in,
            login.sign_out,
            control.show_order,
            control.give_order,
            control.reset,
            control.clear_applications,
        ],
        dependencies={
            "store": Provide(lambda: store, sync_to_thread=False),
            "behaviour": Provide(lambda: behaviour, sync_to_thread=False),
        },
        exception_handlers={Exception: show_problem},
        before_send=[_add_headers],
        request_max_body_size=MAX_BODY_BYTES,
        multipart_form_part_limit=100,
        openapi_config=None,
        logging_config=None,
    )


async def _add_headers(message: Message, scope: Scope) -> None:
    # A hook and not `response_headers`, which Litestar leaves out of 404 and 405.
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
