"""Taking a bulk action back where it can be: what was cancelled goes on, a priority is what it was."""

import re
from html import unescape

import httpx

from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.states import TaskState
from tests.bulk.conftest import ann, member, transport  # noqa: F401
from tests.factories.bulk import confirm, finish, start
from tests.factories.people import Browser, words
from tests.factories.tasks import make_task
from tests.factories.workers import task_of


def undo(page: httpx.Response) -> str | None:
    found = re.search(r'href="([^"]+)"[^>]*>Undo', page.text)
    return unescape(found[1]) if found else None


async def test_what_was_cancelled_goes_on_and_nothing_else_does(
    database: Database,
    member: Browser,  # noqa: F811
    ann: Principal,  # noqa: F811
) -> None:
    tasks = [await make_task(database, owner_id=ann.id) for _ in range(3)]
    before = await make_task(database, TaskState.CANCELLED, owner_id=ann.id)
    action = await start(database, ann, BulkVerb.CANCEL, TaskFilter())
    assert undo(await member.get(f"/bulk/{action}")) is None  # it is still under way
    await finish(database)
    asked = await member.get(undo(await member.get(f"/bulk/{action}")) or "")
    assert "Retry 3 tasks" in words(asked)
    assert (await confirm(member, asked)).status_code == 303
    await finish(database)
    assert {(await task_of(database, task)).state for task in tasks} == {"queued"}
    assert (await task_of(database, before)).state == "cancelled"


async def test_a_priority_goes_back_to_what_it_was(
    database: Database,
    member: Browser,  # noqa: F811
    ann: Principal,  # noqa: F811
) -> None:
    tasks = [await make_task(database, owner_id=ann.id, priority=70) for _ in range(2)]
    action = await start(database, ann, BulkVerb.PRIORITISE, TaskFilter(), priority=900)
    await finish(database)
    asked = await member.get(undo(await member.get(f"/bulk/{action}")) or "")
    assert 'name="priority" value="70"' in asked.text
    assert (await confirm(member, asked, priority="70")).status_code == 303
    await finish(database)
    assert {(await task_of(database, task)).priority for task in tasks} == {70}


async def test_no_undo_is_offered_that_would_not_lead_back(
    database: Database,
    member: Browser,  # noqa: F811
    ann: Principal,  # noqa: F811
) -> None:
    await make_task(database, owner_id=ann.id, priority=70)
    await make_task(database, owner_id=ann.id, priority=80)
    mixed = await start(database, ann, BulkVerb.PRIORITISE, TaskFilter(), priority=900)
    await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id)
    retried = await start(database, ann, BulkVerb.RETRY, TaskFilter())
    await finish(database)
    for action in (mixed, retried):
        assert undo(await member.get(f"/bulk/{action}")) is None
