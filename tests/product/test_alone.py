"""The extras of the wheel, each alone in an environment of its own: they are enough, and they are light."""

import os
import subprocess
from pathlib import Path
from textwrap import dedent

from sqlalchemy import text

from holdgate.core.db import Database
from tests import wheels
from tests.processes import starts_within
from tests.servers import Servers

ID = "0192e0a5-7d3c-7a61-9a3e-0c4d5e6f7a8b"
# The oldest SQLAlchemy that `kinds` allows, as the wheel that fits every Python.
OLDEST = "sqlalchemy==2.0.40 --hash=sha256:32587e2e1e359276957e6fe5dad089758bc042a971a8a09ae8ecf7a8fe23d07a"
PRODUCT = """
import asyncio, os
from dataclasses import dataclass

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from holdgate import Context, kind


@dataclass
class PayRefund:
    order: str
    cents: int


@kind("refund.pay")
async def pay_refund(ctx: Context, refund: PayRefund) -> str:
    return refund.order


def blocking(url: str) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
    with Session(engine) as session:
        pay_refund.enqueue(session, PayRefund("rolled back", 1))
        session.rollback()
        pay_refund.enqueue(session, PayRefund("session", 1))
        session.commit()
    with engine.begin() as connection:
        pay_refund.enqueue_many(connection, [PayRefund("connection", 1), PayRefund("connection", 2)])


async def awaited(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql", "postgresql+asyncpg", 1))
    async with AsyncSession(engine) as session, session.begin():
        await pay_refund.enqueue(session, PayRefund("async session", 1), unique="order:A7")
    async with AsyncSession(engine) as session:
        await pay_refund.enqueue(session, PayRefund("rolled back", 1))
        await session.rollback()
    async with engine.begin() as connection:
        await pay_refund.enqueue(connection, PayRefund("async connection", 1))
    await engine.dispose()


blocking(os.environ["URL"])
asyncio.run(awaited(os.environ["URL"]))
print(sqlalchemy.__version__)
"""


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1_000_000


def test_the_client_is_small_and_a_program_asks_at_once(wheel: Path, tmp_path: Path) -> None:
    packages = wheels.install_alone(wheel, tmp_path, "client")
    holdgate = str(tmp_path / "venv/bin/holdgate")
    assert megabytes(packages) < 7
    asked = [holdgate, "ask", "--url", "x://nowhere", "--token", "hg_x", "--id", ID]
    environ = {"PATH": os.environ["PATH"]}  # byte code is written here, whatever our own environment says
    done = subprocess.run(asked, env=environ, capture_output=True, text=True)
    assert done.returncode == 2 and "does not answer" in done.stderr, done.stderr
    assert starts_within(0.3, asked, environ, status=2)
    assert starts_within(0.3, [holdgate, "--help"], environ)
    names = "from holdgate import AlreadyUsed, AsyncClient, Client, NotApproved, requires_approval, verify_webhook"
    subprocess.run([tmp_path / "venv/bin/python", "-c", names], env=environ, check=True)
    assert megabytes(packages) < 10, "with the byte code of what was used"


async def test_a_product_defines_and_enqueues_kinds_with_sqlalchemy_2_0_and_without_web_worker_or_redis(
    wheel: Path, tmp_path: Path, servers: Servers, database: Database
) -> None:
    packages = wheels.install_alone(wheel, tmp_path, "kinds", "psycopg", "psycopg-binary")
    assert {"litestar", "arq", "redis", "httpx", "alembic"}.isdisjoint(path.name for path in packages.iterdir())
    (tmp_path / "oldest.txt").write_text(OLDEST)
    wheels.pip(tmp_path, "--require-hashes", "--target", str(tmp_path / "older"), "-r", str(tmp_path / "oldest.txt"))
    url = servers.database_url.replace("+asyncpg", "")
    done = subprocess.run(
        [tmp_path / "venv/bin/python", "-W", "error::DeprecationWarning", "-c", dedent(PRODUCT)],
        env={"URL": url, "PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "older")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2.0.40"
    async with database.read() as session:
        made = (
            await session.execute(text("SELECT payload ->> 'order' FROM tasks WHERE kind = 'refund.pay'"))
        ).scalars()
        assert sorted(made) == ["async connection", "async session", "connection", "connection", "session"]
