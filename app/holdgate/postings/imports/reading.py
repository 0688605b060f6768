"""Reading a file for a person: as they say now, or as they said before of a table with this header."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings.formats import FileReading, Parsed, RowWarning, UnknownColumns, read
from holdgate.postings.imports import queries


def digest_of(columns: Sequence[dict[str, Any]]) -> str:
    """By what a header is known again: the names of its columns."""
    return sha256("\x1f".join(str(column["name"]) for column in columns).encode()).hexdigest()


async def read_for(database: Database, by: Principal, data: bytes, reading: FileReading) -> tuple[FileReading, Parsed]:
    """How the file was read, and what it says. Raises UnreadableFile; UnknownColumns: somebody has to say of its table
    which column is which."""
    try:
        parsed = await asyncio.to_thread(read, data, reading)
        columns = parsed.columns
    except UnknownColumns as unknown:
        columns = msgspec.to_builtins(unknown.columns)
        if (chosen := await _as_before(database, by, columns, reading)) is None:
            raise
        return chosen, await asyncio.to_thread(read, data, chosen)
    chosen = await _as_before(database, by, columns, reading)
    return (reading, parsed) if chosen is None else (chosen, await asyncio.to_thread(read, data, chosen))


async def _as_before(
    database: Database, by: Principal, columns: Sequence[dict[str, Any]], reading: FileReading
) -> FileReading | None:
    if not columns or reading.fields:
        return None
    async with database.read() as session:
        fields = await queries.column_choice(session, by.id, digest_of(columns))
    return msgspec.structs.replace(reading, fields=fields) if fields else None


async def read_or_ask(
    database: Database, by: Principal, data: bytes, reading: FileReading
) -> tuple[FileReading, Parsed]:
    """As `read_for`; of a table whose columns are not known the columns alone, to be asked about in the preview."""
    try:
        return await read_for(database, by, data, reading)
    except UnknownColumns as unknown:
        columns = msgspec.to_builtins(unknown.columns)
        return reading, Parsed("csv", [], [], [RowWarning(0, "", str(unknown))], columns=columns)
