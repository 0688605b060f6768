"""Outgoing HTTP: the only way in which handlers speak to other people's servers.

The host's name is resolved here and the connection goes to exactly the address that was checked, so that a name
which answers differently the second time (DNS rebinding) reaches nothing it should not. Redirects are never
followed by themselves; time and size are capped; proxies of the environment are not used.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from ssl import SSLContext
from types import TracebackType
from typing import Any

import httpcore
import httpx

from app.core.addresses import Address, is_public, parse_address
from app.core.config import Settings

TIMEOUT = timedelta(seconds=30)
MAX_BYTES = 2 * 1024 * 1024
AGENT = "Holdpoint"
SCHEMES = ("http", "https")
REDIRECTS = (301, 302, 303, 307, 308)

_PIECE = 4096  # a gzip bomb unpacks about a thousandfold: small pieces keep one step of it small
_AWAY = (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError)


class OutgoingError(Exception):
    """A request that got no answer; `str(error)` is a sentence. Trying again may help unless it is a RefusedRequest."""


class Unreachable(OutgoingError):
    """No connection, or it broke: whether the request arrived is unknown unless it never connected."""


class TimedOut(Unreachable):
    """No complete answer in time: the request may well have arrived."""


class RefusedRequest(OutgoingError):
    """We refuse, and shall refuse again."""


class BadUrl(RefusedRequest):
    """Not an address that can be asked."""


class PrivateAddress(RefusedRequest):
    """The host is this machine or in a network that is not the public one."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not on the public internet, and requests to private addresses are not allowed.")


class AnswerTooLarge(RefusedRequest):
    """It arrived, but what came back is more than is taken."""


@asynccontextmanager
async def client(
    settings: Settings, *, timeout: timedelta = TIMEOUT, max_bytes: int = MAX_BYTES
) -> AsyncIterator["Client"]:
    """A client for one errand; it keeps cookies and connections until the block ends.

    Args:
        timeout: for a whole request, from the look-up of the name to the last byte of the answer.
        max_bytes: of an answer's body, as sent and as unpacked.
    """
    transport = _Transport(_Network(private=settings.allow_private_addresses))
    async with httpx.AsyncClient(
        transport=transport, timeout=timeout.total_seconds(), trust_env=False, headers={"User-Agent": AGENT}
    ) as http:
        yield Client(http, timeout, max_bytes)


class Client:
    """Asks and returns whole answers, whatever their status."""

    def __init__(self, http: httpx.AsyncClient, timeout: timedelta, max_bytes: int) -> None:
        self._http = http
        self._timeout = timeout
        self._max_bytes = max_bytes

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return await self.request("GET", url, headers=headers)

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send one request; `options` are those of `httpx.AsyncClient.build_request` (headers, data, files, json, …).

        Raises:
            RefusedRequest: BadUrl, PrivateAddress (nothing was sent), AnswerTooLarge.
            Unreachable: and TimedOut.
        """
        try:
            request = self._http.build_request(method, _checked(url), **options)
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._answer(request)
        except (TimeoutError, httpcore.TimeoutException, httpx.TimeoutException) as error:
            seconds = self._timeout.total_seconds()
            raise TimedOut(f"{_host(url)} did not answer within {seconds:g} seconds.") from error
        except (*_AWAY, httpx.DecodingError) as error:
            raise Unreachable(f"{_host(url)} cannot be reached: {_line(error)}") from error

    async def follow(self, response: httpx.Response) -> httpx.Response:
        """Ask by GET for where a redirect leads; it is checked like every request. Cookies go along, nothing else.

        Raises as `request` does; BadUrl when it leads nowhere.
        """
        location = response.headers.get("Location", "")
        if response.status_code not in REDIRECTS or not location:
            raise BadUrl(f"{response.url.host} answered {response.status_code} without saying where to go on.")
        try:
            target = str(response.url.join(location))
        except httpx.InvalidURL as error:
            raise BadUrl(f"{response.url.host} points to an address that is not valid.") from error
        return await self.get(target)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > self._max_bytes or response.num_bytes_downloaded > self._max_bytes:
                    raise AnswerTooLarge(f"{request.url.host} sent more than {self._max_bytes:,} bytes.")
        finally:
            await response.aclose()
        # Unpacked already, so what said that it was packed goes.
        packing = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in packing]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError) as error:
        raise BadUrl(f"This is not a valid web address: {_line(error)}") from error
    if parsed.scheme not in SCHEMES or not parsed.host:
        raise BadUrl("A web address must begin with http:// or https:// and name a host.")
    if parsed.userinfo:
        raise BadUrl("A web address with a user name or password in it is not accepted.")
    return parsed


def _host(url: str) -> str:
    return httpx.URL(url.strip()).host


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


class _Network(httpcore.AsyncNetworkBackend):
    """Connects to the address that was checked, and to no other."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        away: Exception = httpcore.ConnectError("it has no address")
        for address in await _resolve(host, port):
            if not (self._private or is_public(address)):
                raise PrivateAddress(host)
            try:
                return await self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                away = error
        raise away

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise PrivateAddress(path)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name in the system's order of preference; also of odd spellings such as 127.1 or 0x7f000001."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"its name cannot be resolved ({_line(error)})") from error
    return [parse_address(str(sockaddr[0])) for *_, sockaddr in found]


@cache
def _tls() -> SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class _Transport(httpx.AsyncBaseTransport):
    """httpx over a connection pool with our network."""

    def __init__(self, network: httpcore.AsyncNetworkBackend) -> None:
        self._pool = httpcore.AsyncConnectionPool(ssl_context=_tls(), network_backend=network, max_connections=10)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        assert isinstance(request.stream, httpx.AsyncByteStream)
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Pieces(response))

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._pool.aclose()


class _Pieces(httpx.AsyncByteStream):
    """A body in small pieces."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            for start in range(0, len(chunk), _PIECE):
                yield chunk[start : start + _PIECE]

    async def aclose(self) -> None:
        await self._response.aclose()
