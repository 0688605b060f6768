"""Django's view, the nightly report, the receiver of webhooks, and Holdgate below a path of a Starlette application."""

import asyncio
import re
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate import Client
from holdgate.accounts.service import add_user
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.schedules import registration, service
from holdgate.testing import KindTester
from holdgate.webhooks.events import message
from holdgate.webhooks.signing import new_secret, signed_headers
from tests.enqueueing.refunds import agreed
from tests.factories.programs import token_for
from tests.processes import environment, free_port
from tests.servers import Servers

PATIENCE = 60.0


@pytest.mark.usefixtures("shop")
async def test_a_view_of_django_enqueues_in_its_transaction(
    example: Any, servers: Servers, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", servers.database_url.replace("+asyncpg", ""))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "django_settings")

    def ask() -> list[Any]:
        """Django refuses its database to the thread of an event loop."""
        import django
        from django.db import connection
        from django.test import Client as Browser

        django.setup()
        browser = Browser()
        orders = ("A7/refund?cents=1250", "A7/refund?cents=1250", "A8/refund?cents=60000")
        try:
            return [browser.post(f"/orders/{order}") for order in orders]
        finally:
            connection.close()

    first, again, refused = await asyncio.to_thread(ask)
    assert (first.status_code, first.json()) == (202, again.json()) and refused.status_code == 409
    assert await agreed(database, settings) == ["succeeded 1250"]
    async with database.read() as session:
        kept = await session.execute(text('SELECT "order", cents FROM shop_refunds'))
        assert [tuple(row) for row in kept] == [("A7", 1250)]


async def test_the_nightly_report_comes_by_the_calendar_and_is_kept_as_a_file(
    example: Any, database: Database, settings: Settings
) -> None:
    owner = example("nightly_report").OWNER
    async with database.write("system") as session:
        await add_user(session, owner)
        await registration.write_down(session)
        await session.execute(text("UPDATE schedules SET next_at = now() - interval '1 minute'"))
        assert await service.fire_due(session) == 1
        [task] = (await session.execute(text("SELECT id FROM tasks WHERE kind = 'report.nightly'"))).scalars()
    async with KindTester(database, settings) as tester:
        assert await tester.run(task) == "succeeded"
        stored = await tester.result(task)
    assert (stored["name"], stored["size"]) == ("refunds.csv", len("order,cents\r\nA7,1250\r\nA9,400\r\n"))


async def test_the_receiver_takes_each_message_once_and_no_other(example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    receiver = example("webhook_receiver")
    now = datetime.now(UTC)
    body = message("task.succeeded", now, {"id": "T", "state": "succeeded"}).encode()
    headers = signed_headers("m1", int(now.timestamp()), body, [secret])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(receiver.app), base_url="http://r") as sender:
        sent = [await sender.post("/holdgate", content=body, headers=headers) for _ in range(2)]
        forged = await sender.post("/holdgate", content=body.replace(b"succeeded", b"cancelled"), headers=headers)
    assert ([each.status_code for each in sent], forged.status_code) == ([204, 204], 401)
    assert {id: each.type for id, each in receiver.SEEN.items()} == {"m1": "task.succeeded"}


@pytest.mark.slow
async def test_a_starlette_application_has_it_below_a_path(
    product: Path, servers: Servers, database: Database, tmp_path: Path
) -> None:
    async with database.write("system") as session:
        token = await token_for(session, (await add_user(session, "ann@example.org")).id)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environ = environment(servers, tmp_path, BASE_URL=f"{base}/holdgate", PYTHONPATH=str(product / "examples"))
    del environ["KINDS"]
    command = [str(product / "venv/bin/python"), "-m", "uvicorn", "starlette_host:app", "--port", str(port)]
    log = tmp_path / "host.log"
    with log.open("wb") as out:
        host = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=out, stderr=out)
    try:
        ends = time.monotonic() + PATIENCE
        while "Uvicorn running" not in log.read_text():
            assert host.poll() is None and time.monotonic() < ends, log.read_text()
            await asyncio.sleep(0.05)
        assert httpx.get(f"{base}/", timeout=PATIENCE).text == "The shop."
        page = httpx.get(f"{base}/holdgate/login", timeout=PATIENCE)
        addresses = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
        assert page.status_code == 200 and addresses
        assert [each for each in addresses if not each.startswith("/holdgate/")] == []
        with Client(environ["BASE_URL"], token, timeout=PATIENCE) as hold:
            made = hold.enqueue("sample.task", {"steps": 1})
            assert [each.id for each in hold.iter_tasks()] == [made]
            assert hold.get(f"/tasks/{made}")["state"] == "queued"
    finally:
        host.terminate()
        with suppress(subprocess.TimeoutExpired):
            host.wait(30)
    assert host.returncode is not None, "it does not end"
