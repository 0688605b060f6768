"""Programs that wait for people's decisions, while servers are killed, restarted or silent."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate.accounts.service import add_user
from holdgate.approvals.evidence import receipts
from holdgate.client import AsyncClient, Problem
from holdgate.client.asking import CreatedApproval
from holdgate.core import signing
from holdgate.core.db import Database
from holdgate.core.scopes import Scope
from holdgate.embedded import valkey
from tests import processes
from tests.factories.asking import APPROVALS
from tests.factories.programs import token_for
from tests.factories.webhooks import FINE, told
from tests.factories.workers import until
from tests.kinds.odd_site import odd_site
from tests.processes import Process, environment, free_port
from tests.servers import Servers
from tests.silence import way_to

ASKED = 50
BOB = "bob@example.org"
SLACK = 20.0  # seconds beyond its bound: a silent database is known after ten, on a machine that is busy


class UnderWay(httpx.AsyncHTTPTransport):
    """Knows how many requests wait for their answers."""

    number = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.number += 1
        try:
            return await super().handle_async_request(request)
        finally:
            self.number -= 1


@asynccontextmanager
async def started(environ: dict[str, str], home: Path, *, hands: bool = False) -> AsyncIterator[tuple[Process, ...]]:
    """A web server, and with `hands` a worker. The test's loop goes on meanwhile, as programs that wait do."""
    async with AsyncExitStack() as stack:
        place = home / f"web-{time.monotonic_ns()}.log"
        server = processes.web(environ, place, int(environ["BASE_URL"].rpartition(":")[2]))
        stack.push(server.__exit__)
        made = [await asyncio.to_thread(server.__enter__)]
        if hands:
            made.append(stack.enter_context(processes.worker(environ, place.with_suffix(".worker"))))
        yield tuple(made)


async def two_tokens(database: Database) -> tuple[str, str]:
    """A program's, which asks, and Bob's, who decides."""
    async with database.write("system") as session:
        owner, bob = await add_user(session, "owner@example.org"), await add_user(session, BOB)
        return await token_for(session, owner.id, [Scope.APPROVALS_CREATE]), await token_for(session, bob.id)


def verdict(number: int) -> str:
    return "reject" if number % 3 == 0 else "approve"


async def decide(person: AsyncClient, made: CreatedApproval, verb: str) -> bool:
    """Until it is known to be decided. True: this very call was told so; False: by the next it had been."""
    body = {"version": made.version, "decision": verb, "reason": "so"}
    while True:
        try:
            await person.post(f"/approvals/{made.id}/decision", body)
            return True
        except Problem as problem:
            if problem.status == 409:
                return False
            assert problem.status == 503, problem
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)


async def test_a_killed_web_server_and_worker_lose_no_decision_of_fifty_programs_that_wait(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    asks, decides = await two_tokens(database)
    base = f"http://127.0.0.1:{free_port()}"
    environ = environment(servers, tmp_path, BASE_URL=base, LEASE_SECONDS="1", APPROVALS_AT_ONCE="100")
    under_way = UnderWay(limits=httpx.Limits(max_connections=ASKED + 10))
    async with (
        odd_site(FINE) as receiver,
        AsyncClient(base, asks, transport=under_way) as program,
        AsyncClient(base, decides) as person,
    ):
        room = asyncio.Semaphore(5)

        async def decided(made: CreatedApproval, number: int) -> None:
            async with room:
                answered[made.id] = await decide(person, made, verdict(number))

        async def some_decided() -> bool:
            return len(answered) >= ASKED // 5

        answered: dict[Any, bool] = {}
        async with started(environ, tmp_path, hands=True) as (server, hands):
            asked = [
                await program.create_approval(f"Deploy {n}", to=[BOB], callback_url=receiver.url, metadata={"n": n})
                for n in range(ASKED)
            ]
            waiting = [asyncio.create_task(program.wait(made)) for made in asked]

            async def all_wait() -> bool:
                return under_way.number == ASKED

            await until(all_wait)
            deciding = [asyncio.create_task(decided(made, n)) for n, made in enumerate(asked)]
            await until(some_decided)
            server.kill()
            hands.kill()
        async with started(environ, tmp_path, hands=True) as (server, _):
            async with asyncio.timeout(90):
                decisions = await asyncio.gather(*waiting)
                await asyncio.gather(*deciding)

            async def all_ended() -> bool:
                async with database.read() as session:
                    found = await session.execute(text("SELECT state FROM tasks WHERE kind = 'approval.request'"))
                    return set(found.scalars()) == {"succeeded"}

            async def all_told() -> bool:
                return {one.json["data"]["metadata"]["n"] for one in told(receiver)} == set(range(ASKED))

            await until(all_ended)
            await until(all_told)
            assert "Traceback" not in server.said()
        keys = signing.public_keys((environ["SECRET_KEY"],))
        for number, decision in enumerate(decisions):
            wanted = ("approved", "approve") if verdict(number) == "approve" else ("rejected", "reject")
            assert (decision.state, decision.option, decision.by) == (*wanted, BOB)
            assert receipts.check(json.dumps(decision.receipt).encode(), keys).problem == ""
        for one in told(receiver):
            assert one.json["data"]["state"] == decisions[one.json["data"]["metadata"]["n"]].state


class Waits:
    """Raw calls as curl makes them: nothing is sent again, and nothing believed about how long they take."""

    def __init__(self, base: str, token: str) -> None:
        # Each by a connection of its own: one that is kept may be closed by the server as it is used again.
        self.under_way = UnderWay(limits=httpx.Limits(max_connections=2 * ASKED, max_keepalive_connections=0))
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(base_url=base, headers=headers, timeout=90, transport=self.under_way)

    async def wait(self, made: CreatedApproval, seconds: int) -> str:
        """What came within the bound: a state, or 503 with a time to come back."""
        began = time.monotonic()
        answer = await self.http.get(f"{APPROVALS}/{made.id}", params={"wait": seconds})
        took = time.monotonic() - began
        assert took < seconds + SLACK, f"{took:.1f} s for a wait of {seconds}"
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            return "503"
        assert answer.status_code == 200, answer.text
        return str(answer.json()["state"])

    async def many(self, made: CreatedApproval, seconds: int, number: int = ASKED) -> set[str]:
        return set(await asyncio.gather(*(self.wait(made, seconds) for _ in range(number))))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_waits_end_by_their_bound_and_hear_decisions_without_redis(
    how: signal.Signals, database: Database, servers: Servers, tmp_path: Path
) -> None:
    asks, decides = await two_tokens(database)
    base, redis = f"http://127.0.0.1:{free_port()}", valkey.start(tmp_path / "own")
    pid = int((tmp_path / "own" / "valkey" / "valkey.pid").read_text())
    environ = environment(servers, tmp_path, BASE_URL=base, REDIS_URL=redis)
    waits = Waits(base, asks)
    try:
        async with (
            waits.http,
            AsyncClient(base, asks) as program,
            AsyncClient(base, decides) as person,
            started(environ, tmp_path) as (server,),
        ):
            made = await program.create_approval("Deploy", to=[BOB])
            hearing = asyncio.create_task(waits.wait(made, 60))
            before = asyncio.create_task(waits.many(made, 3))

            async def all_wait() -> bool:
                return waits.under_way.number > ASKED

            await until(all_wait)
            os.kill(pid, how)
            assert await before == {"pending"}
            assert await waits.many(made, 1) == {"pending"}
            other = await program.create_approval("Deploy the other", to=[BOB])
            assert await decide(person, made, "approve") and await decide(person, other, "reject")
            async with asyncio.timeout(SLACK):
                assert await hearing == "approved"
            assert await waits.wait(other, 60) == "rejected"
            assert "Traceback" not in server.said()
    finally:
        if how is signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)
        valkey.stop(tmp_path / "own")


async def test_waits_end_by_their_bound_or_are_told_to_come_back_while_the_database_is_away(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    asks, decides = await two_tokens(database)
    base = f"http://127.0.0.1:{free_port()}"
    waits = Waits(base, asks)
    with way_to(servers.database_url) as (way, url):
        environ = environment(servers, tmp_path, BASE_URL=base, DATABASE_URL=url)
        async with (
            waits.http,
            AsyncClient(base, asks) as program,
            AsyncClient(base, decides) as person,
            started(environ, tmp_path) as (server,),
        ):
            made = await program.create_approval("Deploy", to=[BOB])
            hearing = asyncio.create_task(program.wait(made))
            raw = asyncio.create_task(waits.wait(made, 60))
            assert await waits.many(made, 1) == {"pending"}  # those two have been let in before

            async def all_wait() -> bool:
                return waits.under_way.number > ASKED

            for leave, come_back in (
                (lambda: way.refuse(True), lambda: way.refuse(False)),
                (lambda: way.swallow(new=True), way.let_through),
            ):
                before = asyncio.create_task(waits.many(made, 3))
                await until(all_wait)
                leave()
                assert await before <= {"pending", "503"}
                assert await waits.many(made, 1) <= {"pending", "503"}
                come_back()
                assert not hearing.done() and not raw.done(), "they wait through it"
                async with asyncio.timeout(SLACK):
                    while await waits.many(made, 1) != {"pending"}:
                        pass
            assert await decide(person, made, "approve")
            async with asyncio.timeout(SLACK):
                assert (await hearing).approved and await raw == "approved"
            assert "Traceback" not in server.said(), server.said()[-3000:]
