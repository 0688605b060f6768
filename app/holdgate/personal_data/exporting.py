"""The export of a person: the rows of every table that are theirs, and those in which their address stands."""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Column, ColumnElement, LargeBinary, Table, or_, select, tuple_
from sqlalchemy.dialects.postgresql import TSVECTOR

from holdgate.accounts import service as accounts
from holdgate.core.db import Database, Session
from holdgate.core.text.addresses import checked_address
from holdgate.personal_data.addresses import sought
from holdgate.personal_data.columns import HIDDEN, addressed, mentions, name_of, owned, tables, texts

CHUNK = 200


class ExportedPerson(msgspec.Struct, frozen=True):
    """Whose data. `mentions`: also rows of others in which the address stands somewhere in a text."""

    address: str
    user_id: UUID | None
    mentions: bool


async def find_person(session: Session, email: str, *, mentions: bool = True) -> ExportedPerson:
    """Whoever has the address, with or without an account. Raises BadAddress."""
    address = checked_address(email)
    found = await accounts.find_user_by_email(session, address)
    return ExportedPerson(address, found.id if found else None, mentions)


async def export_person(database: Database, person: ExportedPerson) -> AsyncGenerator[bytes, None]:
    """One JSON object: a list of rows for each table that has some. Cut off, it is no JSON."""
    about = {"address": person.address, "user_id": person.user_id, "mentions": person.mentions}
    yield b'{"person":' + msgspec.json.encode(about) + b',"tables":{'
    first_table = True
    for table in tables():
        first_row = True
        async for rows in _rows(database, table, person):
            if first_row:
                yield b"" if first_table else b"],"
                yield b"\n" + msgspec.json.encode(str(table.name)) + b":["
            text = b",\n".join(msgspec.json.encode(row, enc_hook=str) for row in rows)
            yield text if first_row else b",\n" + text
            first_table = first_row = False
    yield b"" if first_table else b"]"
    yield b"}}\n"


async def _rows(database: Database, table: Table, person: ExportedPerson) -> AsyncIterator[list[dict[str, Any]]]:
    """Chunks in the order of the key, each a short transaction of its own."""
    wanted = [owned(table), mentions(table) if person.mentions else addressed(table)]
    conditions: list[ColumnElement[bool]] = [each for each in wanted if each is not None]
    if not conditions or not (texts(table) or owned(table) is not None):
        return
    key = list(table.primary_key.columns)
    shown = [column.name for column in table.columns if _exported(column)]
    statement = select(table).where(or_(*conditions)).order_by(*key)
    values = {"user_id": person.user_id, "address": person.address, "actor": f"user:{person.address}"}
    values["pattern"] = sought([person.address]).pattern
    after: tuple[Any, ...] | None = None
    while True:
        behind = statement if after is None else statement.where(tuple_(*key) > tuple_(*after))
        async with database.read_replica() as session:
            found = (await session.execute(behind.limit(CHUNK) if key else behind, values)).mappings().all()
        if found:
            yield [{name: _plain(row[name]) for name in shown} for row in found]
            after = tuple(found[-1][column.name] for column in key)
        if not key or len(found) < CHUNK:
            return


def _exported(column: Column[Any]) -> bool:
    """No digest of a secret, and nothing that is made from what stands in another column."""
    hidden = isinstance(column.type, LargeBinary) and column.name not in ("content", "data")
    return not hidden and not isinstance(column.type, TSVECTOR) and name_of(column) not in HIDDEN


def _plain(value: Any) -> Any:
    return b64encode(value).decode() if isinstance(value, bytes) else value
