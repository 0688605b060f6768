"""The Python clients against the description and a real server; docs/api.md says nothing that does not work."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid4

import httpx
import pytest

from holdgate import client as module
from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL
from holdgate.api.openapi import document
from holdgate.asgi import API_HANDLERS
from holdgate.client import ApprovalDetail, AsyncClient, Client, CreatedApproval, Problem, asking, calls
from holdgate.client.flows import PREFIX
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.kinds.sample_task import SampleTask, sample_task
from tests import processes
from tests.factories.programs import token_for
from tests.processes import environment, free_port
from tests.servers import Servers, empty

ROOT = Path(__file__).parents[2]


SHOWN = ApprovalDetail(
    id=UUID(int=0),
    task_id=UUID(int=0),
    hold="pending_approval",
    title="",
    state="pending",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    expires_at=None,
    decided_at=None,
    decided_by=None,
    option=None,
    reason=None,
    withdrawn_at=None,
    version="0" * 64,
    shown=None,
    fields=[],
    options=[],
    request_changes=False,
    needed=1,
    needed_by=[],
    answer=None,
    recipients=[],
    notes=[],
    stopped_at=None,
    goes_on_at=None,
    group=None,
)


@pytest.fixture(scope="module")
async def database(shared_database: Database) -> Database:
    """Emptied once: a worker is at work in it. Every test has a person of its own, who sees nothing of the others."""
    await empty(shared_database)
    return shared_database


@pytest.fixture(scope="module")
def installation(
    database: Database, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The environment of a web server and a worker that run."""
    home, port = tmp_path_factory.mktemp("installation"), free_port()
    environ = environment(servers, home, BASE_URL=f"http://127.0.0.1:{port}", RATE_LIMIT_MAX="10000")
    with processes.web(environ, home / "web.log", port), processes.worker(environ, home / "worker.log"):
        yield environ


@pytest.fixture
def owner() -> str:
    return f"{uuid4().hex}@example.org"


@pytest.fixture
async def token(database: Database, owner: str) -> str:
    async with database.write("system") as session:
        person = await add_user(session, owner)
        return await token_for(session, person.id)


@pytest.fixture
def hold(installation: dict[str, str], token: str) -> Iterator[Client]:
    with Client(installation["BASE_URL"], token) as made:
        yield made


# `CreatedApproval` and `Decision` are parts of what the API answers, under names of their own.
OWN_TYPES = {"CreatedApproval", "Decision", "Page", "StreamedEvent", "WebhookMessage"}


def test_the_clients_types_are_those_of_the_description() -> None:
    """A field that the API gains belongs into client/answers.py or client/approvals.py as well."""
    described = document(API_HANDLERS, "")["components"]["schemas"]
    types = {name: vars(module)[name] for name in module.__all__ if hasattr(vars(module)[name], "__struct_fields__")}
    told = {name: set(kind.__struct_fields__) for name, kind in types.items() if name not in OWN_TYPES}
    assert len(told) > 20
    assert told == {name: set(described[name]["properties"]) for name in told}


def test_the_clients_filters_are_those_of_the_description() -> None:
    paths = document(API_HANDLERS, PREFIX.removesuffix("/api/v1"))["paths"]
    for path, filters in (("/tasks", module.TaskFilters), ("/approvals", module.ApprovalFilters)):
        described = {each["name"] for each in paths[PREFIX + path]["get"]["parameters"]}
        assert described - {"cursor"} == set(filters.__annotations__), path


def test_every_path_of_the_client_is_described() -> None:
    paths = document(API_HANDLERS, "")["paths"]
    asked: list[tuple[str, str]] = []
    flows: list[Any] = [
        calls.enqueue_named("k", {}, {}, ""),
        calls.enqueue_many_named("k", [{}], {}, ""),
        calls.task("ID"),
        calls.iter_tasks().page(None),
        *(calls.act("ID", verb) for verb in get_args(get_type_hints(calls.act)["verb"])),
        calls.answer("ID", {}),
        calls.create_run("r", []),
        calls.run("ID"),
        calls.iter_runs().page(None),
        calls.iter_approvals().page(None),
        calls.approval("ID"),
        calls.decide(SHOWN, "approve"),
        asking.create_approval("t"),
        asking.cancel_approval("ID"),
        asking.use("ID"),
        asking.receipt("ID"),
        calls.stats(),
        calls.overview(),
    ]
    for flow in flows:
        request = next(flow)
        asked.append((request.method, PREFIX + request.path.replace(str(SHOWN.id), "ID")))
    known = {
        (method.upper(), "ID".join(part.partition("}")[2] if "}" in part else part for part in path.split("{")))
        for path, methods in paths.items()
        for method in methods
    }
    assert set(asked) <= known, set(asked) - known
    assert len(set(asked)) == len(asked)


async def test_a_task_is_made_once_and_waited_for(hold: Client) -> None:
    first = hold.enqueue("sample.task", {"steps": 2}, title="T", once="key")
    again = hold.enqueue("sample.task", {"steps": 2}, title="T", once="key")
    assert first == again
    task = hold.wait(first, 30)
    assert task.state == "succeeded" and len(task.result["steps"]) == 2
    assert [each.id for each in hold.iter_tasks()] == [first]


async def test_waiting_for_what_holds_ends_with_a_timeout(hold: Client) -> None:
    made = hold.enqueue("sample.task", {"hold": "input"})
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="is still"):
        hold.wait(made, 1.5)
    assert 1 <= time.monotonic() - began < 10


async def test_a_list_is_read_over_all_its_pages(hold: Client) -> None:
    made = hold.enqueue_many("sample.task", [{"steps": n} for n in range(1, 8)], once="seven")
    assert [task.id for task in hold.iter_tasks(limit=3)] == list(reversed(made)) and len(made) == 7
    assert made == hold.enqueue_many("sample.task", [{"steps": n} for n in range(1, 8)], once="seven")
    began = datetime.now() - timedelta(minutes=5)
    oldest = hold.iter_tasks(
        state=["queued", "running", "succeeded"],
        id=made[:2],
        payload={"steps": 1},
        created_after=began,
        finished_before=datetime.now(UTC) + timedelta(hours=1) if hold.wait(made[0]) else "",
        sort="oldest",
    )
    assert [task.id for task in oldest] == [made[0]]


async def test_runs_approvals_and_answers(hold: Client) -> None:
    held = {"kind": "sample.task", "payload": {"hold": "approval"}}
    asks = {"kind": "sample.task", "payload": {"hold": "input"}}
    run = hold.create_run("R", [held, asks])
    assert [each.id for each in hold.iter_runs()] == [run.id] == [hold.run(run.id).id]
    ends = time.monotonic() + 30
    while len(waiting := list(hold.iter_approvals(state="pending"))) < 2:
        assert time.monotonic() < ends
    [question] = [each for each in waiting if each.hold == "pending_approval"]
    approval = hold.approval(question.id)
    hold.decide(approval, "approve", once="a")
    with pytest.raises(Problem) as late:
        hold.decide(approval, "reject", reason="too late")
    assert late.value.status == 409
    assert hold.wait(approval.task_id, 30).state == "succeeded"
    receipt = json.loads(hold.download(f"/approvals/{approval.id}/receipt"))
    assert receipt["receipt"]["decision"]["outcome"] == "approved"


async def test_what_the_api_names_is_fetched_and_files_stay_as_they_are(hold: Client) -> None:
    made = hold.post("/tasks", {"kind": "sample.task", "payload": {"steps": 1}, "title": "é"})
    assert hold.get(made["url"])["id"] == made["id"]
    table = hold.download("/tasks/export.csv", {"q": made["id"]}).decode("utf-8-sig")
    assert [row["title"] for row in csv.DictReader(io.StringIO(table))] == ["é"]
    assert hold.overview("week").seconds == 7200
    with pytest.raises(Problem) as refused:
        hold.download("/tasks/export.csv", {"state": "nonsense"})
    assert refused.value.status == 422


async def test_an_approval_that_asks_for_a_sign_in_is_not_decided_by_a_token(hold: Client) -> None:
    made = hold.enqueue("sample.task", {"hold": "approval", "level": "sign-in"})
    ends = time.monotonic() + 30
    while not (waiting := list(hold.iter_approvals(task_id=str(made), state="pending"))):
        assert time.monotonic() < ends
    with pytest.raises(Problem) as refused:
        hold.decide(hold.approval(waiting[0].id), "approve")
    assert refused.value.status == 403
    assert hold.approval(waiting[0].id).state == "pending"


async def test_a_token_without_the_scope_does_not_sign(
    installation: dict[str, str], database: Database, owner: str
) -> None:
    async with database.write("system") as session:
        person = await add_user(session, owner)
        weak = await token_for(session, person.id, [s for s in USUAL if "decide" not in s])
    with Client(installation["BASE_URL"], weak) as reader, pytest.raises(Problem) as refused:
        reader.decide(SHOWN, "approve")
    assert refused.value.status == 403


async def test_what_its_own_description_shows_works(
    installation: dict[str, str], token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = dedent("\n".join(line for line in (module.__doc__ or "").splitlines() if line.startswith("    ")))
    real = shown.replace("https://hold.example.org", installation["BASE_URL"]).replace("hg_…", token)
    assert real != shown
    exec(real, {"Client": Client})
    assert capsys.readouterr().out == "succeeded\n"


async def test_a_problem_names_its_first_places_and_holds_them_all(hold: Client) -> None:
    with pytest.raises(Problem) as refused:
        hold.enqueue_many("sample.task", [{"steps": -1}] * 30)
    assert len(refused.value.errors) == 30
    said = str(refused.value)
    assert (said.count("#/tasks/"), said.endswith("; and 25 more)")) == (5, True)


async def test_refusals_are_problems_with_their_places(hold: Client) -> None:
    with pytest.raises(Problem) as refused:
        hold.enqueue("sample.task", {"steps": -1})
    assert refused.value.status == 422 and refused.value.request_id
    assert refused.value.errors and "pointer" in refused.value.errors[0]
    with pytest.raises(Problem) as missing:
        hold.task("00000000-0000-0000-0000-000000000000")
    assert missing.value.status == 404


async def test_events_are_told_and_gone_on_with(hold: Client) -> None:
    hold.wait(hold.enqueue("sample.task"), 30)
    told = list(islice(hold.iter_events("0.0"), 3))
    assert [event.verb for _, event in told] == ["enqueue", "claim", "succeed"]
    [(_, last)] = list(islice(hold.iter_events(told[1].place), 1))
    assert last.id == told[2].event.id


async def test_the_asynchronous_client_does_the_same(installation: dict[str, str], token: str) -> None:
    async with AsyncClient(installation["BASE_URL"], token) as hold:
        made = await sample_task.enqueue(hold, SampleTask(steps=2), title="T")
        other = await hold.enqueue(sample_task, SampleTask(steps=1))
        named = await hold.enqueue_many("sample.task", [{"steps": 1}] * 2, once="two")
        assert sample_task.read_result((await hold.wait(made, 30)).result).steps
        assert {task.id async for task in hold.iter_tasks(limit=2)} == {made, other, *named}
        for each in (other, *named):
            await hold.wait(each, 30)
        async with aclosing(hold.iter_events("0.0")) as events:
            heard = [(await anext(events)).event.task_id for _ in range(12)]
        assert set(heard) == {made, other, *named}
        with pytest.raises(Problem) as missing:
            await hold.task(UUID(int=0))
        assert missing.value.status == 404


def answers(*given: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[str]]:
    """A server that gives these in turn, and the keys it was sent."""
    left, keys = list(given), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers.get("Idempotency-Key", ""))
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.MockTransport(answer), keys


BUSY = {"Retry-After": "7"}
ID = UUID(int=1)
EVENT = b"""id: %s
data: {"id": 1, "at": "2026-01-01T00:00:00Z", "task_id": "00000000-0000-0000-0000-000000000001", "run_id": null,
data: "kind": "k", "queue": "q", "verb": "claim", "from_state": "queued", "to_state": "running", "actor": "a",
data: "attempt": 1, "reason": null, "data": null}

"""
MADE = httpx.Response(201, json={"id": str(ID), "url": "/"})


def test_too_many_requests_are_waited_out_as_long_as_the_server_says() -> None:
    transport, _ = answers(httpx.Response(429, headers=BUSY, json={}), MADE)
    slept: list[float] = []
    with Client("http://h", "t", transport=transport, sleep=slept.append) as hold:
        assert hold.enqueue("k") == ID
    assert slept == [7]


def test_a_change_is_sent_again_after_a_broken_connection_only_with_a_key() -> None:
    transport, keys = answers(httpx.ReadError("broken"), MADE)
    with Client("http://h", "t", transport=transport, sleep=lambda _: None) as hold:
        assert hold.enqueue("k", once="key") == ID
    assert keys == ["key", "key"]
    transport, keys = answers(httpx.ReadError("broken"), MADE)
    with Client("http://h", "t", transport=transport, sleep=lambda _: None) as hold, pytest.raises(httpx.ReadError):
        hold.enqueue("k")
    assert keys == [""]


def test_a_wait_goes_on_while_the_server_is_away_and_ends_with_a_refusal_or_its_bound() -> None:
    made = CreatedApproval(id=ID, task_id=ID, state="pending", version="v", url="/")
    away: list[httpx.Response | Exception] = [
        httpx.ConnectError("away"),
        httpx.Response(503, headers=BUSY, json={}),
    ] * 6
    rejected = httpx.Response(200, json={"id": str(ID), "task_id": str(ID), "state": "rejected"})
    transport, keys = answers(*away, rejected)
    with Client("http://h", "t", transport=transport, sleep=lambda _: None) as hold:
        assert hold.wait(made).state == "rejected"
    assert len(keys) == 13
    transport, keys = answers(*away, httpx.Response(403, json={"title": "No"}))
    with (
        Client("http://h", "t", transport=transport, sleep=lambda _: None) as hold,
        pytest.raises(Problem, match="403"),
    ):
        hold.wait(made)
    transport, keys = answers(*away)
    hold = Client("http://h", "t", tries=1, transport=transport, sleep=lambda _: None)
    with hold, pytest.raises(httpx.ConnectError):
        hold.wait(ID, 1)
    assert len(keys) == 1


def test_a_server_that_stays_busy_is_a_problem_in_the_end() -> None:
    transport, keys = answers(*[httpx.Response(429, headers=BUSY, json={"title": "Slowly"})] * 3)
    hold = Client("http://h", "t", tries=3, transport=transport, sleep=lambda _: None)
    with hold, pytest.raises(Problem, match="429 Slowly"):
        hold.stats()
    assert len(keys) == 3


async def test_a_stream_that_breaks_off_is_gone_on_with_from_its_last_event() -> None:
    asked, slept = list[str](), list[float]()
    event = EVENT.decode() % "7.1"

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID", ""))
        if len(asked) == 2:
            return httpx.Response(503, headers=BUSY, json={"title": "Starting"})
        return httpx.Response(200, text=event.replace("7.1", f"7.{len(asked)}") + 'id: 9.9\ndata: {"cut')

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with Client("http://h", "t", transport=httpx.MockTransport(answer), sleep=slept.append) as hold:
        assert [told.place for told in islice(hold.iter_events("7.0"), 2)] == ["7.1", "7.3"]
    assert (asked, slept) == (["7.0", "7.1", "7.1"], [1, 7])
    asked.clear()
    async with (
        AsyncClient("http://h", "t", transport=httpx.MockTransport(answer), sleep=sleep) as later,
        aclosing(later.iter_events("7.0")) as events,
    ):
        assert [(await anext(events)).place for _ in range(2)] == ["7.1", "7.3"]
    assert (asked, slept) == (["7.0", "7.1", "7.1"], [1, 7] * 2)


def test_an_answer_that_is_none_of_the_api_says_so() -> None:
    transport, _ = answers(httpx.Response(200, text="<html>a proxy</html>"))
    with Client("http://h", "t", transport=transport) as hold, pytest.raises(Problem, match="Does BASE_URL lead to"):
        hold.stats()


def blocks(language: str) -> list[str]:
    page = (ROOT / "docs/api.md").read_text()
    return [part.split("\n```")[0] for part in page.split(f"```{language}\n")[1:]]


@pytest.mark.slow
async def test_the_pages_commands_and_code_run_as_they_stand(
    installation: dict[str, str], database: Database, token: str, tmp_path: Path
) -> None:
    async with database.write("system") as session:
        await add_user(session, "ann@example.org")
    (tmp_path / ".curlrc").write_text("max-time = 5\n")
    environ = {**installation, "CURL_HOME": str(tmp_path), "TOKEN": token}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)

    first, bulk, events = blocks("sh")
    done = run("bash", "-euo", "pipefail", "-c", first)
    assert done.returncode == 0, done.stderr
    assert '"state":"succeeded"' in done.stdout
    done = run("bash", "-euo", "pipefail", "-c", bulk)
    assert done.returncode == 0 and done.stdout.count("-") >= 8, done.stderr + done.stdout
    done = run("bash", "-c", events)
    assert done.returncode == 28 and ": listening" in done.stdout, "it listens until curl's own time is over"
    with Client(environ["BASE_URL"], environ["TOKEN"]) as hold:
        asks = hold.enqueue("sample.task", {"hold": "approval"}, once="asks")
        ends = time.monotonic() + 30
        while hold.task(asks).state != "pending_approval":
            assert time.monotonic() < ends
    [python] = [block for block in blocks("python") if "hold.wait" in block]
    done = run(sys.executable, "-c", python)
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout and "422" in done.stdout.splitlines()[-1], done.stdout
    with Client(environ["BASE_URL"], environ["TOKEN"]) as hold:
        assert hold.wait(asks).state == "succeeded", "the page's program has approved it"
    async with database.write("system") as session:  # somebody who has nothing else
        person = await add_user(session, "bea@example.org")
        environ["TOKEN"] = await token_for(session, person.id)
    with Client(installation["BASE_URL"], environ["TOKEN"]) as hold:
        hold.enqueue("sample.task", run_at=datetime(2999, 1, 1, tzinfo=UTC))
    [python] = [block for block in blocks("python") if "/bulk/preview" in block]
    done = run(sys.executable, "-c", python)
    assert done.returncode == 0, done.stderr
    assert "1 {'scheduled': 1}" in done.stdout and "of 1" in done.stdout, done.stdout


async def test_a_kind_enqueues_by_the_client_once_if_it_is_unique(hold: Client) -> None:
    made = sample_task.enqueue(
        hold, SampleTask(steps=2), title="By a client", unique="A7", unique_for=timedelta(hours=1)
    )
    again, twice = sample_task.enqueue_many(hold, [SampleTask()] * 2, unique="A7")
    other = sample_task.enqueue(hold, SampleTask())
    assert again == twice == made != other
    task = hold.task(made)
    assert (task.title, task.payload["steps"]) == ("By a client", 2)
    assert len(list(hold.iter_tasks())) == 2
    with pytest.raises(Invalid, match="belong to whose token it has"):
        sample_task.enqueue(hold, SampleTask(), owner="ann@example.org")
