"""Every check of the doctor says when something is wrong: each made wrong on real servers."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from redis.asyncio import Redis
from sqlalchemy import event, text

from holdgate.asgi import create_app
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.doctor import checks_core, checks_external
from holdgate.doctor.findings import Bounds, Check, Finding, Health, Installation, examine
from holdgate.embedded import valkey
from holdgate.runtime import workers
from holdgate.schema import head
from holdgate.tasks import kinds
from holdgate.tasks.states import TaskState
from tests.command import command
from tests.company_network import Authority
from tests.conftest import with_name
from tests.elements import elements, texts
from tests.factories.approvals import principal
from tests.factories.site import browser_of, site_of, stranger
from tests.factories.tasks import make_task
from tests.factories.workers import until
from tests.kinds.odd_site import data, odd_site
from tests.mail.smtp_server import MailServer, serving
from tests.processes import environment, free_port
from tests.servers import Servers


@pytest.fixture
def patient(settings: Settings, database: Database, redis: Redis) -> Installation:
    return Installation(settings=settings, database=database, redis=redis, head=head())


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[Redis]:
    """A Valkey that a test may set as it likes."""
    client = Redis.from_url(valkey.start(tmp_path / "own"))
    yield client
    await client.aclose()
    valkey.stop(tmp_path / "own")


def with_(patient: Installation, **changes: object) -> Installation:
    return msgspec.structs.replace(patient, **changes)


def with_settings(patient: Installation, **changes: object) -> Installation:
    return with_(patient, settings=msgspec.structs.replace(patient.settings, **changes))


async def beat(database: Database, **more: object) -> None:
    values: dict[str, object] = {"queues": {"default": 5}, "draining": False, "swept": 0.0, **more}
    async with database.write("system") as session:
        await workers.beat(session, uuid7(), "h", 1, in_hand=0, **values)  # type: ignore[arg-type]


async def test_a_sound_installation_has_nothing_to_say_against(
    patient: Installation, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_core, "SLOW_MS", 60_000)  # tests beside it may take the processors
    await beat(database)
    sound = with_settings(patient, secret_keys=("9fQk27Lz-bVwXr81mTnPcYdEs50hGjUa",))
    for report in await examine(
        sound, {**checks_core.CHECKS, "Files": checks_external.files, "Wake-ups": checks_core.wakeups}
    ):
        assert report.health is Health.OK, report
        assert report.do == ""


async def test_a_database_that_is_away_fails_and_every_check_still_answers(patient: Installation) -> None:
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", name="tests")
    reports = await examine(with_(patient, database=nowhere), checks_core.CHECKS)
    assert len(reports) == len(checks_core.CHECKS)
    states = {report.check: report for report in reports}
    assert states["Database"].health is Health.FAIL and states["Sweeper"].health is Health.FAIL
    assert states["Redis"].health is Health.OK
    assert "DATABASE_URL" in states["Database"].do
    await nowhere.dispose()


async def test_a_slow_answer_is_a_warning(patient: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_core, "SLOW_MS", 0.0)
    assert (await checks_core.database(patient)).health is Health.WARN


CODE = """
from holdgate import Context, kind


@kind("shop.pay")
async def pay(ctx: Context, payload: dict[str, str]) -> None:
    await ctx.step("look up", look_up)
    for number in range(2):
        await ctx.step(f"pay {number}", look_up)


async def look_up() -> None: ...
"""


async def test_finished_steps_that_the_code_has_no_more_are_named(
    patient: Installation, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "_CATALOGUE", dict(kinds._CATALOGUE))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shop_of_the_doctor.py").write_text(CODE)
    import_module("shop_of_the_doctor")
    task_id = await make_task(database, kind="shop.pay", payload={}, state=TaskState.RETRYING)
    async with database.engine.begin() as connection:
        store = text("INSERT INTO task_steps (task_id, name, attempt, result) VALUES (:task, :name, 1, 'null')")
        for name in ("look up", "pay 1"):
            await connection.execute(store, {"task": task_id, "name": name})
    assert (await checks_core.stored_steps(patient)).health is Health.OK
    async with database.engine.begin() as connection:
        await connection.execute(store, {"task": task_id, "name": "find"})
    found = await checks_core.stored_steps(patient)
    assert found.health is Health.WARN and "'find' of shop.pay" in found.says and str(task_id) in found.says


async def test_a_schema_of_another_release_fails(patient: Installation) -> None:
    assert (await checks_core.migrations(with_(patient, head="9999"))).health is Health.FAIL
    empty = Database(with_name(patient.settings.database_url, "postgres"), name="tests")
    found = await checks_core.migrations(with_(patient, database=empty))
    await empty.dispose()
    assert found.health is Health.FAIL and "at nothing" in found.says


async def test_a_newer_schema_is_a_warning(patient: Installation) -> None:
    found = await checks_core.migrations(with_(patient, head="0000"))
    assert found.health is Health.WARN and "newer than this release needs (0000)" in found.says


async def test_a_missing_index_fails_by_name(patient: Installation, database: Database) -> None:
    async with database.engine.connect() as connection:
        before = (await connection.execute(text("SELECT pg_get_indexdef('tasks_due_idx'::regclass)"))).scalar_one()
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP INDEX tasks_due_idx"))
    try:
        found = await checks_core.indexes(patient)
    finally:
        async with database.engine.begin() as connection:
            await connection.execute(text(before))
    assert found.health is Health.FAIL and "tasks_due_idx" in found.says
    assert (await checks_core.indexes(patient)).health is Health.OK


async def test_an_index_whose_building_broke_off_is_a_warning(patient: Installation, database: Database) -> None:
    await make_task(database)
    await make_task(database)
    url = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with url.connect() as connection:
        with pytest.raises(Exception, match="unique index"):
            await connection.execute(text("CREATE UNIQUE INDEX CONCURRENTLY broken_idx ON tasks (kind)"))
        try:
            found = await checks_core.indexes(patient)
        finally:
            await connection.execute(text("DROP INDEX broken_idx"))
    assert found.health is Health.WARN and "broken_idx" in found.says


async def test_a_machine_whose_clock_is_off_is_a_warning(patient: Installation) -> None:
    found = await checks_core.clocks(with_(patient, clock=lambda: time.time() + 30))
    assert found.health is Health.WARN and re.search(r"this machine \+(29\.9|30\.0)", found.says)
    assert (await checks_core.clocks(patient)).health is Health.OK


async def test_a_redis_that_is_away_fails(patient: Installation) -> None:
    gone = Redis.from_url("redis://127.0.0.1:1")
    assert (await checks_core.redis(with_(patient, redis=gone))).health is Health.FAIL
    assert (await checks_core.wakeups(with_(patient, redis=gone))).health is Health.WARN


async def test_a_redis_that_drops_keys_is_a_warning(patient: Installation, own_redis: Redis) -> None:
    looked_at = with_(patient, redis=own_redis)
    assert (await checks_core.redis(looked_at)).health is Health.OK
    await own_redis.config_set("maxmemory", 100_000_000)
    await own_redis.config_set("maxmemory-policy", "allkeys-lru")
    found = await checks_core.redis(looked_at)
    assert found.health is Health.WARN and "allkeys-lru" in found.says


async def test_a_user_of_redis_who_may_not_ring_is_a_warning(
    patient: Installation, own_redis: Redis, tmp_path: Path
) -> None:
    await own_redis.execute_command("ACL", "SETUSER", "mute", "on", ">pw", "~*", "+@all", "resetchannels")
    mute = Redis.from_url(valkey.url(tmp_path / "own"), username="mute", password="pw")
    found = await checks_core.wakeups(with_(patient, redis=mute))
    await mute.aclose()
    assert found.health is Health.WARN and "PUBLISH" in found.do
    assert (await checks_core.wakeups(with_(patient, redis=own_redis))).health is Health.OK


async def test_no_worker_fails_and_a_lost_one_is_a_warning(patient: Installation, database: Database) -> None:
    assert (await checks_core.workers(patient)).health is Health.FAIL
    await beat(database)
    await beat(database)
    assert (await checks_core.workers(patient)).health is Health.OK
    async with database.write("system") as session:
        one = "(SELECT id FROM workers LIMIT 1)"
        row = f"UPDATE workers SET seen_at = now() - interval '5 minutes' WHERE id = {one}"
        await session.execute(text(row))
    assert (await checks_core.workers(patient)).health is Health.WARN


async def test_a_sweeper_that_stands_still_fails_though_its_worker_lives(
    patient: Installation, database: Database
) -> None:
    assert (await checks_core.sweeper(patient)).health is Health.FAIL
    await beat(database, swept=None)
    started = await checks_core.sweeper(patient)
    assert started.health is Health.WARN and "few seconds" in started.do
    async with database.write("system") as session:
        await session.execute(text("UPDATE workers SET started_at = now() - interval '1 minute'"))
    assert (await checks_core.sweeper(patient)).health is Health.FAIL
    await beat(database, swept=300.0)
    found = await checks_core.sweeper(patient)
    assert found.health is Health.FAIL and "300 s" in found.says
    await beat(database)
    assert (await checks_core.sweeper(patient)).health is Health.OK


async def test_an_old_transaction_is_named_with_the_way_to_end_it(patient: Installation, settings: Settings) -> None:
    other = Database(settings.database_url, name="somebody's psql", pool_size=1)
    bounds = Bounds(transaction_warn=timedelta(milliseconds=1), transaction_fail=timedelta(minutes=10))
    async with other.read() as session:
        [pid] = (await session.execute(text("SELECT pg_backend_pid() FROM pg_sleep(0.01)"))).scalars()

        async def is_the_oldest() -> bool:  # other tests use this server, and some leave a connection behind
            return "somebody's psql" in (await checks_core.oldest_transaction(with_(patient, bounds=bounds))).says

        await until(is_the_oldest, 90)
        warned = await checks_core.oldest_transaction(with_(patient, bounds=bounds))
        strict = msgspec.structs.replace(bounds, transaction_fail=timedelta(milliseconds=1))
        failed = await checks_core.oldest_transaction(with_(patient, bounds=strict))
    await other.dispose()
    assert (warned.health, failed.health) == (Health.WARN, Health.FAIL)
    assert "somebody's psql" in warned.says and f"pg_terminate_backend({pid})" in warned.do


async def test_a_table_of_dead_rows_is_a_warning(patient: Installation, database: Database) -> None:
    await beat(database)
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE workers SET (autovacuum_enabled = false)"))
    try:
        for _ in range(60):
            async with database.engine.begin() as connection:
                await connection.execute(text("UPDATE workers SET host = host || 'x', queues = queues"))
                await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        # Updates in place may be pruned as they go: deleted rows stay until somebody vacuums.
        async with database.engine.begin() as connection:
            for _ in range(300):
                await connection.execute(
                    text("INSERT INTO workers (id, host, pid, queues) VALUES (gen_random_uuid(), 'h', 1, '{}')")
                )
            await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        async with database.engine.begin() as connection:
            await connection.execute(text("DELETE FROM workers"))
            await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        async with asyncio.timeout(10):
            while (
                found := await checks_core.dead_tuples(with_(patient, bounds=Bounds(dead_rows=100)))
            ).health is Health.OK:
                await asyncio.sleep(0.1)
    finally:
        async with database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE workers RESET (autovacuum_enabled)"))
    assert found.health is Health.WARN and "workers" in found.says and "VACUUM" in found.do


async def test_tasks_that_nobody_serves_fail_by_queue_and_kind(patient: Installation, database: Database) -> None:
    await beat(database)
    await make_task(database, queue="forgotten")
    found = await checks_core.served(patient)
    assert found.health is Health.FAIL and "1 × test.nothing in forgotten" in found.says


@pytest.mark.parametrize("key", ["k3y", "a" * 64, "change-me-before-production-0123456789"])
async def test_a_guessable_key_warns_in_development_and_fails_in_production(patient: Installation, key: str) -> None:
    weak = with_settings(patient, secret_keys=(key,))
    assert (await checks_core.secret_keys(weak)).health is Health.WARN
    found = await checks_core.secret_keys(with_settings(weak, environment="production"))
    assert found.health is Health.FAIL
    assert key not in found.says + found.do
    assert (await checks_core.secret_keys(with_settings(patient, secret_keys=()))).health is Health.WARN


async def test_settings_that_are_unwise_in_production_are_listed(patient: Installation) -> None:
    open_ = with_settings(patient, environment="production", signup="open")
    found = await checks_core.production(open_)
    assert found.health is Health.WARN
    assert all(name in found.says for name in ("METRICS_TOKEN", "BASE_URL", "ALLOW_PRIVATE_ADDRESSES", "SIGNUP"))
    closed = with_settings(
        patient, environment="production", metrics_token="t", base_url="https://h", allow_private_addresses=False
    )
    assert (await checks_core.production(closed)).health is Health.OK


async def test_mail_is_tried_up_to_the_sender_and_none_is_sent(patient: Installation) -> None:
    async with serving() as server:
        looked_at = with_settings(patient, smtp_url=server.url)
        assert (await checks_external.mail(looked_at)).health is Health.OK
        assert server.accepted == []
        found = await checks_external.mail(with_(looked_at, send_to="ann@example.org"))
        assert found.health is Health.OK
        assert server.recipients == ["ann@example.org"] and b"Subject: Holdgate: test email" in server.accepted[0]


@pytest.mark.parametrize("answer", ["550 5.7.1 not from you", MailServer.DROP])
async def test_a_mail_server_that_refuses_us_fails(patient: Installation, answer: str) -> None:
    async with serving() as server:
        server.answers["MAIL"] = answer
        assert (await checks_external.mail(with_settings(patient, smtp_url=server.url))).health is Health.FAIL


async def test_no_mail_server_at_all_fails_without_its_password(patient: Installation) -> None:
    found = await checks_external.mail(with_settings(patient, smtp_url="smtp://robot:pa55word@127.0.0.1:1"))
    assert found.health is Health.FAIL and "pa55word" not in found.says
    production = with_settings(patient, smtp_url="", environment="production")
    assert (await checks_external.mail(production)).health is Health.FAIL


async def test_a_store_that_cannot_be_written_fails(patient: Installation) -> None:
    assert (await checks_external.files(patient)).health is Health.OK
    found = await checks_external.files(with_settings(patient, artifacts_url="file:///dev/null/artifacts"))
    assert found.health is Health.FAIL and "ARTIFACTS_URL" in found.do


class Proxy:
    """In front of the real site, changing what a careless proxy changes."""

    def __init__(self, settings: Settings, headers: dict[bytes, bytes]) -> None:
        self._site, self._headers = create_app(settings), headers

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"])  # type: ignore[call-overload]
            scope = {**scope, "headers": list({**given, **self._headers}.items())}
        await self._site(scope, receive, send)  # type: ignore[arg-type]


async def through(patient: Installation, headers: dict[bytes, bytes], **changes: object) -> Finding:
    """The check of the public address, with a proxy that sets `headers`."""
    port = free_port()
    looked_at = with_settings(patient, base_url=f"http://127.0.0.1:{port}")
    proxy = Proxy(looked_at.settings, headers)
    server = uvicorn.Server(uvicorn.Config(proxy, port=port, log_config=None, proxy_headers=False))
    serving_ = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        return await checks_external.public_url(with_settings(looked_at, **changes))
    finally:
        server.should_exit = True
        await serving_


@pytest.mark.slow
async def test_the_public_address_is_asked_and_proxies_are_judged(patient: Installation) -> None:
    assert (await through(patient, {})).health is Health.OK
    renamed = await through(patient, {b"host": b"backend:8000"})
    assert renamed.health is Health.FAIL and "backend:8000" in renamed.says
    unbelieved = await through(patient, {b"x-forwarded-for": b"203.0.113.9"})
    assert unbelieved.health is Health.WARN and "FORWARDED_ALLOW_IPS" in unbelieved.do


async def test_another_site_at_the_public_address_fails(patient: Installation) -> None:
    found = await through(patient, {}, secret_keys=("another-installations-key-9fQk27Lz-bVwXr81m",))
    assert found.health is Health.FAIL and "SECRET_KEY" in found.do
    nobody = with_settings(patient, base_url="http://127.0.0.1:1")
    assert (await checks_external.public_url(nobody)).health is Health.FAIL


async def test_a_certificate_of_the_companys_own_authority_leads_to_the_setting(
    patient: Installation, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    async with odd_site(data("{}"), tls=authority.server("localhost")) as site:
        unknown = with_settings(patient, base_url=f"https://localhost:{site.port}")
        assert "CA_FILE" in (await checks_external.public_url(unknown)).do
        known = with_settings(unknown, ca_file=str(authority.file))
        assert "not as this Holdgate would" in (await checks_external.public_url(known)).says


async def test_a_proxy_before_nobody_leads_to_the_web_server(patient: Installation) -> None:
    async with odd_site(data("", "502 Bad Gateway")) as site:
        found = await checks_external.public_url(with_settings(patient, base_url=site.url))
    assert found.health is Health.FAIL and "HOST and PORT" in found.do


async def test_strangers_are_not_told_how_their_request_arrives(
    settings: Settings, database: Database, redis: Redis
) -> None:
    async with site_of(settings, database, redis) as site, stranger(site) as anybody:
        answer = await anybody.get("/livez", headers={"X-Holdgate-Doctor": "made.up.by-me"})
    assert answer.json() == {"status": "ok"}


async def test_a_check_that_breaks_is_a_finding_and_not_the_end(patient: Installation) -> None:
    async def breaks(_: Installation) -> Finding:
        raise ValueError("with hg_0123456789abcdefghij in it")

    checks: dict[str, Check] = {"Broken": breaks, "Redis": checks_core.redis}
    broken, sound = await examine(patient, checks)
    assert broken.health is Health.FAIL and "hg_0123" not in broken.says
    assert sound.health is Health.OK


async def test_the_command_says_it_for_people_and_programs_and_by_its_status(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    environ = environment(servers, tmp_path, BASE_URL="http://127.0.0.1:1")
    people = await command(environ, "doctor")
    assert people.exit_code == 2, people.stderr
    assert "FAIL  Workers: No worker runs." in people.stdout
    assert "      → Start one: holdgate worker." in people.stdout
    programs = await command(environ, "doctor", "--json")
    found = json.loads(programs.stdout)
    assert found["health"] == "fail"
    assert {check["check"] for check in found["checks"]} == {*checks_core.CHECKS, *checks_external.CHECKS}
    assert environ["SECRET_KEY"] not in people.stdout + programs.stdout


@contextmanager
def counting(database: Database, said: list[str]) -> Iterator[None]:
    """Every statement goes into `said`."""

    def note(*given: Any) -> None:
        said.append(given[2])

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def test_the_page_is_for_administrators_and_says_the_same(
    settings: Settings, database: Database, redis: Redis
) -> None:
    admin, member = await principal(database, "admin@example.org", admin=True), await principal(database)
    async with site_of(settings, database, redis) as site:
        assert (await browser_of(site, member).get("/admin/health")).status_code == 403
        said: list[str] = []
        with counting(database, said):
            quick = await browser_of(site, admin).get("/admin/health")
        assert len(said) <= 12, said
        whole = await browser_of(site, admin).get("/admin/health?all=yes")
    assert quick.status_code == whole.status_code == 200
    assert "holdgate worker" in texts(quick, "tr", id="check-workers")[0]
    assert elements(whole, "tr", id="check-public-address") and not elements(quick, "tr", id="check-public-address")
