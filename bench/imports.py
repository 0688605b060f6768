"""How long 10,000 postings take to be imported, by page and by API, and whether the web server's memory stays flat.

One web server on real, durable servers. Each round has a file of its own of nearly 10 MB: through the page it is
uploaded, previewed (its first and its last page) and confirmed; through the API it is sent in one request. The last
round sends its file once more: every posting is known, and looked at for changes. The resident memory is read after
each, and every 20 ms for its peak. Goal: 20 seconds, and a peak in the last round that is not above the second's.

Usage: python -m bench.imports [rounds] [rows]
"""

import asyncio
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy.engine import make_url

import holdgate.kinds.email_send  # noqa: F401
from bench.live import create
from holdgate.accounts import queries
from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.core.db import Database
from holdgate.core.tokens import digest, mint
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from tests import processes
from tests.servers import Servers

HOME = Path(".holdgate/bench-imports")
GOAL = 20.0  # seconds
BYTES = 9_900_000
WORDS = ("kiln", "glaze", "firing", "studio", "slip", "stoneware", "porcelain", "apprentice", "weekend", "wages")


def table(round: int, rows: int) -> bytes:
    """As a spreadsheet would write it. Its description fills a row up to its share of what a file may hold."""
    lines = ["title,company,location,url,apply_url,description"]
    for n in range(rows):
        url = f"https://jobs{n % 50}.example/{round}/{n}"
        text = " ".join(WORDS[(n + k) % len(WORDS)] for k in range(1 + BYTES // rows // 8))
        row = f"Kiln technician {n % 700},Marl Pottery {n},Leeds,{url},{url}/apply,"
        lines.append(row + f'"<p>{text[: max(0, BYTES // rows - len(row) - 12)]}</p>"')
    return "\n".join(lines).encode()


def resident(pid: int) -> float:
    """MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """The peak of its resident memory within the block."""
    peak, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], resident(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


async def prepare(url: str) -> tuple[str, str]:
    """The session cookie of one person, and the token of another."""
    database = Database(url, name="bench")
    cookie = mint()
    async with database.write("system") as session:
        ann = await add_user(session, "ann@example.org")
        await queries.insert_session(session, digest(cookie), ann.id, address="", user_agent="bench")
        bob = await add_user(session, "bob@example.org")
        token = await create_token(session, bob.id, name="bench", scopes=USUAL)
    await database.dispose()
    return cookie, token


def token_in(page: httpx.Response) -> str:
    found = re.search(r'name="_csrf_token" value="([^"]+)"', page.raise_for_status().text)
    assert found is not None, "a form has a token"
    return found[1]


def by_page(client: httpx.Client, file: bytes) -> list[tuple[str, float]]:
    """Its parts, in seconds."""
    parts: list[tuple[str, float]] = []

    def timed(name: str, request: httpx.Response, began: float) -> httpx.Response:
        parts.append((name, time.perf_counter() - began))
        return request

    form = {"_csrf_token": token_in(client.get("/postings/import"))}
    began = time.perf_counter()
    sent = client.post("/postings/import", data=form, files={"file": ("jobs.csv", file)})
    assert sent.status_code == 303, sent.text[:500]
    timed("upload", sent, began)
    where, began = sent.headers["location"], time.perf_counter()
    page = timed("preview", client.get(where), began)
    last = max(map(int, re.findall(r"Page 1 of (\d+)", page.text)), default=1)
    began = time.perf_counter()
    timed("last page", client.get(where, params={"page": last}).raise_for_status(), began)
    form = {"_csrf_token": token_in(page)}
    began = time.perf_counter()
    confirmed = timed("confirm", client.post(where, data=form), began)
    assert confirmed.status_code == 303, confirmed.text[:500]
    return parts


def by_api(client: httpx.Client, token: str, file: bytes) -> list[tuple[str, float]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    began = time.perf_counter()
    client.post("/api/v1/postings/import", content=file, headers=headers).raise_for_status()
    return [("import", time.perf_counter() - began)]


def measure(client: httpx.Client, token: str, pid: int, rounds: int, rows: int) -> bool:
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; resident at the start: {resident(pid):.0f} MiB")
    peaks: list[float] = []
    slowest = 0.0
    for round in range(1, rounds + 1):
        peaks.append(0.0)
        file = table(round, rows)
        again = [file] if round < rounds else [file, file]
        for way, send in (("page", by_page), ("API", lambda to, content: by_api(to, token, content))):
            for n, content in enumerate(again):
                with watched(pid) as peak:
                    parts = send(client, content)
                peaks[-1] = max(peaks[-1], peak[0])
                seconds = sum(part for _, part in parts)
                slowest = max(slowest, seconds)
                told = ", ".join(f"{name} {part:.2f}" for name, part in parts)
                print(
                    f"round {round}, {way}{' again' if n else ''}: {seconds:.2f} s ({told}); "
                    f"peak {peak[0]:.0f} MiB, then {resident(pid):.0f} MiB; load {os.getloadavg()[0]:.1f}"
                )
    flat = len(peaks) < 3 or peaks[-1] <= peaks[1] * 1.05
    told = ", ".join(f"{peak:.0f}" for peak in peaks)
    print(
        f"slowest {slowest:.1f} s (goal: {GOAL:.0f}); peak of each round {told} MiB: {'flat' if flat else 'it grows'}"
    )
    return slowest <= GOAL and flat


def main() -> None:
    rounds, rows = (int(n) for n in (sys.argv[1:] + ["4", "10000"][len(sys.argv) - 1 :]))
    HOME.mkdir(parents=True, exist_ok=True)
    url, redis = postgres.start(HOME), valkey.start(HOME)
    url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    try:
        name = f"imports_{os.getpid()}"
        asyncio.run(create(url, name))
        url = make_url(url).set(database=name).render_as_string(hide_password=False)
        migrate(url)
        cookie, token = asyncio.run(prepare(url))
        port = processes.free_port()
        base = f"http://127.0.0.1:{port}"
        environ = {**processes.environment(Servers(url, redis), HOME), "BASE_URL": base}
        with (
            processes.web(environ, HOME / "web.log", port) as server,
            httpx.Client(base_url=base, cookies={"hg_session": cookie}, timeout=120) as client,
        ):
            good = measure(client, token, server.pid, rounds, rows)
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)
    if not good:
        raise SystemExit("Beyond the goal.")


if __name__ == "__main__":
    main()
