"""Where tasks are enqueued: in whose transaction, told by what the caller holds.

Our own sessions have one INSERT; everybody else's connection calls `enqueue_many`, the function of the database that is
the contract with all languages (docs/enqueue.md). No library is loaded here that the caller has not loaded.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import msgspec

from holdgate.core.config import load
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.tasks.requests import CheckedTask

VERSION = 1  # of the contract
API_NAMES = {"run": "run_id"}  # where the API says it otherwise
WRONG_VALUE = "22023"  # SQLSTATE by which it refuses
_CALL = 'SELECT id, created FROM "{schema}".enqueue_many(CAST(CAST({tasks} AS text) AS jsonb), {version})'


class _AsyncExecutes(Protocol):
    @property
    def execute(self) -> Callable[..., Awaitable[Any]]: ...


class _Executes(Protocol):
    @property
    def execute(self) -> Callable[..., Any]: ...


class _AsyncAsks(Protocol):
    @property
    def task(self) -> Callable[..., Awaitable[Any]]: ...


class _Asks(Protocol):
    @property
    def task(self) -> Callable[..., Any]: ...


# By their shape (a client has `task`), so that a type checker needs none of the libraries.
AsyncPlace: TypeAlias = _AsyncExecutes | _AsyncAsks
Place: TypeAlias = _Executes | _Asks
UNKNOWN_PLACE = (
    "Tasks are enqueued in a SQLAlchemy Session, AsyncSession, Connection or AsyncConnection, an asyncpg or psycopg "
    "connection, or by a Client or AsyncClient, not in {where!r}."
)


def enqueue_rows(where: Any, rows: Sequence[CheckedTask]) -> Any:
    """Ids in the order of the rows, to be awaited where `where` is asynchronous. A row that is there already has the id
    of that task.

    Raises:
        Invalid: also for a run that takes no tasks, and an owner that is nobody.
        TypeError: `where` is nothing of this.
    """
    db = sys.modules.get("holdgate.core.db")
    if db is not None and isinstance(where, db.WriteSession):
        from holdgate.tasks.queue.enqueueing import insert  # loads SQLAlchemy, which is loaded already

        return insert(where, rows)
    modules = [base.__module__ for base in type(where).__mro__]
    libraries = {module.partition(".")[0] for module in modules}
    if "sqlalchemy" in libraries:
        asynchronous = any(module.startswith("sqlalchemy.ext.asyncio") for module in modules)
        return by_sqlalchemy_async(where, rows) if asynchronous else _by_sqlalchemy(where, rows)
    if "asyncpg" in libraries:
        return _by_asyncpg(where, rows)
    if "psycopg" in libraries:
        return _by_psycopg_async(where, rows) if hasattr(where, "__aenter__") else _by_psycopg(where, rows)
    if "holdgate" in libraries and hasattr(where, "post"):
        return _by_client(where, rows)
    raise TypeError(UNKNOWN_PLACE.format(where=where))


def enqueue_one(where: Any, row: CheckedTask) -> Any:
    found = enqueue_rows(where, [row])
    return found[0] if isinstance(found, list) else _first(found)


async def _first(found: Awaitable[list[UUID]]) -> UUID:
    return (await found)[0]


def contract(rows: Iterable[CheckedTask]) -> str:
    """As JSON for `enqueue_many`."""
    return msgspec.json.encode([_item(row) for row in rows]).decode()


def _item(row: CheckedTask) -> dict[str, Any]:
    owner = row.owner if row.owner is not None else row.owner_id
    item = {
        "kind": row.kind,
        "payload": msgspec.Raw(row.payload.encode()),
        "title": row.title,
        "queue": row.queue,
        "priority": row.priority,
        "max_attempts": row.max_attempts,
        "run": row.run_id,
        "owner": owner,
        "subject": row.subject,
        "run_at": _moment(row.run_at),
        "deadline": _moment(row.deadline_at),
        "unique": row.unique,
        "unique_for": None if row.unique_for is None else row.unique_for.total_seconds(),
    }
    return {name: value for name, value in item.items() if value is not None}


def _moment(at: datetime | None) -> str | None:
    """A time without a zone is the machine's, as everywhere in Python."""
    return None if at is None else at.astimezone(UTC).isoformat()


def call(tasks: str, schema: str | None = None) -> str:
    """The statement, with its one parameter as the library writes it. `schema`: else as DATABASE_SCHEMA says."""
    named = schema or _schema(os.environ.get("DATABASE_SCHEMA", ""))
    return _CALL.format(schema=named, tasks=tasks, version=VERSION)


@cache
def _schema(given: str) -> str:
    """Raises ConfigError."""
    return load({"DATABASE_SCHEMA": given}).database_schema


def ids_of(rows: Iterable[Any]) -> list[UUID]:
    return [UUID(str(row[0])) for row in rows]


async def by_sqlalchemy_async(where: Any, rows: Sequence[CheckedTask], *, schema: str | None = None) -> list[UUID]:
    with _refusals():
        found = await where.execute(_text(call(":tasks", schema)), {"tasks": contract(rows)})
    return ids_of(found.all())


def _by_sqlalchemy(where: Any, rows: Sequence[CheckedTask]) -> list[UUID]:
    with _refusals():
        found = where.execute(_text(call(":tasks")), {"tasks": contract(rows)})
    return ids_of(found.all())


def _text(statement: str) -> Any:
    from sqlalchemy import text  # the caller's

    return text(statement)


async def _by_asyncpg(where: Any, rows: Sequence[CheckedTask]) -> list[UUID]:
    with _refusals():
        return ids_of(await where.fetch(call("$1"), contract(rows)))


async def _by_psycopg_async(where: Any, rows: Sequence[CheckedTask]) -> list[UUID]:
    async with where.cursor(row_factory=_as_tuples()) as cursor:
        with _refusals():
            await cursor.execute(call("%s"), (contract(rows),))
        return ids_of(await cursor.fetchall())


def _by_psycopg(where: Any, rows: Sequence[CheckedTask]) -> list[UUID]:
    with where.cursor(row_factory=_as_tuples()) as cursor:
        with _refusals():
            cursor.execute(call("%s"), (contract(rows),))
        return ids_of(cursor.fetchall())


def _as_tuples() -> Any:
    """Whatever the connection makes of rows."""
    return sys.modules["psycopg.rows"].tuple_row


@contextmanager
def _refusals() -> Iterator[None]:
    """What the function refuses is told as checks in Python are. Any other error is the caller's library's."""
    try:
        yield
    except Exception as error:
        told: Any = getattr(error, "orig", None) or error
        if getattr(told, "sqlstate", None) != WRONG_VALUE:
            raise
        diagnosis = getattr(told, "diag", None)  # psycopg's
        cause = told.__cause__ if diagnosis is None and told.__cause__ is not None else told
        sentence = str(diagnosis.message_primary if diagnosis is not None else cause.args[0])
        place, _, said = sentence.removeprefix("tasks[0].").partition(": ")
        raise Invalid(sentence, {place: said} if said else {}) from error


def _by_client(where: Any, rows: Sequence[CheckedTask]) -> Any:
    """As one request, which a repetition does not make twice."""
    if any(row.owner is not None or row.owner_id is not None for row in rows):
        raise Invalid("A client's tasks belong to whose token it has. Leave out the owner.", {"owner": "Leave it out."})
    body = {"tasks": [{API_NAMES.get(name, name): value for name, value in _item(row).items()} for row in rows]}
    answer = where.post("/tasks/bulk", msgspec.to_builtins(body, enc_hook=_raw), once=str(uuid7()))
    return _answered(answer) if isinstance(answer, Awaitable) else _made(answer)


async def _answered(answer: Awaitable[Any]) -> list[UUID]:
    return _made(await answer)


def _made(answer: Any) -> list[UUID]:
    return [UUID(each) for each in answer["ids"]]


def _raw(value: Any) -> Any:
    return msgspec.json.decode(value)
