"""Outgoing HTTP: the only way in which handlers speak to other people's servers.

The host's name is resolved here and the connection goes to exactly the address that was checked, so that a name
which answers differently the second time (DNS rebinding) reaches nothing it should not. Redirects are never
followed by themselves; time and size are capped.

Through a proxy (HTTPS_PROXY) the name goes to the proxy, which looks it up and connects. What is private as far as
this machine can tell is refused before; what the name means to the proxy is the proxy's to check.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import ip_address
from ssl import SSLContext
from typing import Any

import httpx

from holdgate.core.config import Settings
from holdgate.core.network.networks import Address, is_public
from holdgate.core.network.proxies import proxy_for
from holdgate.core.telemetry import tracing

TIMEOUT = timedelta(seconds=30)
CONNECT_SECONDS = 5  # for each address of a host
LOOK_UP_SECONDS = 2  # of a name that goes to a proxy; a network behind one may have no name server that answers
MAX_BYTES = 2 * 1024 * 1024
AGENT = "Holdgate"
REDIRECTS = (301, 302, 303, 307, 308)

_UNKEPT = httpx.Limits(max_keepalive_connections=0)
_PIECE = 4096  # gzip unpacks up to a thousandfold: small pieces keep one step of a bomb small


class OutgoingError(Exception):
    """A request without an answer; `str(error)` is a sentence. Trying again may help, unless it is a RefusedRequest."""


class Unreachable(OutgoingError):
    """No connection, or it broke: whether the request arrived is not known."""


class NotSent(Unreachable):
    """No connection was made, so nothing was sent."""


class TimedOut(Unreachable):
    """No complete answer in time."""


class RefusedRequest(OutgoingError):
    """We refuse, and shall refuse again."""


class BadUrl(RefusedRequest):
    """Not an address that can be asked."""


class PrivateAddress(RefusedRequest):
    """The host is this machine or in a network that is not the public one. Nothing was sent."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not on the public internet, and requests to private addresses are not allowed.")


class AnswerTooLarge(RefusedRequest):
    """The request arrived, but what came back is more than is taken."""


@asynccontextmanager
async def client(
    settings: Settings, *, timeout: timedelta = TIMEOUT, max_bytes: int = MAX_BYTES, cut: bool = False
) -> AsyncIterator["OutgoingClient"]:
    """A client for one errand; it keeps cookies until the block ends.

    Args:
        timeout: for a whole request, from the look-up of the name to the last byte of the answer.
        max_bytes: of an answer's body, as sent and as unpacked.
        cut: take the beginning of a longer answer, with `extensions["cut"]`, instead of refusing it.
    """
    async with httpx.AsyncClient(
        transport=_Transport(settings),
        timeout=httpx.Timeout(timeout.total_seconds(), connect=CONNECT_SECONDS),
        trust_env=False,
        headers={"User-Agent": AGENT},
    ) as http:
        yield OutgoingClient(http, timeout, max_bytes, cut)


class OutgoingClient:
    """Asks and returns whole answers, whatever their status."""

    def __init__(self, http: httpx.AsyncClient, timeout: timedelta, max_bytes: int, cut: bool) -> None:
        self._http = http
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._cut = cut

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return await self.request("GET", url, headers=headers)

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send one request; `options` are those of `httpx.AsyncClient.build_request` (headers, data, files, json, …).

        Raises:
            BadUrl, PrivateAddress, NotSent: nothing was sent. Unreachable, TimedOut, AnswerTooLarge
        """
        target = checked_url(url)
        request = self._http.build_request(method, target, **options)
        try:
            with tracing.span(method, "CLIENT", {"http.request.method": method, "server.address": target.host}) as told:
                if parent := tracing.traceparent():
                    request.headers.setdefault(tracing.HEADER, parent)
                async with asyncio.timeout(self._timeout):
                    answer = await self._answer(request)
                told.say({"http.response.status_code": answer.status_code})
                return answer
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotSent(f"{target.host} can’t be reached: {_line(error)}") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TimedOut(f"{target.host} did not answer within {self._timeout:g} seconds.") from error
        except (httpx.RequestError, OSError) as error:
            raise Unreachable(f"{target.host} can’t be reached: {_line(error)}") from error

    async def follow(self, response: httpx.Response) -> httpx.Response:
        """Ask, by GET, for where a redirect leads; that is checked like every request. Raises as `request` does."""
        return await self.get(str(redirect_target(response)))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._http.send(request, stream=True, follow_redirects=False)
        over = False
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if max(len(body), response.num_bytes_downloaded) > self._max_bytes:
                    over = True
                    if self._cut:
                        del body[self._max_bytes :]
                        break
                    raise AnswerTooLarge(f"{request.url.host} sent more than {self._max_bytes:,} bytes.")
        finally:
            await response.aclose()
        # It is unpacked now, so the headers that say otherwise go.
        packing = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in packing]
        told = {"cut": True} if over else {}
        return httpx.Response(
            response.status_code, headers=headers, content=bytes(body), request=request, extensions=told
        )


def checked_url(url: str) -> httpx.URL:
    """A web address that may be asked, as far as its text tells. Raises BadUrl."""
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError) as error:
        raise BadUrl("This is not a valid web address.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadUrl("A web address must begin with http:// or https:// and name a host.")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise BadUrl("The port of a web address must be from 1 to 65535.")
    if parsed.userinfo:
        raise BadUrl("A web address with a user name or password in it is not accepted.")
    return parsed


def origin(url: httpx.URL) -> str:
    """Scheme, host and port: the server that an address leads to."""
    return f"{url.scheme}://{url.host}:{url.port or {'http': 80, 'https': 443}.get(url.scheme)}"


def redirect_target(response: httpx.Response) -> httpx.URL:
    """Where a redirect leads, unchecked. Raises BadUrl when it leads nowhere."""
    location = response.headers.get("Location", "")
    if response.status_code not in REDIRECTS or not location:
        raise BadUrl(f"{response.url.host} answered {response.status_code} without a redirect target.")
    try:
        return response.url.join(location)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise BadUrl(f"{response.url.host} points to an address that is not valid.") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@cache
def _tls(ca_file: str) -> SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


class _Transport(httpx.AsyncHTTPTransport):
    """Resolves, checks and connects to what was checked; the name stays in the Host header and the certificate's check.

    Connections are not kept: two names may share an address, and one must not get the other's.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(verify=_tls(settings.ca_file), trust_env=False, limits=_UNKEPT)
        self._settings = settings
        self._private = settings.allow_private_addresses

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(request.url.scheme, request.url.host, self._settings)
        response = await (self._by_proxy(proxy, request) if proxy else self._directly(request))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(response.status_code, headers=response.headers, stream=_Pieces(response.stream))

    async def _directly(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        host = url.raw_host.decode()
        addresses = await _resolve(host, url.port or (443 if url.scheme == "https" else 80))
        self._check(host, addresses)
        for address in addresses:
            pinned = httpx.Request(
                request.method,
                url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await super().handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise httpx.ConnectError("its name has no address")

    async def _by_proxy(self, proxy: str, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode()
        if not self._private:
            with suppress(httpx.ConnectError, TimeoutError):  # only the proxy may know the name
                async with asyncio.timeout(LOOK_UP_SECONDS):
                    self._check(host, await _resolve(host, 443))
        context = _tls(self._settings.ca_file)
        by = httpx.Proxy(proxy, ssl_context=context if proxy.startswith("https:") else None)
        transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=_UNKEPT, proxy=by)
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise httpx.ConnectError(f"by the proxy {by.url.host}:{by.url.port}: {_line(error)}") from error

    def _check(self, host: str, addresses: list[Address]) -> None:
        if not self._private and not all(map(is_public, addresses)):
            raise PrivateAddress(host)


async def _resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name, the preferred first; also of spellings such as 127.1 or 0x7f000001."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"its name can’t be resolved ({_line(error)}).") from error
    return list(dict.fromkeys(ip_address(str(where[0])) for *_, where in found))


class _Pieces(httpx.AsyncByteStream):
    """A body in small pieces."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            for start in range(0, len(chunk), _PIECE):
                yield chunk[start : start + _PIECE]

    async def aclose(self) -> None:
        await self._stream.aclose()


def retry_after(response: httpx.Response) -> timedelta | None:
    """How long a busy site (429, 503) wants to be left alone: as seconds, or until a date by its own clock."""
    if response.status_code not in (429, 503):
        return None
    said = response.headers.get("Retry-After", "").strip()
    try:
        if said.isdecimal():
            return timedelta(seconds=int(said))
        return max(parsedate_to_datetime(said) - parsedate_to_datetime(response.headers["Date"]), timedelta(0))
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
