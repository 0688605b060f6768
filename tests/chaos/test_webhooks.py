"""Workers killed while they follow the log and deliver webhooks."""

import asyncio
from pathlib import Path

import pytest

import tests.runtime.kinds  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.approvals import principal
from tests.factories.webhooks import FINE, make_endpoint, told
from tests.factories.workers import until
from tests.kinds.odd_site import OddSite
from tests.processes import Process, environment, worker
from tests.servers import Servers

TASKS = 60


class Assassin(OddSite):
    """Kills the worker that delivers, before it has an answer, at some of the deliveries."""

    def __init__(self) -> None:
        super().__init__(FINE)
        self.victim: Process | None = None

    def heard(self) -> None:
        if len(self.asked) in (5, 20, 40) and self.victim is not None:
            self.victim.kill()


@pytest.mark.slow
async def test_killed_workers_lose_no_event_and_repeat_a_delivery_under_its_id(
    database: Database, settings: Settings, servers: Servers, tmp_path: Path
) -> None:
    ann = await principal(database)
    site = Assassin()
    listener = await asyncio.start_server(site.talk, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    await make_endpoint(database, settings, ann, url, "task.succeeded")
    async with database.write(ann.actor) as session:
        requests = [TaskRequest(kind="test.thread", payload={"name": str(n)}, owner_id=ann.id) for n in range(TASKS)]
        tasks = await enqueue_many(session, requests)
    more = {"MAX_LEASE_LOSSES": "10"}  # a delivery that is under way at each kill is not what kills
    environ = environment(servers, tmp_path, LEASE_SECONDS="1", KINDS="tests.runtime.kinds", **more)

    async def all_told() -> bool:
        return {request.json["data"]["id"] for request in told(site)} == set(map(str, tasks))

    for life in range(3):
        with worker(environ, tmp_path / f"{life}.log") as site.victim:

            async def dead(victim: Process = site.victim) -> bool:
                return not victim.alive

            await until(dead)
    site.victim = None
    with worker(environ, tmp_path / "last.log"):
        await until(all_told)
    listener.close()
    by_task: dict[str, set[str]] = {}
    for request in told(site):
        by_task.setdefault(request.json["data"]["id"], set()).add(request.id)
    assert {len(ids) for ids in by_task.values()} == {1}
    assert len(told(site)) > TASKS  # what the killed had under way came again
