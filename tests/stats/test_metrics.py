"""/metrics says what is so, to whoever may know, at the same cost for any history; and the worker's own."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from redis.asyncio import Redis
from sqlalchemy import event

import holdgate.kinds.sample_task  # noqa: F401
from holdgate.asgi import create_app
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.telemetry.metrics import PROCESS
from holdgate.runtime import workers
from holdgate.runtime.sweeper import Sweeper
from holdgate.stats.counts import fold_events
from holdgate.tasks.queues import QueueVerb, act
from holdgate.tasks.search.lists import sweeper_age
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskState
from tests.factories.approvals import principal
from tests.factories.site import site_of, stranger
from tests.factories.tasks import make_task
from tests.factories.workers import until, until_state, working
from tests.processes import environment, free_port, worker
from tests.servers import Servers

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Label values (by label name) → number, of one sample name."""
    found = {}
    for family in parse_openmetrics(text):
        for sample in family.samples:
            if sample.name == name:
                found[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


async def scrape(settings: Settings, database: Database, redis: Redis, **headers: str) -> httpx.Response:
    async with site_of(settings, database, redis) as site, stranger(site) as prometheus:
        return await prometheus.get("/metrics", headers={**OPENMETRICS, **headers})


async def test_it_counts_tasks_beyond_the_watermark_and_below(
    settings: Settings, database: Database, redis: Redis
) -> None:
    await make_task(database, TaskState.DEAD_LETTER)
    await make_task(database, TaskState.RETRYING)
    async with database.write("system") as session:
        await fold_events(session)
    await make_task(database)
    text = (await scrape(settings, database, redis)).text
    assert values(text, "holdgate_dead_letters") == {(): 1}
    assert values(text, "holdgate_retries") == {(): 1}
    kind, queue = "test.nothing", "default"  # labels in the order of their names: kind, queue, state
    assert values(text, "holdgate_tasks") == {
        (kind, queue, "dead_letter"): 1,
        (kind, queue, "retrying"): 1,
        (kind, queue, "queued"): 1,
    }
    assert sum(values(text, "holdgate_queue_ready").values()) == 1
    [wait] = values(text, "holdgate_queue_oldest_wait_seconds").values()
    assert 0 < wait < 60
    assert sum(values(text, "holdgate_queue_unserved").values()) == 1


async def test_it_tells_workers_pauses_and_when_the_sweeper_last_swept(
    settings: Settings, database: Database, redis: Redis
) -> None:
    admin = await principal(database, admin=True)
    async with database.write("system") as session:
        await workers.beat(session, uuid7(), "h", 1, {"default": 5}, 0, False, None, 3.0)
        await workers.beat(session, uuid7(), "h", 2, {"default": 5}, 0, True, None, None)
        await act(session, admin, "default", QueueVerb.PAUSE)
    text = (await scrape(settings, database, redis)).text
    assert values(text, "holdgate_workers") == {("online",): 1, ("draining",): 1, ("lost",): 0}
    assert values(text, "holdgate_queue_paused")[("default",)] == 1
    assert 3 <= values(text, "holdgate_sweeper_age_seconds")[()] < 10


async def test_a_real_sweeper_notes_its_beats(settings: Settings, database: Database, redis: Redis) -> None:
    sweeper = Sweeper(database, settings)
    assert sweeper.age() is None
    async with asyncio.timeout(10):
        job = asyncio.create_task(sweeper.run())
        while sweeper.age() is None:
            await asyncio.sleep(0.01)
    job.cancel()
    age = sweeper.age()
    assert age is not None and age < 10


async def test_requests_are_counted_by_route_and_never_by_what_a_client_invents(
    settings: Settings, database: Database, redis: Redis
) -> None:
    site = httpx.ASGITransport(create_app(settings), raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=site, base_url=settings.base_url) as client:
        await client.get("/review/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
        await client.get("/invented/by/a/client")
        await client.request("INVENTED", "/livez")
        text = (await client.get("/metrics", headers=OPENMETRICS)).text
        slow = values(text, "holdgate_http_request_seconds_count")
        for address in ("/livez?wait=20", "/api/v1/events"):
            await client.get(address)
        text = (await client.get("/metrics", headers=OPENMETRICS)).text
    counted = values(text, "holdgate_http_requests_total")
    # Whoever asks to wait is answered late on purpose: the alert on slow answers does not see it.
    assert counted[("GET", "/livez", "200")] >= 1
    again = values(text, "holdgate_http_request_seconds_count")
    assert {key[1] for key, number in again.items() if number != slow.get(key)} == {"/metrics"}
    assert any(key[0] == "GET" and key[1].startswith("/review/{") for key in counted)
    assert "AAAAAAAA" not in text and "invented" not in text.lower()
    assert any(key[0] == "other" for key in counted)
    assert values(text, "holdgate_build_info")


async def test_it_speaks_openmetrics_and_the_text_format(settings: Settings, database: Database, redis: Redis) -> None:
    new = await scrape(settings, database, redis)
    assert new.headers["content-type"].startswith("application/openmetrics-text")
    assert new.text.endswith("# EOF\n")
    old = await scrape(settings, database, redis, Accept="text/plain")
    assert old.headers["content-type"].startswith("text/plain")
    names = {family.name for family in parse_text(old.text)}
    assert {"holdgate_tasks", "holdgate_workers", "holdgate_database_up"} <= names


async def test_with_a_token_only_its_holder_reads(settings: Settings, database: Database, redis: Redis) -> None:
    closed = msgspec.structs.replace(settings, metrics_token="a-token-for-prometheus")
    assert (await scrape(closed, database, redis)).status_code == 401
    assert (await scrape(closed, database, redis, Authorization="Bearer another")).status_code == 401
    assert (await scrape(closed, database, redis, Authorization="Bearer a-token-for-prometheus")).status_code == 200


async def test_in_production_it_is_closed_unless_a_token_is_set(
    settings: Settings, database: Database, redis: Redis
) -> None:
    production = msgspec.structs.replace(settings, environment="production")
    assert (await scrape(production, database, redis)).status_code == 404
    with_token = msgspec.structs.replace(production, metrics_token="t0ken")
    assert (await scrape(with_token, database, redis, Authorization="Bearer t0ken")).status_code == 200


async def test_without_the_database_it_still_answers_and_says_so(settings: Settings, redis: Redis) -> None:
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", name="tests")
    answer = await scrape(settings, nowhere, redis)
    assert answer.status_code == 200
    assert values(answer.text, "holdgate_database_up") == {(): 0}
    await nowhere.dispose()


async def test_a_scrape_sends_few_statements_and_none_over_history(
    settings: Settings, database: Database, redis: Redis
) -> None:
    for _ in range(3):
        await make_task(database, TaskState.SUCCEEDED)
    said: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        await scrape(settings, database, redis)
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert len(said) <= 8, said
    for statement in said:
        if "task_log" in statement or "task_events" in statement:
            assert "rollup" in statement, "events are read beyond the watermark only"


@pytest.mark.slow
async def test_a_worker_process_tells_what_it_has_done_on_a_port_of_its_own(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    port = free_port()
    environ = environment(servers, tmp_path, METRICS_PORT=str(port), METRICS_TOKEN="worker-token")
    address, known = f"http://127.0.0.1:{port}/metrics", {"Authorization": "Bearer worker-token", **OPENMETRICS}
    task = await make_task(database, kind="sample.task")
    with worker(environ, tmp_path / "worker.log") as process:
        await until_state(database, task, "succeeded", "dead_letter")
        async with httpx.AsyncClient() as prometheus:
            assert (await prometheus.get(address)).status_code == 401
            assert (await prometheus.get(f"http://127.0.0.1:{port}/")).status_code == 404
            # The kubelet's probes know no token.
            assert (await prometheus.get(f"http://127.0.0.1:{port}/livez")).status_code == 200

            async def ready() -> bool:
                return (await prometheus.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200

            await until(ready)
            text = (await prometheus.get(address, headers=known)).text
            assert values(text, "holdgate_worker_claims_total") == {("default",): 1}
            assert sum(values(text, "holdgate_worker_tries_total").values()) == 1
            assert values(text, "holdgate_worker_in_hand")[()] in (0, 1)
            assert values(text, "holdgate_worker_calls")[("thread", "abandoned")] == 0
            assert values(text, "holdgate_worker_blocked_seconds")[()] < 15

            async def swept() -> bool:
                async with database.read() as session:
                    return await sweeper_age(session) is not None

            await until(swept)
        assert process.stop() == 0, process.said()


async def test_a_worker_counts_every_try_by_its_outcome(settings: Settings, database: Database) -> None:
    def tries(outcome: str) -> float:
        labels = {"queue": "default", "kind": "sample.task", "outcome": outcome}
        return PROCESS.get_sample_value("holdgate_worker_tries_total", labels) or 0.0

    before = tries("succeeded"), tries("dead_letter")
    async with working(database, settings):
        async with database.write("system") as session:
            good = await enqueue(session, TaskRequest(kind="sample.task", payload={}))
            bad = await enqueue(session, TaskRequest(kind="sample.task", payload={"permanent": True}))
        await until_state(database, good, "succeeded")
        await until_state(database, bad, "dead_letter")
    assert (tries("succeeded") - before[0], tries("dead_letter") - before[1]) == (1, 1)
    took = PROCESS.get_sample_value("holdgate_worker_try_seconds_count", {"kind": "sample.task"})
    assert took is not None and took >= 2
