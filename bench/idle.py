"""What a web server and a worker cost while nothing happens: statements a second, processor and memory of each.

    python -m bench.idle [SECONDS]

Statements are those that PostgreSQL logs (log_statement = all) by the name that each process gives its connections, in
a window that begins once both have settled. Processor time and memory are the kernel's (/proc).
"""

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from holdgate.embedded import postgres, valkey
from holdgate.schema import migrate
from tests.processes import Process, environment, free_port, web, worker
from tests.servers import Servers

SETTLE = 15.0
TICKS = os.sysconf("SC_CLK_TCK")


def processor(pid: int) -> float:
    """Seconds of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> float:
    """Resident, in MB."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


async def log_statements(url: str, folder: Path) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    for name, value in (
        ("logging_collector", "on"),
        ("log_directory", str(folder)),
        ("log_filename", "statements.log"),
        ("log_statement", "all"),
        ("log_line_prefix", "%a: "),
    ):
        await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await connection.close()


def count(path: Path, since: int) -> tuple[int, dict[str, int]]:
    """The log's length, and statements by the name of the connection since then."""
    found: dict[str, int] = {}
    with path.open("rb") as log:
        log.seek(since)
        for line in log.read().decode(errors="replace").splitlines():
            if match := re.match(r"(.*?): LOG:  (?:statement|execute .*?): ", line):
                found[match[1]] = found.get(match[1], 0) + 1
        return log.tell(), found


def pid_of(process: Process) -> int:
    return process._child.pid


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="holdgate-idle-") as place:
        home = Path(place)
        home.chmod(0o777)  # the server that writes the log is another user's when this is root
        try:
            url = postgres.start(home, fast=True)
            asyncio.run(log_statements(url, home))
            postgres.stop(home)
            url = postgres.start(home, fast=True)  # the collector begins with the server
            migrate(url)
            port = free_port()
            environ = environment(Servers(url, valkey.start(home)), home, PORT=str(port), KINDS="")
            with web(environ, home / "web.log", port) as site, worker(environ, home / "worker.log") as works:
                time.sleep(SETTLE)
                at, _ = count(home / "statements.log", 0)
                began = {process: processor(pid_of(process)) for process in (site, works)}
                time.sleep(seconds)
                _, found = count(home / "statements.log", at)
                print(f"idle for {seconds:g} s")
                for name, process in (("web", site), ("worker", works)):
                    used = 100 * (processor(pid_of(process)) - began[process]) / seconds
                    made = found.get(f"holdgate {name}", 0) / seconds
                    print(f"{name:8}{made:6.1f} statements/s {used:6.2f} % of a core {memory(pid_of(process)):6.0f} MB")
        finally:
            postgres.stop(home)
            valkey.stop(home)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
