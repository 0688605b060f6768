"""Archives of what is about to be deleted: JSON lines in the store of files, each file with its checksum beside it.

The checksum is as `sha256sum` writes it, so that `sha256sum --check FILE.sha256` tells whether the file is whole.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.telemetry import log

if TYPE_CHECKING:
    from holdgate.core.files import FileStore

FOLDER = "archive"

logger = log.get(__name__)


async def archive_then_delete(
    database: Database,
    settings: Settings,
    what: str,
    lines: Sequence[Any],
    *,
    at: datetime,
    delete: Callable[[WriteSession], Awaitable[Any]],
) -> bool:
    """Write the lines to the archive, then delete what they tell. A crash in between leaves them in the archive and in
    the database, and the next time in two files. False: the store is away, and nothing was deleted.

    Args:
        what: the lines are, such as tasks.
        at: the day they are filed under.
    """
    # Imported when it is used: a product that only defines kinds has no package for it (the extra `kinds`).
    from holdgate.core.files import FilesAway, FileStore

    try:
        key = await write_archive(FileStore(settings), what, at, lines)
    except FilesAway as error:
        logger.warning("archive_failed", what=what, lines=len(lines), error=str(error))
        return False
    async with database.write("system") as session:
        await delete(session)
    logger.info("archived", key=key, lines=len(lines))
    return True


async def write_archive(store: "FileStore", what: str, at: datetime, lines: Sequence[Any]) -> str:
    """Write one file and its checksum, and return its key. The same lines are the same file, however often written.

    Raises:
        FilesAway
    """
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    digest = sha256(data).hexdigest()
    name = f"{what}-{digest[:16]}.jsonl"
    key = f"{FOLDER}/{at:%Y/%m/%d}/{name}"
    await store.put(key, data)
    await store.put(f"{key}.sha256", f"{digest}  {name}\n".encode())
    return key
