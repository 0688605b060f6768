"""Outgoing HTTP against real sockets. Only the resolver is told what to say, as a hostile name server would."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdgate.core.config import Settings
from holdgate.core.network.outgoing import (
    AnswerTooLarge,
    BadUrl,
    OutgoingError,
    PrivateAddress,
    TimedOut,
    Unreachable,
    client,
)

OPEN = Settings(allow_private_addresses=True)
GUARDED = Settings(allow_private_addresses=False)
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Sends the same bytes to everyone and remembers what they asked."""

    def __init__(self, answer: bytes, pause: float = 0) -> None:
        self.answer, self.pause = answer, pause
        self.asked: list[str] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        for byte in [self.answer] if not self.pause else [bytes([b]) for b in self.answer]:
            writer.write(byte)
            await asyncio.sleep(self.pause)
        writer.close()


@asynccontextmanager
async def serving(
    answer: bytes = HELLO, *, pause: float = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(answer, pause)
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()


async def get(url: str, settings: Settings = OPEN, **options: Any) -> bytes:
    async with client(settings, **options) as http:
        return (await http.get(url)).content


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[list[str]]]]:
    """What the resolver answers for a name, one list per look-up; a list too few is an error."""
    answers: dict[str, list[list[str]]] = {}
    real = asyncio.BaseEventLoop.getaddrinfo

    async def getaddrinfo(loop: Any, host: str, port: int, **options: Any) -> Any:
        if host not in answers:
            return await real(loop, host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[host].pop(0)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    yield answers


async def test_a_private_server_answers_where_that_is_allowed() -> None:
    async with serving() as server:
        assert await get(f"http://localhost:{server.port}/a?b=c") == b"hello"
    assert server.asked[0].startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}\r\n" in server.asked[0]


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_every_spelling_of_this_machine_is_refused_before_a_byte_is_sent(host: str) -> None:
    async with serving() as server:
        with pytest.raises(PrivateAddress, match="not on the public internet"):
            await get(f"http://{host}:{server.port}/", GUARDED)
    assert server.asked == []


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["10.0.0.7"], ["8.8.8.8", "169.254.169.254"]])
async def test_a_name_that_leads_to_a_private_address_is_refused(
    names: dict[str, list[list[str]]], answer: list[str]
) -> None:
    names["innocent.example"] = [answer]
    with pytest.raises(PrivateAddress, match=r"innocent\.example is not on the public internet"):
        await get("http://innocent.example/", GUARDED)


async def test_the_connection_goes_to_the_address_that_was_checked(names: dict[str, list[list[str]]]) -> None:
    async with serving() as server:
        # One look-up is all there is: a second one, which could answer otherwise, would fail.
        names["rebinding.example"] = [["127.0.0.1"]]
        assert await get(f"http://rebinding.example:{server.port}/") == b"hello"
    assert f"Host: rebinding.example:{server.port}\r\n" in server.asked[0]


async def test_the_next_address_is_tried_when_one_does_not_answer(names: dict[str, list[list[str]]]) -> None:
    async with serving() as server:
        names["two.example"] = [["127.0.0.2", "127.0.0.1"]]
        assert await get(f"http://two.example:{server.port}/") == b"hello"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "//example.org/",
        "example.org",
        "",
        "http://",
        "http:///path",
        "http://user:secret@example.org/",
        "http://user@example.org/",
        "http://[::1",
        "http://example.org:99999/",
        "http://exa\nmple.org/",
        "http://0177.0.0.1/",
    ],
)
async def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(BadUrl) as refusal:
        await get(url)
    assert "secret" not in str(refusal.value)


def redirect_to(url: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_a_redirect_is_not_followed_by_itself() -> None:
    async with (
        serving() as there,
        serving(redirect_to(f"http://127.0.0.1:{there.port}/")) as here,
        client(OPEN) as http,
    ):
        response = await http.get(f"http://127.0.0.1:{here.port}/")
        assert (response.status_code, there.asked) == (302, [])
        followed = await http.follow(response)
    assert (followed.content, len(there.asked)) == (b"hello", 1)
    assert str(followed.url) == f"http://127.0.0.1:{there.port}/"


async def test_a_relative_redirect_leads_to_the_same_host() -> None:
    async with serving(redirect_to("/login?a=b")) as here, client(OPEN) as http:
        followed = await http.follow(await http.get(f"http://localhost:{here.port}/deep/page"))
    assert str(followed.url) == f"http://localhost:{here.port}/login?a=b"


@pytest.mark.parametrize(
    ("target", "refusal"), [("http://127.0.0.1:1/", PrivateAddress), ("file:///etc/passwd", BadUrl)]
)
async def test_a_redirect_is_checked_like_every_request(target: str, refusal: type[OutgoingError]) -> None:
    async with serving(redirect_to(target)) as here, client(OPEN) as http, client(GUARDED) as guarded:
        response = await http.get(f"http://127.0.0.1:{here.port}/")
        with pytest.raises(refusal):
            await guarded.follow(response)


async def test_an_answer_that_is_no_redirect_cannot_be_followed() -> None:
    async with serving() as here, client(OPEN) as http:
        response = await http.get(f"http://127.0.0.1:{here.port}/")
        with pytest.raises(BadUrl, match="without a redirect target"):
            await http.follow(response)


async def test_an_answer_over_the_cap_is_not_taken() -> None:
    body = b"x" * 100_000
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
    async with serving(answer) as server:
        assert await get(f"http://127.0.0.1:{server.port}/", max_bytes=100_000) == body
        with pytest.raises(AnswerTooLarge, match="more than 99,999 bytes"):
            await get(f"http://127.0.0.1:{server.port}/", max_bytes=99_999)


async def test_a_gzip_bomb_is_stopped_while_it_unpacks() -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    async with serving(answer) as server:
        with pytest.raises(AnswerTooLarge):
            await get(f"http://127.0.0.1:{server.port}/", max_bytes=1_000_000)


async def test_a_packed_answer_is_unpacked_once() -> None:
    packed = gzip.compress(b"hello")
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    async with serving(answer) as server, client(OPEN) as http:
        response = await http.get(f"http://127.0.0.1:{server.port}/")
    assert response.text == "hello"
    assert "Content-Encoding" not in response.headers


async def test_a_server_that_trickles_is_left_after_the_time_for_the_whole_request() -> None:
    async with serving(HELLO, pause=0.05) as server:
        with pytest.raises(TimedOut, match=r"did not answer within 0\.3 seconds"):
            await get(f"http://127.0.0.1:{server.port}/", timeout=timedelta(seconds=0.3))


async def test_nobody_listening_and_no_such_name_are_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 can’t be reached"):
            await get(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    with pytest.raises(Unreachable, match="name can’t be resolved"):
        await get("http://no-such-host.invalid/")


async def test_a_connection_that_breaks_is_unreachable() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhel") as server:
        with pytest.raises(Unreachable):
            await get(f"http://127.0.0.1:{server.port}/")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with serving() as server:
        assert await get(f"http://127.0.0.1:{server.port}/") == b"hello"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
async def test_the_certificate_must_be_the_names_and_not_the_addresss(
    names: dict[str, list[list[str]]], tmp_path: Path
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tls.example -addext subjectAltName=DNS:tls.example"
    )
    subprocess.run([*command.split(), "-out", cert, "-keyout", key], check=True, capture_output=True)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(cert, key)
    async with serving(tls=served) as server:
        trusting = Settings(allow_private_addresses=True, ca_file=str(cert))
        names |= {"tls.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
        assert await get(f"https://tls.example:{server.port}/", trusting) == b"hello"
        with pytest.raises(Unreachable, match="certificate"):
            await get(f"https://other.example:{server.port}/", trusting)
