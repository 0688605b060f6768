"""What the doctor asks the database: one statement each."""

from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_SERVER = text(
    """
    SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS int),
           NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'
    """
)
_INDEXES = text(
    """
    SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = CAST(current_schema() AS regnamespace)
    """
)
_CLOCK = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)")
# Of everybody on this server, since the log is folded, and rows are vacuumed, only up to the oldest.
_OLDEST = text(
    """
    SELECT pid, coalesce(nullif(application_name, ''), usename, '?'), state,
           CAST(extract(epoch FROM clock_timestamp() - xact_start) AS float8)
    FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'
    ORDER BY xact_start LIMIT 1
    """
)
# More dead rows than living ones, and enough of them to matter.
_DEAD = text(
    """
    SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND n_dead_tup >= :least AND n_dead_tup > n_live_tup
    ORDER BY n_dead_tup DESC
    """
)


_PROCESS = text("SELECT pg_backend_pid()")
_WRITTEN = text(
    "SELECT system_identifier, CAST(pg_current_wal_lsn() - CAST('0/0' AS pg_lsn) AS bigint) FROM pg_control_system()"
)
_SEEN = text(
    """
    SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN
      greatest(:place - CAST(pg_last_wal_replay_lsn() - CAST('0/0' AS pg_lsn) AS bigint), 0) END
    FROM pg_control_system()
    """
)


# Of tasks that will run again; of very many, some.
_STORED = text(
    """
    SELECT t.kind, s.name, count(*), min(CAST(t.id AS text))
    FROM (SELECT id, kind FROM tasks WHERE state = ANY(CAST(:states AS text[])) AND kind = ANY(CAST(:kinds AS text[]))
          LIMIT :limit) t
    JOIN task_steps s ON s.task_id = t.id
    GROUP BY t.kind, s.name ORDER BY t.kind, s.name
    """
)


class PostgresVersion(NamedTuple):
    """PostgreSQL's version, for people and to compare (150004 is 15.4), and whether it takes writes."""

    version: str
    number: int
    writes: bool


class Written(NamedTuple):
    """How far a primary's log goes, in bytes; `cluster` is the same for whoever follows it."""

    cluster: int
    place: int


class ReplicaLag(NamedTuple):
    """How many bytes a replica lacks; None: it is none."""

    cluster: int
    missing: int | None


class Transaction(NamedTuple):
    pid: int
    program: str
    state: str | None
    seconds: float


class DeadRows(NamedTuple):
    table: str
    dead: int
    live: int


async def server(session: AsyncSession) -> PostgresVersion:
    return PostgresVersion(*(await session.execute(_SERVER)).one())


async def indexes(session: AsyncSession) -> dict[str, bool]:
    """Name → whether it is valid; one whose building broke off is not."""
    rows: Any = await session.execute(_INDEXES)
    return {name: valid for name, valid in rows}


async def clock(session: AsyncSession) -> float:
    """Seconds since 1970."""
    return float((await session.execute(_CLOCK)).scalar_one())


async def oldest_transaction(session: AsyncSession) -> Transaction | None:
    row = (await session.execute(_OLDEST)).first()
    return Transaction(*row) if row else None


async def dead_rows(session: AsyncSession, least: int) -> list[DeadRows]:
    return [DeadRows(*row) for row in await session.execute(_DEAD, {"least": least})]


async def server_process(connection: AsyncConnection) -> int:
    """The id of the server's process that answers, which begins a transaction."""
    return int((await connection.execute(_PROCESS)).scalar_one())


async def written(session: AsyncSession) -> Written:
    return Written(*(await session.execute(_WRITTEN)).one())


async def seen(session: AsyncSession, written: Written) -> ReplicaLag:
    """What of it the asked server has."""
    return ReplicaLag(*(await session.execute(_SEEN, {"place": written.place})).one())


class StoredStep(NamedTuple):
    """A finished step, in how many tasks, and one of these."""

    kind: str
    name: str
    tasks: int
    example: str


async def stored_steps(session: AsyncSession, states: list[str], kinds: list[str], limit: int) -> list[StoredStep]:
    """Finished steps of tasks in these states."""
    rows = await session.execute(_STORED, {"states": states, "kinds": kinds, "limit": limit})
    return [StoredStep(*row) for row in rows]
