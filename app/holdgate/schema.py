"""The whole schema, and bringing a database to it. Alembic is the only one that creates tables.


A migration that does not get a lock within a moment gives way and tries again: while it waits in PostgreSQL's queue,
everybody else waits behind it. Each migration is a transaction of its own, so one that fails or gives way leaves the
version where the one before it has put it. `migrations/env.py` runs them, one process at a time.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import holdgate.accounts.models
import holdgate.alarms.models
import holdgate.api.models
import holdgate.applications.models
import holdgate.approvals.figures.models
import holdgate.approvals.models
import holdgate.approvals.programs.models
import holdgate.approvals.rules.models
import holdgate.audit.models
import holdgate.bulk.models
import holdgate.doctor.models
import holdgate.groups.models
import holdgate.mail.models
import holdgate.personal_data.models
import holdgate.postings.models
import holdgate.runs.models
import holdgate.schedules.models
import holdgate.stats.models
import holdgate.tasks.models
import holdgate.tasks.queue.log
import holdgate.tasks.queue.models
import holdgate.tasks.search.models
import holdgate.webhooks.models  # noqa: F401
from holdgate.core import revisions
from holdgate.core.db import LONG, Database
from holdgate.core.errors import AppError
from holdgate.core.paths import MIGRATIONS
from holdgate.core.postgres.outages import sqlstate
from holdgate.core.postgres.tables import Base
from holdgate.core.revisions import LOCK_TIMEOUT, TIMEOUT
from holdgate.stats.restore import rebase

LONGEST_PAUSE = 15.0
REVISION = re.compile(r"\d{4}")
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
Say = Callable[[str], Any]

metadata = Base.metadata


class MigrationRuns(Exception):
    """Another process is migrating this database."""


class Blocked(AppError):
    """Others have kept a lock, or the right to migrate, for too long."""


class MigrationFailed(AppError):
    """A statement was refused; nothing of its migration has stayed."""


def config(url: str, *, lock_timeout: float = LOCK_TIMEOUT, pooler: bool = False) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("prepend_sys_path", str(MIGRATIONS.parent))
    made.set_main_option("path_separator", "os")
    made.attributes["url"] = url
    made.attributes["lock_timeout"] = lock_timeout
    made.attributes["pooler"] = pooler
    return made


def migrate(
    url: str,
    revision: str = "head",
    *,
    lock_timeout: float = LOCK_TIMEOUT,
    timeout: float = TIMEOUT,
    say: Say = lambda _: None,
    pooler: bool = False,
) -> None:
    """Bring the schema at `url` to `revision`; it is made if need be. Must not be called from a running event loop.

    A schema that is newer than this code is left as it is: the release before runs on it (docs/upgrades.md).

    Args:
        lock_timeout: seconds after which it gives way to those who hold a lock.
        timeout: seconds in which it tries again.
        say: is told whom it waits for.
        pooler: the URL leads to a PgBouncer in transaction mode.

    Raises:
        Blocked; MigrationFailed
    """
    if revision == "head":
        at = current(url, pooler=pooler)
        if at is not None and at > head():
            return
    ends, pause = time.monotonic() + timeout, 0.5
    while (blockers := _attempt(config(url, lock_timeout=lock_timeout, pooler=pooler), revision)) is not None:
        who = "; ".join(blockers) or "others who have ended meanwhile"
        if time.monotonic() + pause > ends:
            at = current(url, pooler=pooler) or "nothing"
            raise Blocked(
                f"After {timeout:g} seconds the schema is still at {at}: in the way is {who}."
                " Run it again when that has ended, or end it: SELECT pg_terminate_backend(pid)."
            )
        say(f"Gave way to {who}. Trying again in {pause:g} s.")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    if revision == "head":
        moved = asyncio.run(_rebase(url, pooler))
        if moved is not None:
            say(f"This database was restored from another cluster: its log of {moved:,} events is at home here now.")


def _attempt(made: Config, revision: str) -> list[str] | None:
    """None: done. Otherwise who was in the way, as far as that could be seen."""
    blockers: list[str] = []
    made.attributes["blockers"] = blockers
    try:
        command.upgrade(made, revision)
    except MigrationRuns:
        return ["another migration"]
    except DBAPIError as error:
        if sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK):
            return blockers
        stays = current(made.attributes["url"], pooler=made.attributes["pooler"])
        raise MigrationFailed(
            f"A migration failed, and the schema stays at {stays or 'nothing'}: {error.orig}"
        ) from error
    return None


def head() -> str:
    """The newest revision this code knows."""
    return revisions.head(MIGRATIONS)


def current(url: str, *, pooler: bool = False) -> str | None:
    """The revision of the database at `url`; None: nothing has been migrated. Not from a running event loop.

    Raises:
        MigrationFailed: it is of another program.
    """
    at = asyncio.run(_current(url, pooler))
    if at is not None and not REVISION.fullmatch(at):
        raise MigrationFailed(
            f"The schema is at the Alembic revision {at!r}, which is none of Holdgate's: it has another program's"
            " tables. Set DATABASE_SCHEMA to a schema that Holdgate has for itself."
        )
    return at


def pending(at: str | None) -> list[tuple[str, str]]:
    """What a schema at this revision lacks, in order: revision and what it brings."""
    scripts = ScriptDirectory.from_config(config("")).walk_revisions()
    return [(each.revision, each.doc) for each in reversed(list(scripts)) if at is None or each.revision > at]


async def _current(url: str, pooler: bool) -> str | None:
    database = Database(url, name="holdgate migrate", pool_size=1, pooler=pooler)
    try:
        async with database.read() as session:
            if await session.scalar(text("SELECT to_regclass('alembic_version') IS NULL")):
                return None
            found: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    finally:
        await database.dispose()


async def _rebase(url: str, pooler: bool) -> int | None:
    database = Database(url, name="holdgate migrate", pool_size=1, pooler=pooler, limit=LONG)
    try:
        async with database.write("system") as session:
            return await rebase(session)
    finally:
        await database.dispose()
