"""`holdgate load` against real processes: limits, restarts and Ctrl-C lose nothing and double nothing."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis
from sqlalchemy import text

import holdgate.kinds.email_send  # noqa: F401
from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL, create_token
from holdgate.cli import main
from holdgate.client import Client
from holdgate.core.db import Database
from holdgate.core.scopes import Scope
from holdgate.load.client import Gate, Patient, Stopped
from holdgate.load.figures import Spread, spread_of
from holdgate.load.mix import SHAPES, BadMix, parse_mix, spread
from holdgate.load.running import Plan, run
from tests.processes import ROOT, Process, environment, free_port, web, worker
from tests.servers import Servers


async def token_of(database: Database, scopes: tuple[Scope, ...] = USUAL) -> str:
    async with database.write("system") as session:
        user = await add_user(session, "load@example.org")
        return await create_token(session, user.id, name="load", scopes=scopes)


async def made(database: Database) -> Counter[str]:
    """Tasks there are, by title, mail left out."""
    async with database.read() as session:
        rows = await session.execute(text("SELECT title, count(*) FROM tasks WHERE kind <> 'email.send' GROUP BY 1"))
        return Counter({row[0]: row[1] for row in rows})


@pytest.fixture
def place(servers: Servers, tmp_path: Path, redis: Redis) -> tuple[dict[str, str], int]:
    """The environment of processes, and the port of the web server."""
    port = free_port()
    more = {"BASE_URL": f"http://127.0.0.1:{port}", "RATE_LIMIT_MAX": "100000", "LOG_LEVEL": "warning"}
    return environment(servers, tmp_path, **more), port


async def test_every_shape_ends_as_the_mix_says_and_the_exit_status_tells_what_does_not(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    given = {**environ, "HOLDGATE_TOKEN": await token_of(database), "PYTHONUNBUFFERED": "1"}
    mix = ",".join(f"{name}=2" if name == "sample.task" else name for name in SHAPES)
    with web(environ, tmp_path / "web.log", port), worker(environ, tmp_path / "worker.log"):
        options = ("--count", "16", "--rate", "40", "--mix", mix, "--approve", "--watch", "--json")
        done = await asyncio.to_thread(finished, given, *options)
        await check_all_shapes(database, done)
        held = ("--count", "5", "--bulk", "5", "--mix", "sample.task+hold")
        left = started(given, *held)
        assert left.stderr is not None
        assert "sent 5 of 5" in await asyncio.to_thread(left.stderr.readline)
        left.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(left.communicate, timeout=30)
        assert left.returncode == 130, err
        assert "NOT all is as it should be" in out and "otherwise          5" in out, out
        assert "cancel the run" in err
        late = await asyncio.to_thread(CliRunner(env=given).invoke, main, ["load", *held, "--timeout", "1"])
        assert late.exit_code == 1 and "otherwise          5" in late.output, late.output
        nobody = {**given, "HOLDGATE_TOKEN": "hg_nobody"}
        refused = await asyncio.to_thread(CliRunner(env=nobody).invoke, main, ["load"])
        assert refused.exit_code == 1 and "401" in refused.output


def started(environ: dict[str, str], *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "holdgate.cli", "load", *options]
    return subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    child = started(environ, *options)
    out, err = child.communicate(timeout=60)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


async def check_all_shapes(database: Database, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert (figures["fine"], figures["sent"], figures["accepted"], figures["ended"]) == (True, 16, 16, 16)
    expected = {name: 4 if name == "sample.task" else 2 for name in SHAPES}
    courses = figures["courses"]
    assert {name: course["states"] for name, course in courses.items()} == {
        name: {SHAPES[name].ends: n} for name, n in expected.items()
    }
    assert await made(database) == expected
    assert figures["requests"]["n"] == 16 and figures["seconds"] >= 15 / 40
    work = courses["sample.task+work"]["work"]
    assert 0.3 <= work["p50"] <= work["max"]
    # Not compared with one another: a claim can have begun just before the task was made that it then finds.
    assert courses["sample.task+work"]["whole"]["max"] >= 0.3
    assert "workers" in done.stderr and "oldest" in done.stderr


async def test_limits_and_a_web_server_killed_in_the_middle_double_nothing_and_lose_nothing(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    environ |= {"RATE_LIMIT_MAX": "12", "RATE_LIMIT_WINDOW": "1s"}
    plan = Plan(
        base_url=environ["BASE_URL"],
        token=await token_of(database),
        count=180,
        mix={"sample.task": 1},
        rate=200,
        bulk=3,
        concurrency=6,
    )
    start = ("uvicorn", "--factory", "holdgate.asgi:create", "--port", str(port), "--no-access-log")
    with ExitStack() as stack:
        first = stack.enter_context(web(environ, tmp_path / "first.log", port))
        stack.enter_context(worker(environ, tmp_path / "worker.log"))
        again: list[Process] = []

        def tell(line: str) -> None:
            if not again and " 0 of" not in line:
                first.kill()
                again.append(Process(tmp_path / "again.log", environ, *start))
                stack.callback(again[0].kill)

        figures = await asyncio.to_thread(run, plan, tell)
    assert again, "it was killed"
    assert figures.fine, figures
    assert (figures.accepted, figures.courses["sample.task"].states) == (180, {"succeeded": 180})
    assert await made(database) == {"sample.task": 180}
    assert figures.broken > 0
    # Each connection may run into the limit once in each window, and waits for its end.
    assert 1 <= figures.told_to_wait <= (plan.concurrency + 1) * (figures.seconds + 1)


def test_another_machine_is_asked_about_first() -> None:
    options = ["load", "--url", "https://hold.example.org", "--token", "x"]
    asked = CliRunner().invoke(main, options, input="n\n")
    assert asked.exit_code == 1
    assert "100 real tasks at https://hold.example.org. Go on?" in asked.output


def test_shares_are_kept_and_spread_evenly() -> None:
    mix = parse_mix("sample.task=8, http.request ,sample.task+retry=1")
    assert mix == {"sample.task": 8, "http.request": 1, "sample.task+retry": 1}
    sent = [shape.name for shape in spread(mix, 1000)]
    assert Counter(sent) == {"sample.task": 800, "http.request": 100, "sample.task+retry": 100}
    assert Counter(sent[:10]) == mix


@pytest.mark.parametrize("given", ["", "no.such", "sample.task=0", "sample.task=many", "sample.task=1,,"])
def test_a_mix_that_makes_no_sense_is_refused(given: str) -> None:
    with pytest.raises(BadMix):
        parse_mix(given)


def test_percentiles_are_by_nearest_rank() -> None:
    assert spread_of(range(1, 101)) == Spread(100, 50, 95, 99, 100)
    assert spread_of([3.0]) == Spread(1, 3.0, 3.0, 3.0, 3.0)
    assert spread_of([]) == Spread()


def answers(*given: Callable[[], httpx.Response]) -> tuple[Patient, Gate, list[str]]:
    """A connection that gets these answers, one after the other; which keys were sent."""
    left, keys = list(given), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return left.pop(0)()

    gate = Gate()
    return Patient(lambda: Client("http://x", "t", tries=1, transport=httpx.MockTransport(answer)), gate), gate, keys


def broken() -> httpx.Response:
    raise httpx.ReadError("cut off")


def test_whatever_comes_between_the_same_key_is_sent_until_there_is_an_answer() -> None:
    waiting, busy = (lambda s=s: httpx.Response(s, json={}, headers={"Retry-After": "0"}) for s in (429, 409))
    asking, gate, keys = answers(
        waiting, broken, lambda: httpx.Response(502), busy, lambda: httpx.Response(201, json={"id": "1"})
    )
    answer, seconds = asking.ask(lambda hold: hold.post("/tasks", {"kind": "sample.task"}, once="k"))
    assert (answer, keys) == ({"id": "1"}, ["k"] * 5) and seconds < 1
    assert gate.seen == {"429": 1, "broken": 2, "busy": 1}


def test_who_stops_waits_for_nothing() -> None:
    asking, gate, _ = answers(lambda: httpx.Response(429, json={}, headers={"Retry-After": "3600"}))
    gate.close_for(3600)
    gate.stop()
    with pytest.raises(Stopped):
        asking.ask(lambda hold: hold.post("/tasks", {"kind": "sample.task"}, once="k"))
