"""The stream of events: in order, whole, one's own, and going on from where it was left."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from holdgate.core.db import Database
from holdgate.core.errors import Invalid, TooMany
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.streams.events import STREAMS, Feed, StreamedEvent, parse_place
from tests import processes
from tests.factories.programs import OTHER, OWNER, V1, Api, is_problem, make_task
from tests.servers import Servers

TASK = {"kind": "sample.task"}


async def told(feed: Feed, *, scope: Any = None, place: Any = None, number: int) -> list[StreamedEvent]:
    """The next `number` events."""
    found: list[StreamedEvent] = []
    async with asyncio.timeout(20), aclosing(feed.listen(scope, place)) as batches:
        async for batch in batches:
            found += batch
            if len(found) >= number:
                break
    return found


async def test_an_event_that_commits_late_is_told_though_its_id_is_lower(api: Api) -> None:
    person = await api.person(OWNER)
    feed = Feed(api.database, every=0.05)
    heard: list[int] = []
    listening = asyncio.create_task(told(feed, number=2))
    async with asyncio.timeout(10):
        while not feed._queues or feed._place.xid == 0:
            await asyncio.sleep(0.01)
    async with api.database.write("system") as slow:
        await enqueue(slow, TaskRequest(kind="sample.task", payload={}, title="first", owner_id=person.id))
        async with api.database.write("system") as quick:
            await enqueue(quick, TaskRequest(kind="sample.task", payload={}, title="second", owner_id=person.id))
        await asyncio.sleep(0.2)  # some looks later nothing has been told: the older transaction is still open
        assert not listening.done()
    heard = [each.event.id for each in await listening]
    assert heard == sorted(heard) and len(heard) == 2


async def test_going_on_from_any_event_misses_and_repeats_nothing(api: Api) -> None:
    program = await api.program()
    for n in range(6):
        task_id = await make_task(program, title=str(n))
        if n % 2:
            await program.post(f"{V1}/tasks/{task_id}/cancel")
    begin = parse_place("0.0")
    whole = await told(Feed(api.database, every=0.05), place=begin, number=9)
    assert len(whole) == 9 and [each.place for each in whole] == sorted(each.place for each in whole)
    for n in range(8):
        rest = await told(Feed(api.database, every=0.05), place=whole[n].place, number=8 - n)
        assert [each.event.id for each in rest] == [each.event.id for each in whole[n + 1 :]]


async def test_each_hears_their_own_by_one_query_for_all(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await api.person(OWNER), await api.person(OTHER)
    feed = Feed(api.database, every=0.05)
    looks = 0
    look = feed._new

    async def counted() -> list[StreamedEvent]:
        nonlocal looks
        looks += 1
        return await look()

    monkeypatch.setattr(feed, "_new", counted)
    mine = [asyncio.create_task(told(feed, scope=person.id, number=1)) for person in (first, second) for _ in range(5)]
    async with asyncio.timeout(10):
        while len(feed._queues) < 10:
            await asyncio.sleep(0.01)
    before = looks
    async with asyncio.timeout(10):
        while looks < before + 3:
            await asyncio.sleep(0.01)
    for person in (first, second):
        async with api.database.write("system") as session:
            await enqueue(session, TaskRequest(kind="sample.task", payload={}, owner_id=person.id))
    heard = await asyncio.gather(*mine)
    assert [batch[0].event.owner_id for batch in heard] == [first.id] * 5 + [second.id] * 5
    async with asyncio.timeout(10):
        while feed._asking is not None and not feed._asking.done():  # nobody listens: nothing is asked
            await asyncio.sleep(0.02)


async def test_nobody_has_more_streams_than_allowed(database: Database, api: Api) -> None:
    person = await api.person(OWNER)
    feed = Feed(database)
    held = [feed.streams.one_more(person.id) for _ in range(STREAMS)]
    for each in held:
        feed.streams.admit(person.id)
        each.__enter__()
    with pytest.raises(TooMany):
        feed.streams.admit(person.id)
    held[0].__exit__(None, None, None)
    feed.streams.admit(person.id)


@pytest.mark.parametrize("given", ["7", "x.y", "1.-1", "1.2.3", f"{2**63}.1", "²3.1"])
async def test_a_place_that_is_none_is_refused(api: Api, given: str) -> None:
    with pytest.raises(Invalid):
        parse_place(given)
    if given.isascii():
        program = await api.program()
        is_problem(await program.get(f"{V1}/events", headers={"Last-Event-ID": given}), 422)


@pytest.mark.slow
async def test_a_program_listens_leaves_and_comes_back(api: Api, servers: Servers, tmp_path: Path) -> None:
    token = await api.token()
    port = processes.free_port()
    with processes.web(processes.environment(servers, tmp_path), tmp_path / "web.log", port):
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as program:
            made = []
            async with program.stream("GET", f"{V1}/events") as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                lines = stream.aiter_lines()
                assert await anext(lines) == ": listening"
                made.append(await make_task(program))
                last, event = await next_event(lines)
            assert (event["task_id"], event["verb"]) == (str(made[0]), "enqueue")
            made += [await make_task(program) for _ in range(2)]
            async with program.stream("GET", f"{V1}/events", headers={"Last-Event-ID": last}) as stream:
                lines = stream.aiter_lines()
                heard = [(await next_event(lines))[1]["task_id"] for _ in range(2)]
            assert heard == [str(task_id) for task_id in made[1:]]


async def next_event(lines: Any) -> tuple[str, dict[str, Any]]:
    """Its id and its data."""
    place = ""
    async for line in lines:
        if line.startswith("id: "):
            place = line[4:]
        if line.startswith("data: "):
            return place, msgspec.json.decode(line[6:])
    raise AssertionError("the stream has ended")
