"""A trace goes from a request through the task's row, a hold and a decision, to what the handler asks of others."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis

import holdgate.kinds.http_request
import holdgate.kinds.sample_task  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.telemetry import tracing
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.programs import V1, api_of
from tests.factories.workers import task_of, until, until_state, working
from tests.kinds.odd_site import odd_site, page

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


def of_trace(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if f"{span.context.trace_id:032x}" == TRACE]


async def test_a_request_its_task_and_the_handlers_request_are_one_trace(
    settings: Settings, database: Database, redis: Redis, spans: InMemorySpanExporter
) -> None:
    async with odd_site(page("fine")) as site, api_of(settings, database, redis) as api:
        program = await api.program()
        wanted = {"kind": "http.request", "payload": {"method": "GET", "url": site.url}}
        made = await program.post(f"{V1}/tasks", json=wanted, headers={"traceparent": PARENT})
        task_id = UUID(made.json()["id"])
        async with working(database, settings):
            await until_state(database, task_id, "succeeded")
        [heard] = site.heads
    by_name = {span.name: span for span in of_trace(spans)}
    server, task, out = by_name[f"POST {V1}/tasks"], by_name["task http.request"], by_name["GET"]
    assert server.parent is not None and f"{server.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert task.parent is not None and task.parent.span_id == server.context.span_id
    assert out.parent is not None and out.parent.span_id == task.context.span_id
    assert f"00-{TRACE}-{out.context.span_id:016x}-01" in str(heard)
    assert task.attributes is not None and task.attributes["task.state"] == "succeeded"


async def test_a_hold_and_a_decision_keep_the_trace(
    settings: Settings, database: Database, redis: Redis, spans: InMemorySpanExporter
) -> None:
    async with api_of(settings, database, redis) as api, working(database, settings):
        program = await api.program()
        wanted = {"kind": "sample.task", "payload": {"hold": "approval"}}
        made = (await program.post(f"{V1}/tasks", json=wanted, headers={"traceparent": PARENT})).json()
        await until_state(database, UUID(made["id"]), "pending_approval")
        [asked] = (await program.get(f"{V1}/approvals", params={"task_id": made["id"]})).json()["items"]
        approval = (await program.get(f"{V1}/approvals/{asked['id']}")).json()
        decision = {"version": approval["version"], "decision": "approve"}
        answer = await program.post(f"{V1}/approvals/{asked['id']}/decision", json=decision)
        assert answer.status_code == 200, answer.text
        await until_state(database, UUID(made["id"]), "succeeded")

        async def mailed() -> bool:
            return any(span.name == "task email.send" for span in of_trace(spans))

        # The mail that asks is a part of it as well: the handler's transaction enqueued it.
        await until(mailed)
        tries = [span for span in of_trace(spans) if span.name == "task sample.task"]
    states = [span.attributes["task.state"] for span in tries if span.attributes]
    assert states == ["left", "succeeded"]


async def test_a_failure_is_told_without_its_words(
    settings: Settings, database: Database, spans: InMemorySpanExporter
) -> None:
    async with working(database, settings):
        async with database.write("system") as session:
            task_id = await enqueue(session, TaskRequest(kind="sample.task", payload={"permanent": True}))
        await until_state(database, task_id, "dead_letter")
    [span] = [span for span in spans.get_finished_spans() if span.name == "task sample.task"]
    assert not span.status.is_ok
    task = await task_of(database, task_id)
    assert task.reason is not None and task.reason not in str(span.to_json())


async def test_without_tracing_only_the_requests_id_is_stored_and_nothing_sent(
    settings: Settings, database: Database, redis: Redis
) -> None:
    async with odd_site(page("fine")) as site, api_of(settings, database, redis) as api:
        program = await api.program()
        wanted = {"kind": "http.request", "payload": {"method": "GET", "url": site.url}}
        made = await program.post(f"{V1}/tasks", json=wanted, headers={"traceparent": PARENT})
        number = UUID(made.headers["x-request-id"]).hex
        [(stored,)] = await api.sql("SELECT traceparent FROM tasks WHERE id = :id", id=made.json()["id"])
        async with working(database, settings):
            await until_state(database, UUID(made.json()["id"]), "succeeded")
        [heard] = site.heads
    assert stored == f"00-{number}-{number[16:]}-00"  # nothing of the caller's trace, and nobody samples it
    assert "traceparent" not in str(heard).lower() and number not in str(heard)


async def test_what_no_request_asks_for_is_stored_without_a_trace_when_nobody_traces(database: Database) -> None:
    async with database.write("system") as session:
        task_id = await enqueue(session, TaskRequest(kind="sample.task", payload={}))
    assert (await task_of(database, task_id)).traceparent is None


async def test_the_next_transaction_on_a_connection_has_no_trace(
    settings: Settings, database: Database, spans: InMemorySpanExporter
) -> None:
    alone = Database(settings.database_url, name="tests", pool_size=1)
    try:
        with tracing.span("outer", "SERVER", {}, parent=PARENT):
            async with alone.write("system") as session:
                first = await enqueue(session, TaskRequest(kind="sample.task", payload={}))
        async with alone.write("system") as session:
            second = await enqueue(session, TaskRequest(kind="sample.task", payload={}))
    finally:
        await alone.dispose()
    traced, plain = await task_of(database, first), await task_of(database, second)
    assert traced.traceparent is not None and TRACE in traced.traceparent
    assert plain.traceparent is None


WITHOUT = """
import sys

class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotThere())
import holdgate.asgi, holdgate.worker
from holdgate.core.telemetry import tracing
from holdgate.core.config import ConfigError

tracing.configure("", "web")
with tracing.span("x", "SERVER", {}) as told:
    told.say({"a": 1}, name="y", failed="z")
assert tracing.traceparent() == ""
try:
    tracing.configure("http://127.0.0.1:4318/v1/traces", "web")
except ConfigError as problem:
    print(problem)
"""


def test_without_the_extra_everything_works_and_the_setting_says_what_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "extra `tracing`" in done.stdout


async def test_spans_reach_a_collector(spans: InMemorySpanExporter) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        tracing.configure(f"http://127.0.0.1:{server.server_address[1]}/v1/traces", "holdgate-tests")
        with tracing.span("told to the collector", "SERVER", {}):
            pass
        tracing.stop()
    finally:
        server.shutdown()
        server.server_close()
    assert b"told to the collector" in b"".join(received) and b"holdgate-tests" in b"".join(received)
