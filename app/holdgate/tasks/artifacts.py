"""Files that tasks make, or are given by people. The bytes go to the store first, then the row: a crash leaves no row
without its file.

Every writing takes a new key, so that a file being downloaded does not change and a late worker overwrites nothing.
A crash in between leaves at most a file without a row, below the directory of its task.
"""

import re
from collections.abc import Collection
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.ids import uuid7
from holdgate.core.postgres.outages import insist
from holdgate.core.telemetry import log
from holdgate.tasks.models import Artifact, Task
from holdgate.tasks.payloads.artifact import StoredArtifact
from holdgate.tasks.queue.claims import Attempt

if TYPE_CHECKING:
    from holdgate.core.files import FileStore

MOST_BYTES = 64 * 1024 * 1024
CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}(; charset=utf-8)?")

logger = log.get("holdgate.tasks")


class ArtifactNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such file, or it belongs to somebody else.")


# Fenced like a step. The row of an earlier try keeps its id, so that links to it stay right.
_RECORD = text(
    """
    WITH earlier AS (SELECT key FROM artifacts WHERE task_id = :task_id AND name = :name)
    INSERT INTO artifacts (id, task_id, name, content_type, size, sha256, key, attempt)
    SELECT :id, t.id, :name, :content_type, :size, :sha256, :key, t.attempt FROM tasks t
    WHERE t.id = :task_id AND t.attempt = :attempt AND t.state = 'running'
    ON CONFLICT (task_id, name) DO UPDATE
    SET content_type = EXCLUDED.content_type, size = EXCLUDED.size, sha256 = EXCLUDED.sha256, key = EXCLUDED.key,
        attempt = EXCLUDED.attempt, created_at = now()
    WHERE artifacts.attempt <= EXCLUDED.attempt
    RETURNING id, (SELECT key FROM earlier)
    """
)


_INSERT = text(
    """
    INSERT INTO artifacts (id, task_id, name, content_type, size, sha256, key, attempt)
    SELECT :id, t.id, :name, :content_type, :size, :sha256, :key, t.attempt FROM tasks t WHERE t.id = :task_id
    """
)


async def store_artifact(
    database: Database, settings: Settings, actor: str, of: Attempt, name: str, data: bytes, content_type: str
) -> StoredArtifact | None:
    """Store a file of an attempt; one of the same name of the same task is replaced. None: no longer this attempt's.

    Raises:
        Invalid: the name, the type or the size does not fit. FilesAway
    """
    _check(name, data, content_type)
    task_id, attempt = of
    # Not in the loop: hashing 64 MiB takes a while, but far less than sending them.
    digest = sha256(data).hexdigest()
    key = f"{task_id}/{uuid7()}"
    store = _store(settings)
    await store.put(key, data)
    values = {"id": uuid7(), "name": name, "content_type": content_type, "size": len(data), "sha256": digest}
    fence = {"task_id": task_id, "attempt": attempt, "key": key}

    async def record() -> Any:
        async with database.write(actor) as session:
            rows: Any = await session.execute(_RECORD, values | fence)
            return rows.first()

    row = await insist(record, tell=lambda error: logger.warning("artifact_delayed", key=key, error=repr(error)))
    # The file before; not this one, when it was recorded twice because the first commit's answer was lost.
    await _forget(store, key if row is None else row[1] if row[1] != key else None)
    return None if row is None else StoredArtifact(row[0], name, content_type, len(data), digest)


async def put_file(settings: Settings, task_id: UUID, data: bytes) -> str:
    """Bytes that somebody sends for a task, before their row. Returns the key. Raises FilesAway."""
    key = f"{task_id}/{uuid7()}"
    await _store(settings).put(key, data)
    return key


async def insert_file(
    session: WriteSession, task_id: UUID, name: str, content_type: str, data: bytes, key: str
) -> StoredArtifact:
    """The row of such a file. One of the same name stays as it is, and this one gets another name."""
    id = uuid7()
    stem, dot, suffix = name.rpartition(".")
    digest = sha256(data).hexdigest()
    values = {"id": id, "content_type": content_type, "size": len(data), "sha256": digest}
    taken = select(Artifact.id).where(Artifact.task_id == task_id, Artifact.name == name)
    if await session.scalar(taken) is not None:
        name = f"{stem} ({id.hex[-6:]}){dot}{suffix}"
    await session.execute(_INSERT, {**values, "task_id": task_id, "name": name, "key": key})
    return StoredArtifact(id, name, content_type, len(data), digest)


async def read_artifact(database: Database, settings: Settings, task_id: UUID, file: StoredArtifact) -> bytes | None:
    """The very bytes that `file` says. None: the task does not keep them. Raises FilesAway."""
    kept = select(Artifact.key).where(
        Artifact.id == file.id, Artifact.task_id == task_id, Artifact.sha256 == file.sha256
    )
    async with database.read() as session:
        key = await session.scalar(kept)
    return None if key is None else await _store(settings).read(key)


async def forget_files(settings: Settings, keys: list[str]) -> None:
    """Remove the files of artifacts whose rows are gone."""
    store = _store(settings)
    for key in keys:
        await _forget(store, key)


def _store(settings: Settings) -> "FileStore":
    # Imported when it is used: a product that only defines kinds has no package for it (the extra `kinds`).
    from holdgate.core.files import FileStore

    return FileStore(settings)


async def _forget(store: "FileStore", key: str | None) -> None:
    """Remove a file that no row names any more; if that fails it costs space and nothing else."""
    if key is None:
        return
    from holdgate.core.files import FilesAway

    try:
        await store.remove(key)
    except FilesAway as error:
        logger.warning("artifact_left_over", key=key, error=str(error))


def _check(name: str, data: bytes, content_type: str) -> None:
    if not 0 < len(name) <= 200 or not name.isprintable() or "/" in name or "\\" in name or name.strip(". ") == "":
        raise Invalid("A file's name has from 1 to 200 printable characters and no slash.", {"name": "Change it."})
    if not CONTENT_TYPE.fullmatch(content_type):
        raise Invalid(f"{content_type!r} is not a content type such as text/csv.", {"content_type": "Change it."})
    if len(data) > MOST_BYTES:
        raise Invalid(f"A file may have at most {MOST_BYTES // 1024**2} MB; this one has {len(data):,} bytes.")


async def artifacts_of(session: AsyncSession, task_id: UUID) -> list[Artifact]:
    found = await session.execute(
        select(Artifact).where(Artifact.task_id == task_id).order_by(Artifact.created_at, Artifact.name)
    )
    return list(found.scalars())


async def files_of(session: AsyncSession, ids: Collection[UUID]) -> list[StoredArtifact]:
    """Those of these files that are kept, of whichever task."""
    if not ids:
        return []
    columns = (Artifact.id, Artifact.name, Artifact.content_type, Artifact.size, Artifact.sha256)
    return [StoredArtifact(*row) for row in await session.execute(select(*columns).where(Artifact.id.in_(ids)))]


async def find_artifact(session: AsyncSession, task_id: UUID, artifact_id: UUID, scope: UUID | None) -> Artifact:
    """Raises ArtifactNotFound, also for somebody else's. `scope`: whose; None is everybody's."""
    mine = true() if scope is None else Task.owner_id == scope
    found = await session.execute(
        select(Artifact)
        .join(Task, Task.id == Artifact.task_id)
        .where(Artifact.id == artifact_id, Artifact.task_id == task_id, mine)
    )
    artifact = found.scalars().first()
    if artifact is None:
        raise ArtifactNotFound
    return artifact


async def find_owners_artifact(session: AsyncSession, artifact_id: UUID, owner_id: UUID | None) -> Artifact | None:
    """A file of any task of this owner; for tasks that nobody owns, of any other such task."""
    found = await session.execute(
        select(Artifact)
        .join(Task, Task.id == Artifact.task_id)
        .where(Artifact.id == artifact_id, Task.owner_id.is_not_distinct_from(owner_id))
    )
    return found.scalars().first()
