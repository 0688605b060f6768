"""Requests in and responses out: forms read as plain values, and one answer as a page or as JSON."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import State, UploadFile
from litestar.exceptions import ClientException, HTTPException

from sandbox.careers.form import SentFile, SentForm

HttpRequest = Request[None, None, State]
Headers = Mapping[str, str]

_log = logging.getLogger(__name__)
_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PLAIN_WORDS = {
    "Not Found": "There is nothing at this address.",
    "Method Not Allowed": "This address does not take that method.",
    "Request Entity Too Large": "The request is larger than 8 MB.",
}


def page(name: str, status: int = 200, headers: Headers | None = None, **context: object) -> Response[bytes]:
    body = _pages.get_template(f"{name}.html").render(context).encode()
    return Response(body, status_code=status, headers=headers, media_type=MediaType.HTML)


def json(content: object, status: int = 200, headers: Headers | None = None) -> Response[bytes]:
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, headers=headers, media_type=MediaType.JSON)


def empty(status: int, headers: Headers | None = None) -> Response[bytes]:
    return Response(b"", status_code=status, headers=headers)


def prefers_html(request: HttpRequest) -> bool:
    """Browsers name text/html; whoever takes anything gets JSON."""
    try:
        return request.accept.best_match(["application/json", "text/html"]) == "text/html"
    except OverflowError:  # `q=inf`, which Litestar takes for a number
        return False


async def read_form(request: HttpRequest, *content_types: str) -> SentForm:
    """The whole form in memory. 415 for another content type, 400 if malformed, 413 if too large."""
    if request.content_type[0] not in content_types:
        raise HTTPException(f"Send the form as {' or '.join(content_types)}.", status_code=415)
    form = SentForm()
    try:
        for name, value in (await request.form()).multi_items():
            if isinstance(value, UploadFile):
                sent = SentFile(value.filename, await value.read())
                await value.close()
                form.files.setdefault(name, []).append(sent)
            else:
                form.fields.setdefault(name, []).append(value)
        form.fingerprint()  # proves that every text can be encoded: some charsets decode to lone surrogates
    except (UnicodeError, LookupError) as error:
        raise ClientException("The form is not valid text. Send it as UTF-8.") from error
    return form


def show_problem(request: HttpRequest, error: Exception) -> Response[bytes]:
    """The answer to everything that was raised, refusals and mistakes of our own alike."""
    if not isinstance(error, HTTPException):
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        error = HTTPException("Something went wrong here.", status_code=500)
    status, headers = error.status_code, dict(error.headers or {})
    detail = _PLAIN_WORDS.get(error.detail, error.detail)
    extra = error.extra if isinstance(error.extra, dict) else {}
    if prefers_html(request):
        return page("problem", status, headers, detail=detail, login_url=extra.get("login_url"))
    return json({"detail": detail, **extra}, status, headers)


def _when(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%-d %B %Y, %H:%M UTC")


_pages.filters["when"] = _when
