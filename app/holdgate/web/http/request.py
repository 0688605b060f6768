"""A request as the toolkit reads it: forms, query strings and cookies bounded, and none kept after the answer.

The framework's own parsers keep the last 1,024 texts they have read, whatever their size and whoever sent them.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from litestar import Request
from litestar.datastructures import FormMultiDict, State
from litestar.enums import RequestEncodingType
from litestar.types import Empty

from holdgate.core.errors import TooLarge, Unauthorized, UnsupportedMedia
from holdgate.core.principal import Principal

MAX_FORM = 256 * 1024  # bytes
MAX_FIELDS = 1000
UPLOAD = "upload"  # the option of a route that takes files, from people who have signed in
BY_LINK = "by link"  # or from who has a personal link, which its handler checks before it reads the form
API_PAGES = ("/api", "/api/docs")
# Asked by machines, and answered whoever else waits.
PROBES = (b"/livez", b"/readyz", b"/health", b"/metrics")


class WebRequest(Request[Principal | None, Any, State]):
    """What every handler and middleware gets."""

    def __init__(self, scope: Any, receive: Any = None, send: Any = None) -> None:
        super().__init__(scope, *(channel for channel in (receive, send) if channel is not None))
        # Now, because parameters of handlers are taken from here, and from the framework's parser where it is empty.
        known = self._connection_state.parsed_query
        self._parsed_query = _pairs(scope.get("query_string", b"")) if known is Empty else known
        self._connection_state.parsed_query = self._parsed_query

    @property
    def cookies(self) -> dict[str, str]:
        if self._connection_state.cookies is Empty:
            sent = self.headers.get("cookie", "")
            self._connection_state.cookies = _cookies_of(sent) if sent else {}
        return self._connection_state.cookies

    async def form(self) -> FormMultiDict:
        """The form that was sent, or an empty one.

        Raises:
            TooLarge: more than MAX_FORM or MAX_FIELDS. A form that says its length is refused before it is read.
            UnsupportedMedia, Unauthorized: files, where none are expected, or from somebody who has not signed in.
        """
        if self._connection_state.form is not Empty:
            return await super().form()
        kind, _ = self.content_type
        if kind == RequestEncodingType.MULTI_PART:
            if not self.route_handler.opt.get(UPLOAD):
                raise UnsupportedMedia("No files are taken here. Send the form as application/x-www-form-urlencoded.")
            if not self.scope.get("user") and self.route_handler.opt[UPLOAD] != BY_LINK:
                raise Unauthorized("Sign in before you send a file.")
            return await super().form()
        if kind == RequestEncodingType.URL_ENCODED:
            self._form = FormMultiDict(_pairs(await self._small_body()))
        else:
            self._form = FormMultiDict([])
        self._connection_state.form = dict(self._form.dict())
        return self._form

    async def _small_body(self) -> bytes:
        if (self.content_length or 0) > MAX_FORM:
            raise _too_large()
        read = bytearray()
        async for piece in self.stream():
            read += piece
            if len(read) > MAX_FORM:
                raise _too_large()
        return bytes(read)


def check_fields(text: bytes) -> None:
    """Raises TooLarge for a query string or form of more than MAX_FIELDS."""
    if text.count(b"&") >= MAX_FIELDS:
        raise TooLarge(f"At most {MAX_FIELDS:,} fields can be sent at once.")


def _too_large() -> TooLarge:
    return TooLarge(f"A form can have at most {MAX_FORM // 1024} kB.")


def _cookies_of(sent: str) -> dict[str, str]:
    parts = (part.partition("=") for part in sent.split(";"))
    return {name.strip(): unquote(value.strip().strip('"')) for name, _, value in parts if name.strip()}


def _pairs(text: bytes) -> tuple[tuple[str, str], ...]:
    check_fields(text)
    return tuple(parse_qsl(text.decode("latin-1"), keep_blank_values=True))


def principal(scope: Mapping[str, Any]) -> Principal | None:
    """Who is signed in. None also where the application has not been reached."""
    found = scope.get("user")
    return found if isinstance(found, Principal) else None


def request_id(scope: Mapping[str, Any]) -> str:
    """As the shield has chosen it; empty in a test that has no shield."""
    return str(scope.get("state", {}).get("request_id", ""))


def method_sent(scope: Mapping[str, Any]) -> str:
    """The method as the client named it: handlers of GET are also told of HEAD as GET."""
    return str(scope.get("state", {}).get("method", scope["method"]))


def is_api(scope: Mapping[str, Any]) -> bool:
    """Whether programs ask: they are answered in JSON. The pages that describe the API are for people."""
    return scope["path"] not in API_PAGES and f"{scope['path']}/".startswith(("/api/", "/mcp/"))


def client_address(scope: Mapping[str, Any]) -> str:
    """The client's IP address; behind a proxy FORWARDED_ALLOW_IPS decides whom to believe."""
    client = scope.get("client")
    return str(client[0]) if client else ""
