"""The statements behind an import: one transaction, once, whoever else is at it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings.errors import ErrorsNotAccepted, ImportAlreadyConfirmed, ImportNotFound, NothingToImport
from holdgate.postings.formats import Parsed, RowError
from holdgate.postings.imports import queries, service
from tests.factories.postings import listed, row

ERROR = RowError(9, "url", "This row has no url.", "")


async def keep(database: Database, by: Principal, *numbers: int, errors: tuple[RowError, ...] = ()) -> UUID:
    async with database.write(by.actor) as session:
        return await service.keep(session, by, "a.csv", Parsed("csv", [row(n, f"Job {n}") for n in numbers], [*errors]))


async def confirm(database: Database, by: Principal, import_id: UUID, *, leave_out: bool = False) -> service.Imported:
    async with database.write(by.actor) as session:
        return await service.confirm(session, by, import_id, leave_out_errors=leave_out)


async def test_two_confirmations_at_once_import_once(database: Database, ada: Principal) -> None:
    import_id = await keep(database, ada, *range(500))
    both = await asyncio.gather(*(confirm(database, ada, import_id) for _ in range(2)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in both) == ["ImportAlreadyConfirmed", "Imported"]
    assert len(await listed(database, ada)) == 500


async def test_confirmation_and_discarding_at_once_end_in_one_of_them(database: Database, ada: Principal) -> None:
    for _ in range(5):
        import_id = await keep(database, ada, 1)

        async def discard(import_id: UUID = import_id) -> None:
            async with database.write(ada.actor) as session:
                await service.discard(session, ada, import_id)

        both = await asyncio.gather(confirm(database, ada, import_id), discard(), return_exceptions=True)
        refused = [outcome for outcome in both if isinstance(outcome, Exception)]
        assert len(refused) == 1
        assert isinstance(refused[0], ImportAlreadyConfirmed | ImportNotFound)


async def test_two_imports_with_the_same_postings_in_opposite_order_do_not_deadlock(
    database: Database, ada: Principal
) -> None:
    forward = await keep(database, ada, *range(300))
    backward = await keep(database, ada, *reversed(range(300)))
    done = await asyncio.gather(confirm(database, ada, forward), confirm(database, ada, backward))
    assert sum(outcome.new for outcome in done) == 300
    assert sum(outcome.known for outcome in done) == 300


async def test_a_confirmation_that_fails_half_way_imports_nothing(database: Database, ada: Principal) -> None:
    import_id = await keep(database, ada, 1, 2, 3)
    with pytest.raises(RuntimeError):
        async with database.write(ada.actor) as session:
            await service.confirm(session, ada, import_id, leave_out_errors=False)
            raise RuntimeError
    assert await listed(database, ada) == []
    assert (await confirm(database, ada, import_id)).new == 3


async def test_errors_have_to_be_accepted_and_a_refusal_changes_nothing(database: Database, ada: Principal) -> None:
    import_id = await keep(database, ada, 1, errors=(ERROR, RowError(9, "title", "No title.", "")))
    with pytest.raises(ErrorsNotAccepted, match="1 row with errors would be skipped"):
        await confirm(database, ada, import_id)
    async with database.read() as session:
        waiting = await service.preview(session, ada, import_id)
    assert (waiting.confirmed_at, waiting.bad_rows, len(waiting.errors)) == (None, 1, 2)
    assert (await confirm(database, ada, import_id, leave_out=True)).new == 1


async def test_an_import_without_any_good_row_cannot_be_confirmed(database: Database, ada: Principal) -> None:
    import_id = await keep(database, ada, errors=(ERROR,))
    with pytest.raises(NothingToImport):
        await confirm(database, ada, import_id, leave_out=True)


async def test_the_postings_of_an_import_are_listed_in_the_order_of_its_file(
    database: Database, ada: Principal
) -> None:
    await confirm(database, ada, await keep(database, ada, *range(120)))
    await confirm(database, ada, await keep(database, ada, 200))
    assert [posting.title for posting in await listed(database, ada)] == ["Job 200", *(f"Job {n}" for n in range(120))]


async def test_imports_are_forgotten_after_a_day(database: Database, ada: Principal) -> None:
    old, fresh = await keep(database, ada, 1), await keep(database, ada, 2)
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE posting_imports SET created_at = now() - interval '25 hours' WHERE id = :id"), {"id": old}
        )
        assert await queries.forget_old_imports(session, now=datetime.now(UTC) - timedelta(hours=2)) == 0
        assert await queries.forget_old_imports(session) == 1
    with pytest.raises(ImportNotFound):
        await confirm(database, ada, old)
    assert (await confirm(database, ada, fresh)).new == 1


async def test_ten_thousand_rows_are_imported_at_once(database: Database, ada: Principal) -> None:
    import_id = await keep(database, ada, *range(10_000))
    async with database.read() as session:
        assert (await service.preview(session, ada, import_id)).new_count == 10_000
    assert (await confirm(database, ada, import_id)).new == 10_000
