"""What strangers may send to a real web process without stopping it for others: large forms, endless headers, bodies
that drip in."""

import asyncio
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import uvicorn
from litestar import _parsers
from redis import Redis

from holdgate.web.http import connection, exchange
from holdgate.web.http.connection import HttpConnection
from tests.processes import Process, environment, free_port, web
from tests.servers import Servers
from tests.web.conftest import Client, MakeSite

pytestmark = pytest.mark.slow

FORM = "Content-Type: application/x-www-form-urlencoded"
COOKIE = f"Cookie: hg_csrf={'x' * 43}"  # anybody can make one up


@pytest.fixture(scope="module")
def server(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Process]]:
    home, port = tmp_path_factory.mktemp("web"), free_port()
    with web(environment(servers, home), home / "log", port, by_command=True) as process:
        yield port, process


@pytest.fixture(autouse=True)
def nobody_was_here(servers: Servers) -> None:
    """Limits count for all processes, and all of these requests come from one address."""
    with Redis.from_url(servers.redis_url) as client:
        client.flushdb()


def talk(port: int, *pieces: bytes, pause: float = 0.0, seconds: float = 60.0) -> bytes:
    """What comes back for these bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # it has heard enough
        return answer(line)


def answer(line: socket.socket) -> bytes:
    found = b""
    try:
        while piece := line.recv(65536):
            found += piece
    except OSError:
        pass
    return found


def post(port: int, path: str, body: bytes, *headers: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", FORM, *headers]
    if not any(header.startswith("Transfer-Encoding") for header in headers):
        head.append(f"Content-Length: {len(body)}")
    return talk(port, "\r\n".join([*head, "", ""]).encode(), body)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


def status(found: bytes) -> int:
    return int(found.split(b" ", 2)[1])


def latency(port: int) -> float:
    began = time.perf_counter()
    with urlopen(f"http://127.0.0.1:{port}/livez", timeout=60):
        return time.perf_counter() - began


def resident(process: Process) -> int:
    """MiB."""
    [line] = [each for each in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmRSS" in each]
    return int(line.split()[1]) // 1024


@pytest.mark.parametrize("path", ["/login", "/review"])
@pytest.mark.parametrize("one_name", [True, False])
def test_a_huge_form_delays_nobody_and_leaves_nothing_in_memory(
    server: tuple[int, Process], path: str, one_name: bool
) -> None:
    port, process = server
    body = b"&".join([b"a=1"] * 2_900_000) if one_name else b"&".join(b"%x=" % n for n in range(900_000))
    usual = statistics.median(latency(port) for _ in range(20))
    before = resident(process)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(post, port, path, body, COOKIE)
        slowest = 0.0
        while not sent.done():
            slowest = max(slowest, latency(port))
    assert status(sent.result()) in (404, 413)
    assert slowest < max(1.0, 30 * usual), (slowest, usual)
    assert resident(process) < before + 24


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/login", b"a=1&" * 1000, (COOKIE,), 413),
        ("/login", b"a=" + b"x" * 256 * 1024, (COOKIE,), 413),
        ("/login", chunked(b"a=" + b"x" * 256 * 1024), (COOKIE, "Transfer-Encoding: chunked"), 413),
        ("/login", b"a=" + b"x" * 256 * 1024, (), 403),  # unread: no form fits without a cookie
        ("/review", chunked(b"a=1&" * 1000), ("Transfer-Encoding: chunked",), 413),
        ("/review", b"token=" + b"x" * 200_000, (), 404),
        ("/login?" + "a&" * 1000, b"", (COOKIE,), 413),
    ],
    ids=["fields", "bytes", "chunked", "no cookie", "chunked fields", "large but fine", "query"],
)
def test_a_form_has_bounds(
    server: tuple[int, Process], path: str, body: bytes, headers: tuple[str, ...], expected: int
) -> None:
    assert status(post(server[0], path, body, *headers)) == expected


def test_headers_beyond_their_bound_are_431(server: tuple[int, Process]) -> None:
    port, process = server
    before = resident(process)
    start = f"GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode()
    fine = talk(port, start + b"X: " + b"y" * 30_000 + b"\r\nConnection: close\r\n\r\n")
    assert status(fine) == 200
    whole = talk(port, start + b"X: " + b"y" * 40_000 + b"\r\n\r\n")
    assert status(whole) == 431
    endless = talk(port, start + b"X: ", *([b"y" * 65_536] * 320))
    assert endless == b"" or status(endless) == 431  # whoever sends on may be cut off before the answer is read
    many = talk(port, start, *([b"a: b\r\n" * 100] * 200))
    assert many == b"" or status(many) == 431
    address = talk(port, b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n")
    assert status(address) == 431
    trailers = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
    talk(port, trailers.encode() + b"0\r\nX: ", *([b"y" * 65_536] * 320))
    assert resident(process) < before + 24


@asynccontextmanager
async def serving(app: Any, **more: Any) -> AsyncIterator[int]:
    """A server of this very process, whose times a test can shorten."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, http=HttpConnection, ws="none", lifespan="off", log_level="error", **more)
    )
    running = asyncio.create_task(server._serve())  # without its handlers of signals
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield port
    finally:
        server.should_exit = server.force_exit = True
        await running


async def test_what_drips_in_is_given_up(site_of: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.5)
    async with serving(site_of()) as port:
        head = f"POST /review HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{FORM}\r\nContent-Length: 900\r\n\r\n".encode()
        drops = [b"a"] * 200
        found = await asyncio.gather(
            asyncio.to_thread(talk, port, head, seconds=20),
            asyncio.to_thread(talk, port, head, *drops, pause=0.02, seconds=20),
            asyncio.to_thread(talk, port, b"GET / HTTP/1.1\r\n", seconds=20),
            asyncio.to_thread(talk, port, b"GET / HTTP/1.1\r\nX: ", *drops, pause=0.02, seconds=20),
            asyncio.to_thread(talk, port, seconds=20),
        )
        *late, silent = found
        assert [status(each) for each in late] == [408] * 4
        assert silent == b""


async def test_beyond_its_connections_a_server_says_when_to_come_back_and_still_tells_probes(
    site_of: MakeSite,
) -> None:
    async with serving(site_of(), limit_concurrency=3) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        try:
            busy = await asyncio.to_thread(talk, port, b"GET /notes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert status(busy) == 503
            assert b"Retry-After: 5" in busy
            probe = await asyncio.to_thread(
                talk, port, b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            )
            assert status(probe) == 404  # the application's own answer: this site has no probes
        finally:
            for each in held:
                each.close()


async def test_nothing_that_was_sent_is_kept_by_the_frameworks_parsers(client: Client) -> None:
    caches = (_parsers.parse_query_string, _parsers.parse_cookie_string, _parsers.parse_url_encoded_form_data)
    before = [each.cache_info().misses for each in caches]
    client.cookies.set("who", "nobody")
    assert (await client.get("/notes?a=never+before")).status_code == 200
    assert (await client.get("/search?q=never+before")).text == "12"
    assert (await client.get("/nowhere?a=never+before")).status_code == 404
    assert (await client.form("/notes?b=never+before", {"title": "new"})).status_code == 303
    assert [each.cache_info().misses for each in caches] == before


async def test_files_are_taken_where_they_are_expected_only(client: Client) -> None:
    answer = await client.form("/notes", {"title": "new"}, files={"file": ("a.txt", b"x")})
    assert answer.status_code == 415
