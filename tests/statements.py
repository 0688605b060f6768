"""Statements as tests look at them: how many a page may take, and by which plan they run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from holdgate.core.db import Database
from holdgate.core.postgres.connections import DatabaseConnection

MOST = 13  # that a page may send, however much there is


@contextmanager
def explaining(database: Database, how: str = "") -> Iterator[None]:
    """Statements answer with their plan, on the connection's own way of sending them. `how`: EXPLAIN's options."""

    def explain(_connection, _cursor, statement: str, parameters, *_rest):  # type: ignore[no-untyped-def]
        return (f"EXPLAIN {how} {statement}" if "SELECT" in statement else statement), parameters

    event.listen(database.engine.sync_engine, "before_cursor_execute", explain, retval=True)
    try:
        yield
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", explain)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def count(_connection, _cursor, statement: str, *_rest: object) -> None:  # type: ignore[no-untyped-def]
        sent.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", count)


@contextmanager
def round_trips(database: Database) -> Iterator[list[str]]:
    """All that goes to the server and back meanwhile: also BEGIN and COMMIT, and what goes past SQLAlchemy."""

    def noting(sent: list[str], name: str) -> Any:
        real = getattr(DatabaseConnection, name)

        async def note(self: DatabaseConnection, query: str, *args: Any, **options: Any) -> Any:
            sent.append(query)
            return await real(self, query, *args, **options)

        return note

    with statements(database) as sent, pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "fetch"):
            patch.setattr(DatabaseConnection, name, noting(sent, name))
        yield sent
