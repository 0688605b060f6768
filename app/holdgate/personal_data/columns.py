"""Which columns can hold something of a person: all with text. Read off the tables, so that a new one is among them."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from sqlalchemy import ARRAY, JSON, Column, ColumnElement, LargeBinary, Table, Text, Uuid, bindparam, cast, or_, select
from sqlalchemy.dialects.postgresql import TSVECTOR

from holdgate.core.postgres.tables import Base

# Of these nothing is exported: hashes of secrets, and secrets.
HIDDEN = {"webhook_endpoints.secret", "webhook_endpoints.old_secret"}
# Bytes, which no pattern is looked for in; what becomes of each when its person is erased.
BYTES = {
    "api_replies.request_hash": "deleted with the person's programs",
    "api_replies.body": "deleted with the person's programs; those of others after a day",
    "api_tokens.token_hash": "deleted",
    "application_files.content": "deleted",
    "approval_digest_links.token_hash": "a digest, deleted with its email",
    "approval_links.token_hash": "a digest",
    "login_links.token_hash": "deleted",
    "login_links.browser_hash": "deleted",
    "login_links.code_hash": "deleted",
    "mailbox_messages.raw": "deleted where the address is in it",
    "posting_imports.data": "deleted",
    "program_requests.digest": "a digest",
    "resumes.content": "deleted",
    "sessions.token_hash": "deleted",
}
# Made by the database from others, or by triggers when they change.
DERIVED = {"approval_recipients.person", "postings.words", "task_words.words"}


def name_of(column: Column[Any]) -> str:
    return f"{column.table.name}.{column.name}"


def tables() -> Iterator[Table]:
    # By name: whoever knows all tables stands above the features.
    import_module("holdgate.schema")
    return iter(sorted(Base.metadata.tables.values(), key=lambda table: table.name))


def texts(table: Table) -> list[Column[Any]]:
    """Its columns in which an address can stand."""
    return [
        column
        for column in table.columns
        if column.computed is None
        and (
            isinstance(column.type, Text | JSON)
            or (isinstance(column.type, ARRAY) and isinstance(column.type.item_type, Text))
        )
    ]


def holds_bytes(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, LargeBinary | TSVECTOR)]


def mentions(table: Table) -> ColumnElement[bool] | None:
    """Rows in which the address stands anywhere."""
    found = [cast(column, Text).regexp_match(bindparam("pattern"), flags="i") for column in texts(table)]
    return or_(*found) if found else None


# Tables about a person, by their address: what they have decided, did, belong to. Rows of others that only mention them
# are not the person's own to read.
BY_ADDRESS = {
    "approval_digests",
    "approval_recipients",
    "approval_votes",
    "audit_events",
    "group_members",
    "login_links",
    "person_times",
}


def addressed(table: Table) -> ColumnElement[bool] | None:
    """Rows that are about the person, who has no account of their own there."""
    if table.name not in BY_ADDRESS:
        return None
    plain = [column for column in texts(table) if isinstance(column.type, Text)]
    return or_(*(column.in_([bindparam("address"), bindparam("actor")]) for column in plain))


def owned(table: Table, seen: frozenset[str] = frozenset()) -> ColumnElement[bool] | None:
    """Rows that are the person's, or belong to such a row. A column says so by its foreign key, or in tables that have
    none, for their speed, by its name."""
    person = bindparam("user_id", type_=Uuid())
    parents: list[tuple[Column[Any], Column[Any]]] = []
    for column in table.columns:
        keys = [key.column for key in column.foreign_keys]
        if column.name == "owner_id" or (table.name, column.name) == ("users", "id"):
            return column == person
        if any(key.table.name == "users" for key in keys):
            return column == person
        if not keys and column.name == "task_id":
            keys = [table.metadata.tables["tasks"].c.id]
        parents += [(column, key) for key in keys if key.table.name not in seen and key.table is not table]
    found = [
        column.in_(select(key).where(theirs))
        for column, key in parents
        if (theirs := owned(key.table, seen | {table.name})) is not None
    ]
    return or_(*found) if found else None
