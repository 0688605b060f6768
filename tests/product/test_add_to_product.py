"""docs/add.md as it stands: a product whose package is `app`, a fresh environment, the wheel, and all six steps."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from tests import wheels
from tests.docs.pages import blocks
from tests.processes import environment, free_port
from tests.servers import Servers
from tests.type_checkers import CHECKERS, missing

FILES = {
    each.text.splitlines()[0].removeprefix("# "): each.text
    for each in blocks()
    if each.page == "docs/add.md" and each.language == "python"
}
PATIENCE = 60.0
REFUND = "/orders/{order}/refund?cents={cents}"


@pytest.fixture
def product(wheel: Path, tmp_path: Path) -> Path:
    """Steps 1 to 3: what `holdgate init` wrote is there, with the page's files in place of its own."""
    folder = tmp_path / "shop"
    programs = wheels.install(wheel, folder, {"app/__init__.py": "", "pyproject.toml": '[project]\nname = "shop"\n'})
    subprocess.run([programs / "holdgate", "init"], cwd=folder, check=True, capture_output=True)
    assert {"app/kinds.py", "tests/test_kinds.py"} < FILES.keys()
    for name in FILES:
        assert (folder / name).exists() == (name in ("app/kinds.py", "tests/test_kinds.py")), name
        (folder / name).write_text(FILES[name])
    return folder


@pytest.fixture
async def environ(product: Path, servers: Servers, database: Database) -> Any:
    port = free_port()
    given = environment(servers, product / "data", PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}")
    given |= {"DATABASE_URL": servers.database_url.replace("+asyncpg", ""), "PYTHONPATH": str(product)}
    del given["KINDS"]  # pyproject.toml has them
    yield given
    async with database.write("system") as session:
        await session.execute(text("DROP TABLE IF EXISTS public.refunds"))


@pytest.fixture
def start(product: Path, environ: dict[str, str]) -> Iterator[Callable[..., Path]]:
    """Starts a program of the environment; its log. All are ended."""
    with ExitStack() as running:

        def started(program: str, *arguments: str) -> Path:
            log = product / f"{program}-{arguments[0]}.log"
            out = running.enter_context(log.open("wb"))
            command = [str(product / "venv/bin/python"), "-m", program, *arguments]
            child = subprocess.Popen(command, cwd=product, env=environ, stdout=out, stderr=out)
            running.callback(child.wait, PATIENCE)
            running.callback(child.terminate)
            return log

        yield started


def answer(url: str, log: Path, method: str = "GET") -> tuple[int, Any]:
    """Waits for the server to come up."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(Request(url, method=method), timeout=PATIENCE) as found:
                return found.status, found.read()
        except HTTPError as refused:
            return refused.code, refused.read()
        except URLError:
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.1)


@pytest.mark.slow
async def test_the_page_holds_from_its_first_step_to_its_last(
    product: Path, environ: dict[str, str], start: Callable[..., Path], database: Database
) -> None:
    def run(*command: str, **more: str) -> str:
        done = subprocess.run(
            [str(product / "venv/bin/python"), "-m", *command],
            cwd=product,
            env={**environ, **more},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    run("holdgate.cli", "migrate")
    shop_port = free_port()
    web, worker = start("holdgate.cli", "web"), start("holdgate.cli", "worker")
    shop = start("uvicorn", "app.main:app", "--port", str(shop_port))
    at = f"http://127.0.0.1:{shop_port}"

    status, refused = answer(at + REFUND.format(order="A8", cents=60_000), shop, "POST")
    assert (status, b"more than this shop" in refused) == (409, True), shop.read_text()
    status, made = answer(at + REFUND.format(order="A7", cents=1250), shop, "POST")
    assert status == 202, shop.read_text()
    task = json.loads(made)["task"]
    async with database.read() as session:
        found = (await session.execute(text("SELECT id FROM tasks WHERE kind = 'refund.pay'"))).scalars()
        assert [str(id) for id in found] == [task], "the refused refund's task is there, too"

    assert answer(f"{environ['BASE_URL']}/livez", web)[0] == 200
    token = {}
    for person in ("ann", "bob"):
        run("holdgate.cli", "user", "add", f"{person}@example.org")
        scopes = ("--scope", "tasks:read", "--scope", "approvals:decide")
        token[person] = run("holdgate.cli", "token", "create", f"{person}@example.org", *scopes)
    said = ""
    ends = time.monotonic() + PATIENCE
    while "Pay 12.50 € back for order A7" not in said:
        assert time.monotonic() < ends, worker.read_text()
        said = run("approve", TOKEN=token["ann"])
    run("approve", TOKEN=token["bob"])
    while (state := await state_of(database, task)) != "succeeded":
        assert time.monotonic() < ends, (state, worker.read_text())


async def state_of(database: Database, task: str) -> str:
    async with database.read() as session:
        return str(
            (await session.execute(text("SELECT state, result FROM tasks WHERE id = :id"), {"id": task})).scalar()
        )


@pytest.mark.slow
def test_its_own_tests_pass_with_the_plugin(product: Path) -> None:
    said = wheels.run_tests(product, HOLDGATE_TEST_DATABASE_URL=os.environ["HOLDGATE_TEST_DATABASE"])
    assert wheels.outcomes(said) == {"test_two_people_approve_a_refund": "PASSED"}, said


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_find_nothing_in_it(checker: str, product: Path) -> None:
    if reason := missing(checker):
        pytest.skip(reason)
    (product / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = [sys.executable, *CHECKERS[checker], *(name for name in FILES)]
    done = subprocess.run(command, cwd=product, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
