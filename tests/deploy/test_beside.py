"""The wheel in the environment of somebody's product whose own package is called `app`."""

import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from redis.asyncio import Redis

from holdgate.core.db import Database
from tests import wheels
from tests.processes import environment, free_port
from tests.servers import Servers

PRODUCT = {
    "app/__init__.py": "",
    "app/core/__init__.py": "",
    "app/core/config.py": 'GREETING = "Hello from the product"\n',
    "app/kinds.py": """
from dataclasses import dataclass

from app.core.config import GREETING
from holdgate import Context, kind


@dataclass
class Greet:
    name: str


@kind("shop.greet")
async def greet(ctx: Context, payload: Greet) -> str:
    return f"{GREETING}, {payload.name}"
""",
}
PATIENCE = 60.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"holdgate", next(top for top in tops if top.endswith(".dist-info"))}
    inside = {name.split("/")[1] for name in names if name.startswith("holdgate/")}
    assert "sandbox" not in inside and "tests" not in inside
    assert {"py.typed", "files"} <= inside
    files = {name.split("/")[2] for name in names if name.startswith("holdgate/files/")}
    assert files == {"templates", "static", "migrations"}


@pytest.fixture
def product(wheel: Path, tmp_path: Path) -> Path:
    """A folder with a package `app` and an environment with the wheel; its other packages are ours, by a path."""
    wheels.install(wheel, tmp_path, PRODUCT)
    return tmp_path


@pytest.fixture
def around(product: Path, servers: Servers, database: Database, redis: Redis) -> Iterator[dict[str, str]]:
    port = free_port()
    given = environment(servers, product / "data", PORT=str(port), KINDS="app.kinds")
    del given["PYTHONPATH"]
    yield {**given, "BASE_URL": f"http://127.0.0.1:{port}"}


def test_web_and_worker_run_there_and_a_kind_of_the_product_does_its_work(
    product: Path, around: dict[str, str]
) -> None:
    command = product / "venv/bin/holdgate"

    def said(*arguments: str) -> str:
        done = subprocess.run([command, *arguments], cwd=product, env=around, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    where = "import app, holdgate; print(app.__file__, holdgate.__file__)"
    found = subprocess.check_output([product / "venv/bin/python", "-c", where], cwd=product, env=around, text=True)
    assert all(str(product) in path for path in found.split())
    said("user", "add", "dev@example.org")
    token = said("token", "create", "dev@example.org")
    log = product / "log"
    with log.open("ab") as out:
        children = [
            subprocess.Popen([command, each], cwd=product, env=around, stdout=out, stderr=out)
            for each in ("web", "worker")
        ]
    try:
        task = ask(around, token, log, "/tasks", {"kind": "shop.greet", "payload": {"name": "Ann"}})
        done = ask(around, token, log, f"/tasks/{task['id']}?wait=30")
        assert (done["state"], done["result"]) == ("succeeded", "Hello from the product, Ann"), log.read_text()
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(PATIENCE)


def ask(around: dict[str, str], token: str, log: Path, path: str, body: Any = None) -> Any:
    """The API's answer; waits for the server to come up."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{around['BASE_URL']}/api/v1{path}", data, headers)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except URLError as problem:
            assert time.monotonic() < deadline and not hasattr(problem, "code"), (problem, log.read_text())
            time.sleep(0.1)
