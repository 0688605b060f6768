"""Importing in two steps: a parsed file waits, shown as a preview, until its owner confirms or discards it."""

from datetime import datetime
from math import ceil
from uuid import UUID

import msgspec

from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import AppError
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.postings import service
from holdgate.postings.channels import Channel
from holdgate.postings.errors import ErrorsNotAccepted, ImportAlreadyConfirmed, ImportNotFound, NothingToImport
from holdgate.postings.formats import FileReading, HeaderColumn, Parsed, RowError, RowWarning
from holdgate.postings.imports import confirm_queries, queries
from holdgate.postings.imports.confirm_queries import AddedPosting
from holdgate.postings.imports.queries import PreviewedPosting
from holdgate.postings.imports.reading import digest_of
from holdgate.postings.service import USUAL, Material, Started

PAGE = 200
"""Rows of each kind that a page of a preview shows."""


class ImportPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming an import would do, and how its file was read: `new` becomes postings, `known` are there,
    `errors` are left out, `warnings` are to be looked at. Of each a `page` of `pages` is here, and all are counted.

    `bad_rows` counts the rows with errors; one row may have several. `by_channel` counts how new ones are sent.
    """

    id: UUID
    name: str
    format: str
    encoding: str
    board: str
    columns: list[HeaderColumn]
    reading: FileReading
    has_file: bool
    created_at: datetime
    confirmed_at: datetime | None
    page: int
    pages: int
    new: list[PreviewedPosting]
    known: list[PreviewedPosting]
    errors: list[RowError]
    warnings: list[RowWarning]
    new_count: int
    known_count: int
    error_count: int
    warning_count: int
    bad_rows: int
    by_channel: dict[Channel, int]


class Imported(msgspec.Struct, frozen=True):
    """What an import has done, in rows: of the `known` ones `refreshed` have another text or form now."""

    new: int
    known: int
    refreshed: int = 0
    added: list[AddedPosting] = []


async def keep(
    session: WriteSession,
    by: Principal,
    name: str,
    parsed: Parsed,
    *,
    board: str = "",
    data: bytes | None = None,
    reading: FileReading | None = None,
) -> UUID:
    """Store a parsed file until its owner decides.

    Args:
        name: what they know it by.
        board: the address that a board's answer was fetched from.
        data: the file, to be read again another way than as `reading`.
    """
    import_id = uuid7()
    await queries.insert_import(
        session,
        id=import_id,
        owner_id=by.id,
        name=name,
        board=board,
        data=data,
        reading=msgspec.json.encode(reading or FileReading()).decode(),
        content=_content(parsed),
    )
    return import_id


def _content(parsed: Parsed) -> queries.ImportContent:
    lists = (parsed.rows, parsed.errors, parsed.warnings, parsed.columns)
    rows, errors, warnings, columns = (msgspec.json.encode(each).decode() for each in lists)
    return queries.ImportContent(parsed.format, rows, errors, warnings, columns, parsed.encoding)


async def load_file(session: Session, by: Principal, import_id: UUID) -> tuple[bytes, FileReading]:
    """The file of an import that waits, and how it was read.

    Raises:
        ImportNotFound, ImportAlreadyConfirmed
    """
    found = await queries.find_file(session, import_id, by.id)
    if found is None:
        there = await queries.find_import(session, import_id, by.id)
        raise ImportAlreadyConfirmed if there is not None and there.confirmed_at is not None else ImportNotFound
    return found


async def reread(
    session: WriteSession, by: Principal, import_id: UUID, reading: FileReading, parsed: Parsed, *, remember: bool
) -> None:
    """The same file, read another way. `remember` which column is which, for tables with this header.

    Raises:
        ImportNotFound, ImportAlreadyConfirmed
    """
    encoded = msgspec.json.encode(reading).decode()
    if not await queries.replace_content(session, import_id, by.id, encoded, _content(parsed)):
        raise await _refusal(session, by, import_id)
    if remember and reading.fields and parsed.columns:
        await queries.keep_column_choice(session, by.id, digest_of(parsed.columns), reading.fields)


async def preview(session: Session, by: Principal, import_id: UUID, *, page: int = 1) -> ImportPreview:
    """Raises ImportNotFound, also for somebody else's."""
    found = await queries.find_import(session, import_id, by.id)
    if found is None:
        raise ImportNotFound
    counts = await queries.count_candidates(session, import_id)
    most = max(counts.new, counts.known, len(found.errors), len(found.warnings), 1)
    pages = ceil(most / PAGE)
    page = min(max(page, 1), pages)
    skipped = (page - 1) * PAGE
    return ImportPreview(
        id=found.id,
        name=found.name,
        format=found.format,
        encoding=found.encoding,
        board=found.board,
        columns=found.columns,
        reading=found.reading,
        has_file=found.has_file,
        created_at=found.created_at,
        confirmed_at=found.confirmed_at,
        page=page,
        pages=pages,
        new=await queries.candidates(session, import_id, known=False, most=PAGE, skipped=skipped),
        known=await queries.candidates(session, import_id, known=True, most=PAGE, skipped=skipped),
        errors=found.errors[skipped : skipped + PAGE],
        warnings=found.warnings[skipped : skipped + PAGE],
        new_count=counts.new,
        known_count=counts.known,
        error_count=len(found.errors),
        warning_count=len(found.warnings),
        bad_rows=_rows_of(found.errors),
        by_channel=counts.by_channel,
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
    refreshed = await confirm_queries.refresh_postings(session, import_id, good)
    await confirm_queries.note_known(session, import_id)
    added = await confirm_queries.insert_postings(session, import_id, ids)
    return Imported(len(added), good - len(added), refreshed, added)


async def confirm_and_start(
    session: WriteSession,
    by: Principal,
    import_id: UUID,
    *,
    name: str,
    leave_out_errors: bool,
    material: Material = USUAL,
) -> tuple[Imported, Started]:
    """Confirm, and start a run with all of the file, less what has been applied to or
    is closed. The run has the import's id.

    Raises:
        What `confirm` does, and `service.start_applications`: whoever catches it has to undo the import.
    """
    done = await confirm(session, by, import_id, leave_out_errors=leave_out_errors)
    postings = await confirm_queries.startable(session, import_id)
    started = await service.start_applications(
        session, by, name=name, posting_ids=postings, force=False, form=import_id, material=material
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
