"""The programs in examples/ work, and a type checker agrees with them about the installed package."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate.accounts.service import add_user
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests import processes
from tests.enqueueing.refunds import EXAMPLES, agreed
from tests.factories.programs import token_for
from tests.processes import environment, free_port
from tests.servers import Servers
from tests.type_checkers import CHECKERS, missing

# Django says its types to nobody.
TYPED = [f"examples/{path.name}" for path in EXAMPLES.glob("*.py") if not path.name.startswith("django_")]
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
    api.iter_tasks(stat="dead_letter")
    api.iter_approvals(mine="yes")
"""
WRONG = [
    "20",
    "21",
    "22",
    "23",
    "24",
    "25",
    "26",
]  # another payload, an unknown option, a place that is none; by a client the same
REVEALED = ("Kind[PayRefund, Transfer]", "UUID", "list[UUID]", "Transfer", "TaskDetail", "list[str]")


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
async def test_so_is_one_of_the_flask_shop_which_asks_by_the_api_how_far_it_is(
    example: Any,
    servers: Servers,
    database: Database,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with database.write("system") as session:
        owner = await add_user(session, "shop@shop.example")
        token = await token_for(session, owner.id)
    port = free_port()
    for name, value in (("BASE_URL", f"http://127.0.0.1:{port}"), ("TOKEN", token), ("OWNER", owner.email)):
        monkeypatch.setenv(name, value)
    shop = example("flask_shop").create_app(servers.database_url.replace("+asyncpg", "")).test_client()
    made = [shop.post("/orders/A7/refund?cents=1250") for _ in range(2)]
    assert {answer.status_code for answer in made} == {202} and made[0].json == made[1].json
    assert shop.post("/orders/A8/refund?cents=60000").status_code == 409
    with processes.web(environment(servers, tmp_path), tmp_path / "web.log", port):
        path = f"/refunds/{made[0].get_json()['task']}"
        assert shop.get(path).json == {"state": "queued", "waits_for": []}
        assert await agreed(database, settings) == ["succeeded 1250"]
        assert shop.get(path).json == {"state": "succeeded", "waits_for": ["Pay 12.50 € back for order A7"]}
        assert shop.get(f"/refunds/{owner.id}").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_agree_about_the_installed_package(checker: str, product: Path) -> None:
    if reason := missing(checker):
        pytest.skip(reason)
    (product / "checked.py").write_text(CHECKED)
    (product / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "extraPaths": ["examples"]}')
    done = subprocess.run(
        [sys.executable, *CHECKERS[checker], *TYPED, "checked.py"],
        cwd=product,
        env={**os.environ, "MYPYPATH": "examples"},
        capture_output=True,
        text=True,
    )
    told = done.stdout + done.stderr
    assert sorted({*re.findall(r"(\w+)\.py:(\d+)\b.* error: ", told)}) == [("checked", line) for line in WRONG], told
    plain = re.sub(r"\b(checked|refunds|uuid)\.", "", told)
    assert all(f'{name}"' in plain for name in REVEALED), told
