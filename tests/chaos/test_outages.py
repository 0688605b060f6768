"""What an outage writes to the logs, by real processes whose way to their servers is closed for a while.

The database is empty: workers would tell of what other tests have left.
"""

import asyncio
import json
from pathlib import Path

import httpx

from holdgate.core.db import Database
from tests.factories.workers import until
from tests.processes import Process, environment, free_port, web, worker
from tests.servers import Servers
from tests.silence import way_to

SECONDS = 12.0
LINES = 20 * SECONDS / 60  # as many as a minute may have, for the time that the test takes


def told(process: Process) -> list[dict[str, object]]:
    return [json.loads(line) for line in process.said().splitlines() if line.startswith("{")]


async def test_an_outage_is_told_by_a_line_at_each_end(database: Database, servers: Servers, tmp_path: Path) -> None:
    ports = free_port(), free_port()
    with way_to(servers.database_url) as (way, url):
        environ = environment(servers, tmp_path, DATABASE_URL=url, LOG_FORMAT="json", METRICS_PORT=str(ports[1]))
        with (
            worker(environ, tmp_path / "worker.log") as working,
            web(environ, tmp_path / "web.log", ports[0]) as serving,
        ):
            async with httpx.AsyncClient(timeout=10) as client:

                async def ready() -> bool:
                    urls = [f"http://127.0.0.1:{port}/readyz" for port in ports]
                    return all([(await client.get(url)).status_code == 200 for url in urls])

                await until(ready, 30)
                before = {process: len(told(process)) for process in (working, serving)}
                way.refuse(True)
                ends = asyncio.get_running_loop().time() + SECONDS
                while asyncio.get_running_loop().time() < ends:  # as a load balancer asks, twice a second
                    await client.get(f"http://127.0.0.1:{ports[0]}/readyz")
                    await asyncio.sleep(0.5)
                way.refuse(False)
                await until(ready, 30)

                async def back() -> bool:
                    await client.get(f"http://127.0.0.1:{ports[0]}/readyz")
                    return all("server_back" in process.said() for process in before)

                await until(back, 30)
            for process, count in before.items():
                lines = told(process)[count:]
                events = [line["event"] for line in lines]
                assert events.count("server_away") == events.count("server_back") == 1, lines
                assert len(lines) < LINES, lines
                away = next(line for line in lines if line["event"] == "server_away")
                assert away["server"] == "PostgreSQL"
                assert "Error" in str(away["error"])
                assert not [line for line in lines if line["event"] == "request"], lines  # probes say nothing


async def test_redis_that_is_away_is_told_by_one_line(database: Database, servers: Servers, tmp_path: Path) -> None:
    port = free_port()
    environ = environment(servers, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}", LOG_FORMAT="json")
    with (
        worker(environ, tmp_path / "worker.log") as working,
        web(environ, tmp_path / "web.log", port) as serving,
    ):
        async with httpx.AsyncClient(timeout=10) as client:
            ends = asyncio.get_running_loop().time() + SECONDS
            while asyncio.get_running_loop().time() < ends:
                await client.get(f"http://127.0.0.1:{port}/readyz")
                await client.get(f"http://127.0.0.1:{port}/login")
                await asyncio.sleep(0.5)
        for process in (working, serving):
            lines = [line for line in told(process) if line["event"] != "request"]
            assert [line["server"] for line in lines if line["event"] == "server_away"] == ["Redis"], lines
            assert len(lines) < LINES + 6, lines  # and those of a start
