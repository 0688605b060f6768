"""A large run: what a person waits for is one bounded chunk, the rest follows by the sweeper."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs import service
from holdgate.runs.states import RunVerb
from holdgate.stats.counts import counts_by_run
from holdgate.tasks.service import TaskRequest
from tests.factories.approvals import principal

pytestmark = pytest.mark.slow

SIZE = 20_000


async def start(database: Database, by: Principal) -> UUID:
    async with database.write(by.actor) as session:
        requests = [TaskRequest(kind="test.steps", payload={"name": "x"})] * SIZE
        return await service.start_run(session, by, "A large run", requests)


async def moved_by(database: Database, run_id: UUID, actor: str, verb: str) -> int:
    """How many tasks of the run this actor moved in its largest transaction."""
    async with database.read() as session:
        found = await session.scalar(
            text(
                """SELECT max(n) FROM (SELECT count(*) AS n FROM task_events
                   WHERE run_id = :run AND actor = :actor AND verb = :verb GROUP BY xid) AS q"""
            ),
            {"run": run_id, "actor": actor, "verb": verb},
        )
    return int(found or 0)


async def test_each_verb_moves_one_chunk_at_once_and_all_tasks_in_the_background(database: Database) -> None:
    ann = await principal(database)
    person = msgspec.structs.replace(ann, name="Ann")
    run_id = await start(database, person)
    for verb, task_verb, state in (
        (RunVerb.PAUSE, "pause", "paused"),
        (RunVerb.RESUME, "unpause", "queued"),
        (RunVerb.CANCEL, "cancel", "cancelled"),
    ):
        async with database.write(person.actor) as session:
            await service.act(session, person, run_id, verb)
        async with database.read() as session:
            counts = (await counts_by_run(session, [run_id]))[run_id]
        assert counts[state] == service.CHUNK
        assert sum(counts.values()) == SIZE
        beats = 1
        more = True
        while more:
            async with database.write("system") as session:
                more = await service.settle(session)
            beats += 1
        async with database.read() as session:
            assert (await counts_by_run(session, [run_id]))[run_id] == {state: SIZE}
        assert beats >= SIZE / service.CHUNK
        for actor in (person.actor, "system"):
            assert await moved_by(database, run_id, actor, task_verb) == service.CHUNK


@pytest.mark.parametrize("before", [RunVerb.PAUSE, RunVerb.RESUME])
async def test_a_verb_given_while_the_last_one_is_still_followed_wins(database: Database, before: RunVerb) -> None:
    ann = await principal(database)
    run_id = await start(database, ann)
    for verb in (RunVerb.PAUSE, *([RunVerb.RESUME] if before is RunVerb.RESUME else []), RunVerb.CANCEL):
        async with database.write(ann.actor) as session:
            await service.act(session, ann, run_id, verb)
        async with database.write("system") as session:
            await service.settle(session)
    more = True
    while more:
        async with database.write("system") as session:
            more = await service.settle(session)
    async with database.read() as session:
        assert (await counts_by_run(session, [run_id]))[run_id] == {"cancelled": SIZE}
