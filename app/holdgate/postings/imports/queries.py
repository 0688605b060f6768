"""Statements about imports: the parsed file is kept as JSON until its owner confirms or discards it.

The rows go from there into the table of postings without leaving the database.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.postings.channels import Channel
from holdgate.postings.formats import FileReading, HeaderColumn, RowError, RowWarning
from holdgate.postings.models import ColumnChoice, PostingImport

KEPT = timedelta(days=1)


class ImportPreviewRow(NamedTuple):
    """An import without its `good` rows."""

    id: UUID
    name: str
    format: str
    good: int
    errors: list[RowError]
    warnings: list[RowWarning]
    columns: list[HeaderColumn]
    reading: FileReading
    encoding: str
    board: str
    has_file: bool
    created_at: datetime
    confirmed_at: datetime | None


class PreviewedPosting(msgspec.Struct, frozen=True):
    """A row that can be imported. `posting_id` is the posting that is known under its address; `applied_on` is a date,
    or `unknown` where the file says only that it was applied to; `closed`: its last day is over."""

    row: int
    title: str
    company: str
    location: str
    url: str
    questions: int
    applied_on: str
    tracker_status: str
    valid_through: date | None
    closed: bool
    channel: Channel
    channel_reason: str
    posting_id: UUID | None


class ImportContent(NamedTuple):
    """What was read of a file, as JSON texts: lists of PostingRow, RowError, RowWarning and HeaderColumn."""

    format: str
    rows: str
    errors: str
    warnings: str
    columns: str
    encoding: str


_INSERT = text(
    """
    INSERT INTO posting_imports (id, owner_id, name, board, data, reading, format, rows, errors, warnings, columns,
                                 encoding)
    VALUES (:id, :owner_id, :name, :board, :data, CAST(:reading AS jsonb), :format, CAST(:rows AS jsonb),
            CAST(:errors AS jsonb), CAST(:warnings AS jsonb), CAST(:columns AS jsonb), :encoding)
    """
)


async def insert_import(
    session: WriteSession,
    *,
    id: UUID,
    owner_id: UUID,
    name: str,
    board: str,
    data: bytes | None,
    reading: str,
    content: ImportContent,
) -> None:
    values = {"id": id, "owner_id": owner_id, "name": name, "board": board, "data": data, "reading": reading}
    await session.execute(_INSERT, {**values, **content._asdict()})


_REPLACE = text(
    """
    UPDATE posting_imports
    SET reading = CAST(:reading AS jsonb), format = :format, rows = CAST(:rows AS jsonb),
        errors = CAST(:errors AS jsonb), warnings = CAST(:warnings AS jsonb), columns = CAST(:columns AS jsonb),
        encoding = :encoding
    WHERE id = :id AND owner_id = :owner_id AND confirmed_at IS NULL
    RETURNING id
    """
)


async def replace_content(
    session: WriteSession, import_id: UUID, owner_id: UUID, reading: str, content: ImportContent
) -> bool:
    """The same file, read another way. False: it does not wait any more."""
    values = {"id": import_id, "owner_id": owner_id, "reading": reading, **content._asdict()}
    return (await session.execute(_REPLACE, values)).first() is not None


async def find_file(session: AsyncSession, import_id: UUID, owner_id: UUID) -> tuple[bytes, FileReading] | None:
    """The file of an import that waits, and how it was read; None: it is not kept."""
    found = (
        await session.execute(
            select(PostingImport.data, PostingImport.reading).where(
                PostingImport.id == import_id,
                PostingImport.owner_id == owner_id,
                PostingImport.confirmed_at.is_(None),
                PostingImport.data.is_not(None),
            )
        )
    ).first()
    return (found[0], msgspec.convert(found[1], FileReading)) if found else None


async def column_choice(session: AsyncSession, owner_id: UUID, header: str) -> dict[str, str]:
    """Which column is which in tables with this header, as the person said before; nothing if they did not."""
    mine = (ColumnChoice.owner_id == owner_id, ColumnChoice.header == header)
    found = (await session.execute(select(ColumnChoice.fields).where(*mine))).scalar_one_or_none()
    return {str(name): str(field) for name, field in (found or {}).items()}


async def keep_column_choice(session: WriteSession, owner_id: UUID, header: str, fields: dict[str, str]) -> None:
    values = {"fields": fields, "chosen_at": func.now()}
    await session.execute(
        upsert(ColumnChoice)
        .values(owner_id=owner_id, header=header, **values)
        .on_conflict_do_update(index_elements=[ColumnChoice.owner_id, ColumnChoice.header], set_=values)
    )


async def find_import(session: AsyncSession, import_id: UUID, owner_id: UUID) -> ImportPreviewRow | None:
    found = await session.execute(
        select(
            PostingImport.id,
            PostingImport.name,
            PostingImport.format,
            func.jsonb_array_length(PostingImport.rows),
            PostingImport.errors,
            PostingImport.warnings,
            PostingImport.columns,
            PostingImport.reading,
            PostingImport.encoding,
            PostingImport.board,
            PostingImport.data.is_not(None),
            PostingImport.created_at,
            PostingImport.confirmed_at,
        ).where(PostingImport.id == import_id, PostingImport.owner_id == owner_id)
    )
    row = found.first()
    if row is None:
        return None
    return ImportPreviewRow(*row)._replace(
        errors=msgspec.convert(row.errors, list[RowError]),
        warnings=msgspec.convert(row.warnings, list[RowWarning]),
        columns=msgspec.convert(row.columns, list[HeaderColumn]),
        reading=msgspec.convert(row.reading, FileReading),
    )


_CANDIDATES = text(
    """
    SELECT r.row, r.title, r.company, r.location, r.url, jsonb_array_length(r.questions), r.applied_on,
           coalesce(r.tracker_status, ''), CAST(nullif(r.valid_through, '') AS date),
           coalesce(CAST(nullif(r.valid_through, '') AS date) < current_date, false), coalesce(r.channel, 'direct'),
           coalesce(r.channel_reason, ''), p.id
    FROM posting_imports i
    CROSS JOIN LATERAL jsonb_to_recordset(i.rows)
      AS r(row int, title text, company text, location text, url text, canonical_url text, questions jsonb,
           applied_on text, tracker_status text, valid_through text, channel text, channel_reason text)
    LEFT JOIN postings p ON p.owner_id = i.owner_id AND p.canonical_url = r.canonical_url
    WHERE i.id = :id AND (p.id IS NOT NULL) = :known
    ORDER BY r.row
    LIMIT :most OFFSET :skipped
    """
)


async def candidates(
    session: AsyncSession, import_id: UUID, *, known: bool, most: int, skipped: int = 0
) -> list[PreviewedPosting]:
    """Rows that can be imported, in the order of the file: those whose address is known, or those that are new."""
    values = {"id": import_id, "known": known, "most": most, "skipped": skipped}
    found = [PreviewedPosting(*row) for row in await session.execute(_CANDIDATES, values)]
    return [replace(each, channel=Channel(each.channel)) for each in found]


_COUNTED = text(
    """
    SELECT p.id IS NOT NULL, coalesce(r.channel, 'direct'),
           r.applied_on = '' AND NOT coalesce(CAST(nullif(r.valid_through, '') AS date) < current_date, false),
           count(*)
    FROM posting_imports i
    CROSS JOIN LATERAL jsonb_to_recordset(i.rows)
      AS r(canonical_url text, applied_on text, valid_through text, channel text)
    LEFT JOIN postings p ON p.owner_id = i.owner_id AND p.canonical_url = r.canonical_url
    WHERE i.id = :id
    GROUP BY 1, 2, 3
    """
)


class CandidateCounts(NamedTuple):
    """How many rows are new and known; `by_channel` are the new ones to be sent in each way."""

    new: int
    known: int
    by_channel: dict[Channel, int]


async def count_candidates(session: AsyncSession, import_id: UUID) -> CandidateCounts:
    counts, by_channel = Counter[bool](), Counter[Channel]()
    for known, channel, to_send, number in await session.execute(_COUNTED, {"id": import_id}):
        counts[known] += number
        if to_send and not known:
            by_channel[Channel(channel)] += number
    return CandidateCounts(counts[False], counts[True], dict(by_channel))


_CLAIM = text(
    """
    UPDATE posting_imports SET confirmed_at = coalesce(CAST(:now AS timestamptz), now()), data = NULL
    WHERE id = :id AND owner_id = :owner_id AND confirmed_at IS NULL AND rows <> '[]'
      AND (errors = '[]' OR CAST(:leave_out AS bool))
    RETURNING jsonb_array_length(rows)
    """
)


async def claim_import(
    session: WriteSession, import_id: UUID, owner_id: UUID, *, leave_out: bool, now: datetime | None = None
) -> int | None:
    """The guarded UPDATE that lets one transaction carry it out: a second one waits here, then finds it confirmed.

    Returns the number of good rows, or None: not waiting, none is good, or some have errors without `leave_out`.
    """
    values = {"id": import_id, "owner_id": owner_id, "leave_out": leave_out, "now": now}
    return (await session.execute(_CLAIM, values)).scalar_one_or_none()


async def delete_import(session: WriteSession, import_id: UUID, owner_id: UUID) -> bool:
    """False: there is none that waits."""
    gone = await session.execute(
        delete(PostingImport)
        .where(
            PostingImport.id == import_id,
            PostingImport.owner_id == owner_id,
            PostingImport.confirmed_at.is_(None),
        )
        .returning(PostingImport.id)
    )
    return gone.first() is not None


async def forget_old_imports(session: WriteSession, *, now: datetime | None = None) -> int:
    """Imports of more than a day ago, confirmed or not: the postings are elsewhere. Returns how many."""
    gone = await session.execute(
        delete(PostingImport).where(PostingImport.created_at < _at(now) - KEPT).returning(PostingImport.id)
    )
    return len(gone.all())


def _at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, PostingImport.created_at.type)
