"""Starting runs of applications: what is skipped, refused and made, at any size and by two at once."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.postings import service
from holdgate.postings.errors import PostingNotFound
from holdgate.postings.service import Started
from holdgate.runs.errors import EmptyRun
from tests.factories.postings import DAY, listed, make_postings, make_task


async def start(database: Database, by: Principal, *posting_ids: UUID, **more: Any) -> Started:
    values = {"name": "Autumn", "force": False, **more}
    async with database.write(by.actor) as session:
        return await service.start_applications(session, by, posting_ids=posting_ids, **values)


async def tasks_of(database: Database, run_id: UUID) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        rows = await session.execute(
            text(
                "SELECT kind, title, subject, payload ->> 'posting_id', owner_id, state FROM tasks"
                " WHERE run_id = :run ORDER BY position"
            ),
            {"run": run_id},
        )
        return [tuple(row) for row in rows]


async def runs_in(database: Database) -> int:
    async with database.read() as session:
        return int((await session.execute(text("SELECT count(*) FROM runs"))).scalar_one())


async def apply_to(database: Database, posting_id: UUID) -> None:
    task_id = await make_task(database)
    async with database.write("system") as session:
        await service.mark_applied(session, posting_id, task_id)


async def test_every_posting_becomes_a_task_in_the_order_of_the_list(database: Database, ada: Principal) -> None:
    first, second = await make_postings(database, ada, "Clerk", "Smith")
    started = await start(database, ada, second, first, second)
    assert (started.tasks, started.skipped, started.again) == (2, 0, False)
    assert await tasks_of(database, started.run_id) == [
        ("application.submit", f"{title} — Harrow", str(id), str(id), ada.id, "queued")
        for title, id in (("Clerk", first), ("Smith", second))
    ]


async def test_what_has_been_applied_to_is_skipped_unless_forced(database: Database, ada: Principal) -> None:
    done, todo = await make_postings(database, ada, "Done", "To do")
    await apply_to(database, done)
    started = await start(database, ada, done, todo)
    assert (started.tasks, started.skipped) == (1, 1)
    assert [task[2] for task in await tasks_of(database, started.run_id)] == [str(todo)]
    forced = await start(database, ada, done, todo, force=True)
    assert (forced.tasks, forced.skipped) == (2, 0)


async def test_a_run_with_nothing_left_is_refused(database: Database, ada: Principal) -> None:
    first, second = await make_postings(database, ada, "Clerk", "Smith")
    await apply_to(database, first)
    await apply_to(database, second)
    with pytest.raises(EmptyRun, match=r"Choose at least one posting\."):
        await start(database, ada)
    with pytest.raises(EmptyRun, match="The chosen posting has been applied to already"):
        await start(database, ada, first)
    with pytest.raises(EmptyRun, match="All 2 chosen postings have been applied to already"):
        await start(database, ada, first, second)
    assert await runs_in(database) == 0


async def test_postings_of_others_cannot_be_started_not_even_by_an_admin(
    database: Database, ada: Principal, bob: Principal, admin: Principal
) -> None:
    (hers,), (his,) = await make_postings(database, ada, "Hers"), await make_postings(database, bob, "His")
    for by, wanted in ((ada, [hers, his]), (admin, [hers]), (ada, [uuid7()])):
        with pytest.raises(PostingNotFound):
            await start(database, by, *wanted)
    assert await runs_in(database) == 0


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
@pytest.mark.parametrize("form", [None, uuid7()])
async def test_a_run_needs_a_name(database: Database, ada: Principal, name: str, form: UUID | None) -> None:
    wanted = await make_postings(database, ada, "Clerk")
    with pytest.raises(Invalid) as refused:
        await start(database, ada, *wanted, name=name, form=form)
    assert "name" in refused.value.fields
    assert await runs_in(database) == 0


async def test_the_same_form_sent_five_times_at_once_makes_one_run(database: Database, ada: Principal) -> None:
    wanted = await make_postings(database, ada, "Clerk", "Smith")
    form = uuid7()
    started = await asyncio.gather(*(start(database, ada, *wanted, form=form) for _ in range(5)))
    assert {one.run_id for one in started} == {form}
    assert sorted(one.again for one in started) == [False, True, True, True, True]
    assert await runs_in(database) == 1
    assert len(await tasks_of(database, form)) == 2


async def test_a_form_whose_first_sending_was_refused_can_be_sent_again(database: Database, ada: Principal) -> None:
    wanted = await make_postings(database, ada, "Clerk")
    form = uuid7()
    with pytest.raises(EmptyRun):
        await start(database, ada, form=form)
    assert (await start(database, ada, *wanted, form=form)).again is False


async def test_ten_thousand_postings_are_started_in_a_handful_of_statements(database: Database, ada: Principal) -> None:
    wanted = await make_postings(database, ada, *(f"Job {n}" for n in range(10_000)))
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        started = await start(database, ada, *wanted, form=uuid7())
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert started.tasks == 10_000
    assert len(statements) < 10
    with pytest.raises(Invalid, match="at most 10,000 postings"):
        await start(database, ada, *wanted, uuid7())


async def test_only_the_first_application_is_noted(database: Database, ada: Principal) -> None:
    (posting,) = await make_postings(database, ada, "Clerk")
    first, second = await make_task(database), await make_task(database)
    async with database.write("system") as session:
        before = await service.load(session, posting, ada.id)
        await service.mark_applied(session, posting, first, now=before.created_at + DAY)
        await service.mark_applied(session, posting, second)
    async with database.read() as session:
        found = await service.load(session, posting, ada.id)
    assert (before.applied_at, before.applied_task_id) == (None, None)
    assert (found.applied_at, found.applied_task_id) == (before.created_at + DAY, first)
    assert [one.applied_task_id for one in await listed(database, ada)] == [first]


async def test_loading_another_persons_posting_is_not_found(database: Database, ada: Principal, bob: Principal) -> None:
    (hers,) = await make_postings(database, ada, "Hers")
    async with database.read() as session:
        assert (await service.load(session, hers, ada.id)).title == "Hers"
        assert (await service.load(session, hers, None)).title == "Hers"
        for scope in (bob.id, uuid7()):
            with pytest.raises(PostingNotFound):
                await service.load(session, hers, scope)


async def test_a_posting_whose_application_is_under_way_is_skipped_unless_forced(
    database: Database, ada: Principal
) -> None:
    first, second = await make_postings(database, ada, "Clerk", "Smith")
    await start(database, ada, first)
    started = await start(database, ada, first, second)
    assert (started.tasks, started.skipped) == (1, 1)
    with pytest.raises(EmptyRun, match="under way"):
        await start(database, ada, first)
    assert (await start(database, ada, first, force=True)).tasks == 1
