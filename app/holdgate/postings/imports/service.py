"""Importing in two steps: a parsed file waits, shown as a preview, until its owner confirms or discards it."""

from datetime import datetime
from uuid import UUID

import msgspec

from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import AppError
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.postings import service
from holdgate.postings.errors import ErrorsNotAccepted, ImportAlreadyConfirmed, ImportNotFound, NothingToImport
from holdgate.postings.formats import Parsed, RowError, RowWarning
from holdgate.postings.imports import queries
from holdgate.postings.imports.queries import AddedPosting, Candidate
from holdgate.postings.service import Started


class ImportPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming an import would do: `new` becomes postings, `known` are there, `errors` are left out,
    `warnings` are to be looked at.

    `bad_rows` counts the rows with errors; one row may have several.
    """

    id: UUID
    name: str
    format: str
    created_at: datetime
    confirmed_at: datetime | None
    new: list[Candidate]
    known: list[Candidate]
    errors: list[RowError]
    warnings: list[RowWarning]
    bad_rows: int


class Imported(msgspec.Struct, frozen=True):
    """What an import has done, in rows: of the `known` ones `refreshed` have another text or form now."""

    new: int
    known: int
    refreshed: int = 0
    added: list[AddedPosting] = []


async def keep(session: WriteSession, by: Principal, name: str, parsed: Parsed, *, board: str = "") -> UUID:
    """Store a parsed file until its owner decides. `name` is what they know it by; `board` is the address that a
    board's answer was fetched from."""
    import_id = uuid7()
    await queries.insert_import(
        session,
        id=import_id,
        owner_id=by.id,
        name=name,
        format=parsed.format,
        board=board,
        rows=msgspec.json.encode(parsed.rows).decode(),
        errors=msgspec.json.encode(parsed.errors).decode(),
        warnings=msgspec.json.encode(parsed.warnings).decode(),
    )
    return import_id


async def preview(session: Session, by: Principal, import_id: UUID) -> ImportPreview:
    """Raises ImportNotFound, also for somebody else's."""
    found = await queries.find_import(session, import_id, by.id)
    if found is None:
        raise ImportNotFound
    rows = await queries.candidates(session, import_id)
    return ImportPreview(
        id=found.id,
        name=found.name,
        format=found.format,
        created_at=found.created_at,
        confirmed_at=found.confirmed_at,
        new=[row for row in rows if row.known_id is None],
        known=[row for row in rows if row.known_id is not None and not row.closed],
        errors=found.errors,
        warnings=found.warnings,
        bad_rows=_rows_of(found.errors),
    )


async def confirm(
    session: WriteSession, by: Principal, import_id: UUID, *, leave_out_errors: bool, now: datetime | None = None
) -> Imported:
    """All good rows become postings, in this transaction; those whose address is known get the text and the questions
    of their rows, unless they have been applied to or changed by hand.

    Raises:
        ImportNotFound: discarded, forgotten, never there, or somebody else's.
        ImportAlreadyConfirmed: confirmed before.
        ErrorsNotAccepted: some rows have errors and `leave_out_errors` is not given. NothingToImport: all have.
    """
    good = await queries.claim_import(session, import_id, by.id, leave_out=leave_out_errors, now=now)
    if good is None:
        raise await _refusal(session, by, import_id)
    ids = sorted((uuid7() for _ in range(good)), reverse=True)
    refreshed = await queries.refresh_postings(session, import_id)
    await queries.note_known(session, import_id)
    added = await queries.insert_postings(session, import_id, ids)
    return Imported(len(added), good - len(added), refreshed, added)


async def confirm_and_start(
    session: WriteSession, by: Principal, import_id: UUID, *, name: str, leave_out_errors: bool
) -> tuple[Imported, Started]:
    """Confirm, and start a run with all of the file, less what has been applied to or
    is closed. The run has the import's id.

    Raises:
        What `confirm` does, and `service.start_applications`: whoever catches it has to undo the import.
    """
    done = await confirm(session, by, import_id, leave_out_errors=leave_out_errors)
    rows = await queries.candidates(session, import_id)
    postings = [row.known_id for row in rows if row.known_id is not None]
    started = await service.start_applications(
        session, by, name=name, posting_ids=postings, force=False, form=import_id
    )
    return done, started


async def discard(session: WriteSession, by: Principal, import_id: UUID) -> None:
    """Raises ImportNotFound, ImportDone."""
    if not await queries.delete_import(session, import_id, by.id):
        raise await _refusal(session, by, import_id)


async def _refusal(session: WriteSession, by: Principal, import_id: UUID) -> AppError:
    """Why an import could be neither carried out nor discarded."""
    found = await queries.find_import(session, import_id, by.id)
    if found is None:
        return ImportNotFound()
    if found.confirmed_at is not None:
        return ImportAlreadyConfirmed()
    if not found.good:
        return NothingToImport()
    return ErrorsNotAccepted(found.good, _rows_of(found.errors))


def _rows_of(errors: list[RowError]) -> int:
    """How many rows they are about: one row may have several."""
    return len({error.row for error in errors})
