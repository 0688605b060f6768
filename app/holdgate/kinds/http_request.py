"""The kind `http.request`: one HTTP request, judged by its answer's status, with the answer kept up to a cap.

    send (the request, its answer) → the file `response`, when the answer is long or not text

A crash while the answer is under way sends the request again, with the same idempotency key. Only an answer whose
status succeeds is remembered: any other is a failed try, or a permanent one.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

import httpx
import msgspec

from holdgate.core.network import outgoing
from holdgate.core.network.outgoing import RefusedRequest
from holdgate.core.text.masking import masked_text
from holdgate.core.text.storable import storable_text
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError, RetryAfter
from holdgate.tasks.artifacts import CONTENT_TYPE
from holdgate.tasks.kinds import Backoff, kind
from holdgate.tasks.payloads.artifact import StoredArtifact

MOST_BYTES = 10 * 1024 * 1024
INLINE = 16 * 1024  # characters of an answer that are kept in the result itself

BACKOFF = Backoff(base=timedelta(seconds=5), factor=3.0, cap=timedelta(minutes=30))
# Of an answer's headers these are kept. The rest may hold secrets (Set-Cookie) or says nothing to a reader.
KEPT_HEADERS = re.compile(
    r"age|allow|cache-control|content-(disposition|language|type)|date|etag|expires|last-modified|link|location"
    r"|ratelimit(-policy)?|retry-after|server|vary|x-request-id"
)
# Set by the connection itself; a second value would let one request be read as two.
OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
TEXT_TYPE = re.compile(r"text/|application/(.+\+)?(json|xml|javascript|x-www-form-urlencoded|problem\+json)\b")

# `404`, `2xx` or `500-599`.
Statuses = Annotated[str, msgspec.Meta(pattern=r"^[1-5](\d\d|xx)$|^[1-5]\d\d-[1-5]\d\d$")]
Header = Annotated[str, msgspec.Meta(max_length=8000, pattern=r"^[^\r\n\x00]*$")]


class HttpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to send and how to judge the answer. A status in neither list is a permanent failure."""

    url: Annotated[str, msgspec.Meta(min_length=8, max_length=4000, description="http:// or https://")]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Annotated[
        dict[str, Header], msgspec.Meta(max_length=50, description="Stored as given; secret ones are never shown.")
    ] = {}
    text: Annotated[str | None, msgspec.Meta(description="The body as text.")] = None
    json: Annotated[Any, msgspec.Meta(description="The body as JSON.")] = None
    timeout: Annotated[float, msgspec.Meta(ge=1, le=120, description="Seconds for one attempt.")] = 30
    succeed: Annotated[tuple[Statuses, ...], msgspec.Meta(min_length=1, max_length=20)] = ("2xx",)
    retry: Annotated[
        tuple[Statuses, ...], msgspec.Meta(max_length=20, description="Tried again; every other status is permanent.")
    ] = ("408", "425", "429", "5xx")
    max_bytes: Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES, description="Of the answer; the rest is not read.")] = (
        1024 * 1024
    )
    idempotency_header: Annotated[
        str,
        msgspec.Meta(
            max_length=100, description="Header with a key that is the same in every attempt; empty for none."
        ),
    ] = "Idempotency-Key"

    def __post_init__(self) -> None:
        if self.text is not None and self.json is not None:
            raise ValueError("Give the body as text or as json, not both")
        for name in (*self.headers, *filter(None, (self.idempotency_header,))):
            if not HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS:
                raise ValueError(f"{name[:100]!r} cannot be a header of a request")


class HttpResult(msgspec.Struct, frozen=True):
    """`body` is the answer's text when it is short, `file` holds it when it is not; `cut`: more came than was read."""

    status: int
    headers: dict[str, str]
    body: str | None
    file: StoredArtifact | None
    cut: bool


@kind("http.request", max_attempts=5, timeout=timedelta(minutes=3), backoff=BACKOFF)
async def request_http(ctx: Context, payload: HttpRequest) -> HttpResult:
    """Send an HTTP request and keep its answer."""
    return await ctx.step("send", send, ctx, payload)


async def send(ctx: Context, wanted: HttpRequest) -> HttpResult:
    response = await _ask(ctx, wanted)
    status = response.status_code
    if not _matches(status, wanted.succeed):
        problem = f"{response.request.url.host} answered {status}{_said(response)}"
        if _matches(status, wanted.retry):
            wait = outgoing.retry_after(response)
            raise RuntimeError(problem) if wait is None else RetryAfter(wait, problem)
        raise PermanentError(problem)
    headers = {
        name: masked_text(value[:2000]) for name, value in response.headers.items() if KEPT_HEADERS.fullmatch(name)
    }
    cut = "cut" in response.extensions
    text = _text(response)
    if text is not None and len(text) <= INLINE:
        return HttpResult(status, headers, text, None, cut)
    file = await ctx.artifact("response", response.content, _content_type(response))
    return HttpResult(status, headers, None, file, cut)


async def _ask(ctx: Context, wanted: HttpRequest) -> httpx.Response:
    headers = dict(wanted.headers)
    given = {name.lower() for name in headers}
    body: dict[str, Any] = {}
    if wanted.text is not None:
        body["content"] = wanted.text.encode()
        if "content-type" not in given:
            headers["Content-Type"] = "text/plain; charset=utf-8"
    elif wanted.json is not None:
        body["content"] = msgspec.json.encode(wanted.json)
        if "content-type" not in given:
            headers["Content-Type"] = "application/json"
    key = wanted.idempotency_header
    if key and key.lower() not in given and wanted.method not in ("GET", "HEAD", "OPTIONS"):
        headers[key] = ctx.idempotency_key("send")
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    limit = timedelta(seconds=wanted.timeout)
    try:
        async with outgoing.client(ctx.settings, timeout=limit, max_bytes=wanted.max_bytes, cut=True) as http:
            return await http.request(wanted.method, wanted.url, headers=encoded, **body)
    except RefusedRequest as error:
        raise PermanentError(str(error)) from error


def _matches(status: int, patterns: tuple[str, ...]) -> bool:
    for pattern in patterns:
        low, _, high = pattern.replace("xx", "00").partition("-")
        last = int(high) if high else int(low) + (99 if pattern.endswith("xx") else 0)
        if int(low) <= status <= last:
            return True
    return False


def _text(response: httpx.Response) -> str | None:
    """The body as text, or None when it is none: by its type, and by what it really holds."""
    if response.content and not TEXT_TYPE.match(response.headers.get("Content-Type", "text/plain").lower()):
        return None
    try:
        # A cut may have gone through the middle of a character.
        text = response.content.decode(
            response.encoding or "utf-8", "ignore" if "cut" in response.extensions else "strict"
        )
    except (UnicodeDecodeError, LookupError):
        return None
    return text if storable_text(text) == text else None


def _content_type(response: httpx.Response) -> str:
    """As an artifact may have it: without parameters. A text in another encoding is bytes to us."""
    main = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return main if CONTENT_TYPE.fullmatch(main) else "application/octet-stream"


def _said(response: httpx.Response) -> str:
    """The beginning of an error's text: it mostly says what was wrong."""
    line = " ".join((_text(response) or "").split())[:200]
    return f": {masked_text(line)}" if line and not line.startswith("<") else "."
