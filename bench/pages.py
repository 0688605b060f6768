"""How long the web server takes for every page with a long history, beside the same pages with a short one.

Two databases on one server, one of 1,000,000 tasks and 5,000,000 events, one of 10,000 tasks, each with a web server
of its own. Every page is fetched from both in turn, so that the machine's moods reach both; what counts is the
95th percentile of the long one in milliseconds (goal: 50) and the ratio of the medians (goal: 1.5). Where more is found
in the long one, that is part of it: a search for one of 977 companies has 1,023 hits there and 10 in the short one, and
/dead-letters groups 20,000 open ones instead of 200. CPU is the processor time of the web server with the short one
for a page (goal for /tasks: 10 ms).

Usage: python -m bench.pages [--long 1000000] [--short 10000] [--rounds 40] [--append bench/RESULTS.md]
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median, quantiles

import httpx
from sqlalchemy import text

from bench.history import write_history
from bench.peers.places import GONE
from bench.peers.programs.holdgate import PRODUCTION
from holdgate.core.db import Database
from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from tests.pages import WITH_HISTORY

HOME = Path(".holdgate/bench-pages")
FIRST_PORT = 8970
WARM_UP = 5
METRICS_TOKEN = "a-token-for-bench-only-0123456789"
FRAGMENTS = ("/overview", "/runs", "/tasks", "/approvals", "/dead-letters")


class Site:
    """A web server on a database of `tasks` tasks."""

    def __init__(self, name: str, tasks: int, port: int, servers: tuple[str, str]) -> None:
        self.tasks = tasks
        self.port = port
        self.database_url = servers[0].replace("/holdgate?", f"/{name}?")
        self.redis_url = servers[1]
        self.token = ""
        self.pid = 0

    async def prepare(self, admin: Database, name: str) -> None:
        async with admin.engine.connect() as connection:
            free = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await free.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            await free.execute(text(f'CREATE DATABASE "{name}"'))
        await asyncio.to_thread(migrate, self.database_url)
        database = Database(self.database_url, name="bench")
        began = time.perf_counter()
        self.token = await write_history(database, self.tasks)
        async with database.read() as session:
            events = (await session.execute(text("SELECT count(*) FROM task_events"))).scalar_one()
        await database.dispose()
        print(f"{self.tasks:,} tasks with {events:,} events written in {time.perf_counter() - began:.0f} s")

    def serve(self, stack: ExitStack) -> httpx.Client:
        environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PORT": str(self.port),
            **PRODUCTION,
            "RATE_LIMIT_MAX": "1000000",
            "METRICS_TOKEN": METRICS_TOKEN,
        }
        command = ["uvicorn", "--factory", "holdgate.asgi:create", "--port", str(self.port), "--no-access-log"]
        log = stack.enter_context((HOME / f"web-{self.port}.log").open("wb"))
        server = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=log, stderr=log)
        self.pid = server.pid
        stack.callback(server.wait)
        stack.callback(server.terminate)
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", cookies={"hg_session": self.token}, timeout=120)
        stack.callback(client.close)
        while True:
            try:
                client.get("/livez")
                return client
            except httpx.TransportError:
                if server.poll() is not None:
                    raise SystemExit(f"The web server has ended at its start; see {log.name}.") from None
                time.sleep(0.1)


def found(client: httpx.Client, path: str, pattern: str) -> str:
    """The first id that a list links to."""
    id = re.search(pattern, client.get(path).text)
    if id is None:
        raise SystemExit(f"{path} links to nothing like {pattern}")
    return id[1]


def paths_of(client: httpx.Client) -> list[tuple[str, dict[str, str]]]:
    uuid = "([0-9a-f-]{36})"
    ids = {
        "task": found(client, "/tasks?state=dead_letter", f'href="/tasks/{uuid}"'),
        "run": found(client, "/runs", f'href="/runs/{uuid}"'),
        "approval": found(client, "/approvals?show=all", f'href="/approvals/{uuid}[?"]'),
    }
    pages: list[tuple[str, dict[str, str]]] = [(page.format(**ids), {}) for page in WITH_HISTORY]
    pages.append(("/metrics", {"Authorization": f"Bearer {METRICS_TOKEN}"}))
    return pages + [(page, {"HX-Request": "true"}) for page in FRAGMENTS]


def fetch(client: httpx.Client, path: str, headers: dict[str, str]) -> float:
    """Milliseconds from the request to the whole answer, on loopback."""
    began = time.perf_counter()
    answer = client.get(path, headers=headers)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[:500]}")
    return took


def p95(times: list[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[-1]


def cpu(pid: int) -> float:
    """Milliseconds that the threads of a process were on a processor (Linux)."""
    spent = 0
    for each in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(*GONE):
            spent += int(each.read_text().split()[0])
    return spent / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--long", type=int, default=1_000_000, help="tasks of the long history")
    parser.add_argument("--short", type=int, default=10_000, help="tasks of the short one")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--append", type=Path, default=None, help="where the table goes, too")
    given = parser.parse_args()
    servers = postgres.start(HOME), valkey.start(HOME)
    try:
        long = Site("history_long", given.long, FIRST_PORT, servers)
        short = Site("history_short", given.short, FIRST_PORT + 1, servers)

        async def prepare() -> None:
            admin = Database(servers[0], name="bench")
            await long.prepare(admin, "history_long")
            await short.prepare(admin, "history_short")
            await admin.dispose()

        asyncio.run(prepare())
        with ExitStack() as stack:
            table = measure(long.serve(stack), short.serve(stack), short.pid, given.rounds)
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)
    if given.append is not None:
        with given.append.open("a") as results:
            results.write(f"\n# Pages with {given.long:,} tasks beside {given.short:,}\n\n{table}")


def measure(long: httpx.Client, short: httpx.Client, pid: int, rounds: int) -> str:
    """The table, which is printed as it grows."""
    lines: list[str] = []

    def say(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    say("| page | long: median, ms | 95th percentile | short: median | 95th | ratio of medians | CPU, ms |")
    say("|---|---|---|---|---|---|---|")
    worst: list[tuple[float, str]] = []
    ratios: list[tuple[float, str]] = []
    for (path, headers), (other, _) in zip(paths_of(long), paths_of(short), strict=True):
        for _ in range(WARM_UP):
            fetch(long, path, headers), fetch(short, other, headers)
        before = cpu(pid)
        times = [(fetch(long, path, headers), fetch(short, other, headers)) for _ in range(rounds)]
        each = (cpu(pid) - before) / rounds
        ours, theirs = [pair[0] for pair in times], [pair[1] for pair in times]
        ratio = median(ours) / median(theirs)
        name = re.sub(r"[0-9a-f-]{36}", "…", path) + (" (fragment)" if "HX-Request" in headers else "")
        figures = (median(ours), p95(ours), median(theirs), p95(theirs))
        say(f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + f" | {ratio:.2f} | {each:.1f} |")
        worst.append((p95(ours), name))
        ratios.append((ratio, name))
    above = ", ".join(f"{name} {ratio:.2f}" for ratio, name in sorted(ratios, reverse=True) if ratio > 1.5)
    say(f"\nSlowest 95th percentile: {max(worst)[0]:.1f} ms, {max(worst)[1]}. Ratios above 1.5: {above or 'none'}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
