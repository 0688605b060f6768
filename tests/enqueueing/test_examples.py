"""The programs in examples/ work, and a type checker agrees with them about the installed package."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.kinds import BUILT_IN
from holdgate.tasks import kinds
from holdgate.testing import KindTester
from tests import wheels
from tests.servers import Servers

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CHECKED = """
from holdgate import AsyncClient, Client
from refunds import PayRefund, Transfer, pay_refund
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session


async def used(later: AsyncSession, now: Session, api: Client) -> None:
    reveal_type(pay_refund)
    reveal_type(await pay_refund.enqueue(later, PayRefund("A7", 1)))
    reveal_type(pay_refund.enqueue_many(now, [PayRefund("A7", 1)], priority=9))
    reveal_type(pay_refund.enqueue(api, PayRefund("A7", 1)))
    reveal_type(pay_refund.read_result({}))
    async with AsyncClient("https://h", "t") as hold:
        reveal_type(await hold.wait("id"))
        reveal_type([each.state async for each in hold.iter_tasks()])
        reveal_type(await hold.enqueue(pay_refund, PayRefund("A7", 1), unique="A7"))
    reveal_type(api.enqueue("refund.pay", {"order": "A7"}))
    reveal_type(api.task)
    pay_refund.enqueue(now, Transfer("T", 1))
    pay_refund.enqueue(now, PayRefund("A7", 1), prio=9)
    pay_refund.enqueue(object(), PayRefund("A7", 1))
    api.enqueue(pay_refund, Transfer("T", 1))
    api.wait("id", minutes=3)
"""
WRONG = ["20", "21", "22", "23", "24"]  # another payload, an unknown option, a place that is none; by a client the same
REVEALED = ("Kind[PayRefund, Transfer]", "UUID", "list[UUID]", "Transfer", "TaskDetail", "list[str]")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports an example. Its modules and kinds are gone after the test."""
    for built_in in BUILT_IN:
        import_module(built_in)  # before: what is imported first by a test would be gone after it as well
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield import_module
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[None]:
    yield
    async with database.write("system") as session:
        await session.execute(text("DROP TABLE IF EXISTS public.shop_refunds, shop_refunds"))


async def agreed(database: Database, settings: Settings) -> list[str]:
    """Two people approve what was enqueued; the state and the result of each task."""
    async with database.read() as session:
        tasks = list((await session.execute(text("SELECT id FROM tasks WHERE kind = 'refund.pay'"))).scalars())
    found = []
    async with KindTester(database, settings) as tester:
        for task in tasks:
            assert await tester.run(task) == "pending_approval"
            await tester.approve(task, by="ann@shop.example")
            await tester.approve(task, by="bob@shop.example")
            found.append(f"{await tester.finish(task)} {(await tester.result(task))['cents']}")
    return found


@pytest.mark.usefixtures("shop")
async def test_a_refund_of_the_fastapi_shop_is_there_with_its_row_or_not_at_all(
    example: Any, servers: Servers, database: Database, settings: Settings
) -> None:
    app = example("fastapi_shop").create_app(servers.database_url)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://s") as shop:
        made = [await shop.post("/orders/A7/refund?cents=1250") for _ in range(2)]
        assert {answer.status_code for answer in made} == {202} and made[0].json() == made[1].json()
        assert (await shop.post("/orders/A8/refund?cents=60000")).status_code == 409
    assert await agreed(database, settings) == ["succeeded 1250"]
    async with database.read() as session:
        kept = await session.execute(text('SELECT "order", cents FROM shop_refunds'))
        assert [tuple(row) for row in kept] == [("A7", 1250)]


@pytest.mark.usefixtures("shop")
async def test_so_is_one_of_the_flask_shop(
    example: Any, servers: Servers, database: Database, settings: Settings
) -> None:
    shop = example("flask_shop").create_app(servers.database_url.replace("+asyncpg", "")).test_client()
    made = [shop.post("/orders/A7/refund?cents=1250") for _ in range(2)]
    assert {answer.status_code for answer in made} == {202} and made[0].json == made[1].json
    assert shop.post("/orders/A8/refund?cents=60000").status_code == 409
    assert await agreed(database, settings) == ["succeeded 1250"]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples beside an environment with the wheel; its other packages are ours, by a path."""
    place = tmp_path_factory.mktemp("product")
    files = {f"examples/{path.name}": path.read_text() for path in EXAMPLES.glob("*.py")}
    wheels.install(wheels.build(place), place, files)
    (place / "checked.py").write_text(CHECKED)
    return place


def _pyright_missing() -> str:
    """Why pyright does not start here: it is a program for node, fetched by npm at its first start."""
    if shutil.which("node") is None:
        return "pyright is a program for node, which is not here: apt-get install nodejs npm"
    begun = subprocess.run([sys.executable, "-m", "pyright", "--version"], capture_output=True, text=True)
    return "" if begun.returncode == 0 else f"pyright does not start, npm could not fetch it: {begun.stderr[-300:]}"


CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", "--python-executable=venv/bin/python"],
    "pyright": ["-m", "pyright", "--pythonpath=venv/bin/python"],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_agree_about_the_installed_package(checker: str, product: Path) -> None:
    if checker == "pyright" and (missing := _pyright_missing()):
        pytest.skip(missing)
    (product / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "extraPaths": ["examples"]}')
    done = subprocess.run(
        [sys.executable, *CHECKERS[checker], "examples", "checked.py"],
        cwd=product,
        env={**os.environ, "MYPYPATH": "examples"},
        capture_output=True,
        text=True,
    )
    told = done.stdout + done.stderr
    assert sorted({*re.findall(r"(\w+)\.py:(\d+)\b.* error: ", told)}) == [("checked", line) for line in WRONG], told
    plain = re.sub(r"\b(checked|refunds|uuid)\.", "", told)
    assert all(f'{name}"' in plain for name in REVEALED), told
