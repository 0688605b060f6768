"""`holdpoint load` against real processes: limits, restarts and Ctrl-C lose nothing and double nothing."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis
from sqlalchemy import text

from app.accounts.api_tokens import USUAL, create_token
from app.accounts.service import add_user
from app.api.access import Scope
from app.cli import main
from app.client import Holdpoint
from app.core.db import Database
from app.load.asking import Gate, Patient, Stopped
from app.load.figures import Spread, spread_of
from app.load.mix import SHAPES, BadMix, parse_mix, spread
from app.load.running import Plan, run
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


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", "load", *arguments]


@pytest.fixture
def place(servers: Servers, tmp_path: Path, redis: Redis) -> tuple[dict[str, str], int]:
    """The environment of processes, and the port of the web server."""
    port = free_port()
    more = {"BASE_URL": f"http://127.0.0.1:{port}", "RATE_LIMIT_MAX": "100000", "LOG_LEVEL": "warning"}
    return environment(servers, tmp_path, **more), port


async def test_every_shape_is_sent_watched_and_ends_as_the_mix_says(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    given = {**environ, "HOLDPOINT_TOKEN": await token_of(database)}
    mix = ",".join(f"{name}=2" if name == "sample.task" else name for name in SHAPES)
    with web(environ, tmp_path / "web.log", port), worker(environ, tmp_path / "worker.log"):
        options = ("--count", "16", "--rate", "40", "--mix", mix, "--approve", "--watch", "--json")
        done = await asyncio.to_thread(
            subprocess.run, command(*options), env=given, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert (figures["fine"], figures["sent"], figures["accepted"], figures["ended"]) == (True, 16, 16, 16)
    assert {name: course["states"] for name, course in figures["courses"].items()} == {
        name: {shape.ends: 4 if name == "sample.task" else 2} for name, shape in SHAPES.items()
    }
    assert await made(database) == {name: 4 if name == "sample.task" else 2 for name in SHAPES}
    assert figures["requests"]["n"] == 16 and figures["seconds"] >= 15 / 40
    work = figures["courses"]["sample.task+work"]["work"]
    assert 0.3 <= work["p50"] <= work["max"] <= figures["courses"]["sample.task+work"]["whole"]["max"]
    assert "sent 16 of 16" in done.stderr or "sent" in done.stderr
    assert "workers 1" in done.stderr and "oldest" in done.stderr


async def test_a_limit_is_waited_for_and_loses_nothing(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    limited = {**environ, "RATE_LIMIT_MAX": "10", "RATE_LIMIT_WINDOW": "1s"}
    plan = Plan(
        base_url=environ["BASE_URL"], token=await token_of(database), count=35, mix={"sample.task": 1}, concurrency=4
    )
    with web(limited, tmp_path / "web.log", port), worker(limited, tmp_path / "worker.log"):
        figures = await asyncio.to_thread(run, plan, lambda _: None)
    assert figures.fine, figures
    assert (figures.accepted, figures.courses["sample.task"].states) == (35, {"succeeded": 35})
    # Three windows are waited for; each of the connections may run into the limit once for each, no more.
    assert 3 <= figures.told_to_wait <= 4 * 4
    assert figures.seconds >= 2
    assert await made(database) == {"sample.task": 35}


async def test_a_web_server_killed_in_the_middle_doubles_nothing_and_loses_nothing(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    plan = Plan(
        base_url=environ["BASE_URL"],
        token=await token_of(database),
        count=600,
        mix={"sample.task": 1},
        rate=300,
        bulk=3,
        concurrency=6,
    )
    start = ("uvicorn", "--factory", "app.asgi:create", "--port", str(port), "--no-access-log")
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
    assert figures.broken > 0 and figures.accepted == 600
    assert await made(database) == {"sample.task": 600}


async def test_ctrl_c_prints_the_table_of_what_was_seen(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    given = {**environ, "HOLDPOINT_TOKEN": await token_of(database), "PYTHONUNBUFFERED": "1"}
    with web(environ, tmp_path / "web.log", port):  # and no worker: it would never end
        child = subprocess.Popen(
            command("--count", "5", "--bulk", "5"),
            env=given,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        assert "sent 5 of 5" in await asyncio.to_thread(child.stderr.readline)
        child.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(child.communicate, timeout=30)
    assert child.returncode == 130, err
    assert "5 queued" in out and "NOT all is as it should be" in out
    assert "cancel the run" in err


async def test_what_ends_otherwise_and_what_is_refused_end_with_status_1(
    database: Database, place: tuple[dict[str, str], int], tmp_path: Path
) -> None:
    environ, port = place
    strict = {**environ, "ALLOW_PRIVATE_ADDRESSES": "no"}
    environ["HOLDPOINT_TOKEN"] = await token_of(database)

    def invoke(*options: str) -> Any:
        return CliRunner(env=environ).invoke(main, ["load", *options])

    with web(strict, tmp_path / "web.log", port), worker(strict, tmp_path / "worker.log"):
        otherwise = await asyncio.to_thread(invoke, "--count", "2", "--mix", "http.request")
        assert otherwise.exit_code == 1, otherwise.output
        assert "2 dead_letter" in otherwise.output and "otherwise" in otherwise.output
        environ["HOLDPOINT_TOKEN"] = "hp_nobody"
        refused = await asyncio.to_thread(invoke, "--count", "2")
        assert refused.exit_code == 1 and "401" in refused.output


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
    return Patient(lambda: Holdpoint("http://x", "t", tries=1, transport=httpx.MockTransport(answer)), gate), gate, keys


def broken() -> httpx.Response:
    raise httpx.ReadError("cut off")


def test_whatever_comes_between_the_same_key_is_sent_until_there_is_an_answer() -> None:
    waiting, busy = (lambda s=s: httpx.Response(s, json={}, headers={"Retry-After": "0"}) for s in (429, 409))
    asking, gate, keys = answers(
        waiting, broken, lambda: httpx.Response(502), busy, lambda: httpx.Response(201, json={"id": "1"})
    )
    answer, seconds = asking.ask(lambda hold: hold.create_task("sample.task", once="k"))
    assert (answer, keys) == ({"id": "1"}, ["k"] * 5) and seconds < 1
    assert gate.seen == {"429": 1, "broken": 2, "busy": 1}


def test_who_stops_waits_for_nothing() -> None:
    asking, gate, _ = answers(lambda: httpx.Response(429, json={}, headers={"Retry-After": "3600"}))
    gate.close_for(3600)
    gate.stop()
    with pytest.raises(Stopped):
        asking.ask(lambda hold: hold.create_task("sample.task", once="k"))
