"""Bulk actions in tests: started as a person does, carried out beat by beat."""

import json
import re
from datetime import datetime
from html import unescape
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

import tests.tasks.kinds  # noqa: F401
from holdgate.bulk import service
from holdgate.bulk.models import BulkAction, BulkEvent
from holdgate.bulk.queries import events_of
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.tasks.queue.claims import Outcome, finish_tasks
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState
from tests.factories.people import Browser, words
from tests.factories.site import hidden


async def start(database: Database, by: Principal, verb: BulkVerb, wanted: TaskFilter, **more: Any) -> UUID:
    async with database.write(by.actor) as session:
        return await service.start_bulk(session, by, verb, wanted, **more)


async def beat(database: Database, now: datetime | None = None) -> bool:
    """One chunk, as the sweeper does it."""
    async with database.write("system") as session:
        return await service.advance(session, now=now)


async def finish(database: Database, now: datetime | None = None) -> None:
    """Until nothing is due."""
    while await beat(database, now):
        pass


async def action_of(database: Database, action_id: UUID) -> BulkAction:
    async with database.read() as session:
        return await session.get_one(BulkAction, action_id)


async def log_of(database: Database, action_id: UUID) -> list[BulkEvent]:
    async with database.read() as session:
        return await events_of(session, action_id)


async def run(database: Database, ids: list[UUID]) -> list[Outcome]:
    """A worker has them in hand; returns what it would write if they succeeded."""
    async with database.write("worker:x") as session:
        rows = await session.execute(
            text(
                "UPDATE tasks SET state = 'running', attempt = attempt + 1, lease_expires_at = now() + interval '1 min'"
                " WHERE id = ANY(:ids) AND state = 'queued' RETURNING id, attempt"
            ),
            {"ids": ids},
        )
        return [Outcome(row[0], row[1], TaskState.SUCCEEDED) for row in rows]


async def succeed(database: Database, ids: list[UUID]) -> None:
    outcomes = await run(database, ids)
    async with database.write("worker:x") as session:
        assert len(await finish_tasks(session, outcomes)) == len(ids)


async def fail(
    database: Database, ids: list[UUID], message: str = "It is broken.", state: TaskState = TaskState.DEAD_LETTER
) -> None:
    """They are run and fail with this message: for good, or until the next try."""
    error = json.dumps({"type": "RuntimeError", "message": message, "traceback": ""})
    delay = 3600.0 if state is TaskState.RETRYING else None
    outcomes = [
        Outcome(one.id, one.attempt, state, error=error, delay=delay, reason=message, failed=True)
        for one in await run(database, ids)
    ]
    async with database.write("worker:x") as session:
        assert len(await finish_tasks(session, outcomes)) == len(ids)


async def buried(database: Database, n: int, message: str = "It is broken.", **request: Any) -> list[UUID]:
    """Dead letters of one error, in the order of their ids."""
    wanted = {"kind": "test.nothing", "payload": {}, **request}
    async with database.write("system") as session:
        ids = await enqueue_many(session, [TaskRequest(**wanted)] * n)
    await fail(database, ids, message)
    return sorted(ids)


async def confirm(browser: Browser, page: httpx.Response, **values: str) -> httpx.Response:
    """Send the confirmation as the page has it."""
    found = re.search(r'<form class="stack form" method="post" action="([^"]*)"', page.text)
    assert found, words(page)
    seen = {name: hidden(page.text, name) for name in ("expected", "at")}
    return await browser.send_form(unescape(found[1]), {**seen, **values})
