"""Counts and events for programs: how the queues stand, and what happens as it happens."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec
from litestar.response import Stream

from holdgate.api.endpoints import SSE
from holdgate.api.routes import get
from holdgate.core.db import ReadSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.stats import counts as stats
from holdgate.tasks import queues
from holdgate.tasks.schemas import QueueItem, Stats, event
from holdgate.tasks.search import lists
from holdgate.tasks.states import TaskState
from holdgate.tasks.streams.events import Feed, StreamedEvent, StreamPlace, parse_place
from holdgate.web.http.request import WebRequest

PLACE = "Last-Event-ID"
SILENCE = 15  # looks without anything new, a second each, after which a comment keeps the connection alive


@get("/stats", scope=Scope.TASKS_READ, tag="Catalogue", summary="Read counts")
async def get_stats(user: Principal, read: ReadSession) -> Stats:
    """Exact at this moment, and as quick with ten million tasks as with ten."""
    by_kind = await stats.counts_by_kind(read, user.scope)
    states: dict[str, int] = {}
    kinds: dict[str, dict[str, int]] = {}
    by_queue: dict[str, dict[str, int]] = {}
    for (queue, kind), counts in by_kind.items():
        for state, n in counts.items():
            states[state] = states.get(state, 0) + n
            for line in (kinds.setdefault(kind, {}), by_queue.setdefault(queue, {})):
                line[state] = line.get(state, 0) + n
    workers = await lists.list_workers(read)
    standing = await queues.standing(read, by_queue, workers)
    return Stats(
        states=states,
        retries=states.get(TaskState.RETRYING, 0),
        dead_letters=states.get(TaskState.DEAD_LETTER, 0),
        oldest=max((line.oldest.total_seconds() for line in standing if line.oldest), default=None),
        kinds=kinds,
        queues=[
            QueueItem(
                name=line.name,
                ready=line.ready,
                running=line.running,
                later=line.later,
                oldest=None if line.oldest is None else line.oldest.total_seconds(),
                paused=line.paused_at is not None,
            )
            for line in standing
        ],
        workers={state: sum(w.state == state for w in workers) for state in ("online", "draining", "lost")},
    )


@get(
    "/events",
    scope=Scope.TASKS_READ,
    tag="Catalogue",
    summary="Listen to changes of tasks",
    problems=(422,),
    media=SSE,
    headers={PLACE: "The `id` of the last event you were told: the stream goes on behind it. Without it, from now on."},
)
async def listen(request: WebRequest, user: Principal) -> Stream:
    """Server-sent events, one for each change, with the data of a task's event. With `Last-Event-ID` nothing is missed
    since then, as long as the events are kept; 422 for a place that is none, or of before a restore."""
    given = request.headers.get(PLACE, "")
    feed = _feed(request)
    place = parse_place(given) if given else None
    if place is not None:
        await feed.check(place)
    feed.streams.admit(user.id)
    return Stream(_lines(feed, user, place), media_type=SSE, headers={"X-Accel-Buffering": "no"})


def _feed(request: WebRequest) -> Feed:
    state = request.app.state
    if "feed" not in state:
        state["feed"] = Feed(state.database)
    found: Feed = state["feed"]
    return found


async def _lines(feed: Feed, user: Principal, place: StreamPlace | None) -> AsyncGenerator[bytes, None]:
    with feed.streams.one_more(user.id):
        yield b": listening\nretry: 3000\n\n"
        silent = 0
        async for batch in feed.listen(user.scope, place):
            silent = 0 if batch else silent + 1
            for told in batch:
                yield _line(told)
            if silent and silent % SILENCE == 0:
                yield b": still here\n\n"
            await asyncio.sleep(0)


def _line(told: StreamedEvent) -> bytes:
    data = msgspec.json.encode(event(told.event))
    return f"id: {told.place}\nevent: task\ndata: ".encode() + data + b"\n\n"


handlers = [get_stats, listen]
