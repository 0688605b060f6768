"""Where the bytes of artifacts are: a directory, or an S3-compatible store. Names them by keys, knows no table.

Imported where files are read and written, not before: most processes have none in hand, and its library is large.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from holdgate.core.config import Settings
from holdgate.core.errors import FilesAway as FilesAway

if TYPE_CHECKING:
    from obstore import BytesStream  # these are there for type checkers only
    from obstore.store import ClientConfig, RetryConfig

PIECE = 256 * 1024  # bytes, about, that are handed on at once

# Short: a task that cannot store its file is tried again anyway.
TRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}

THIS_MACHINE = "localhost,127.0.0.0/8,::1"  # reached directly, as by core/network/proxies.py

_Place: TypeAlias = LocalStore | S3Store


class FileStore:
    """The store of the settings: `file:///directory` or `s3://bucket/prefix` (keys and region from AWS_* variables).

    A key is written once and never changed, so whoever reads one reads the whole of it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def put(self, key: str, data: bytes) -> None:
        """Raises FilesAway."""
        try:
            await obstore.put_async(self._place(), key, data)
        except (BaseError, OSError, ValueError) as error:
            raise FilesAway(f"The file could not be stored: {_line(error)}") from error

    async def open(self, key: str) -> AsyncIterator[bytes] | None:
        """The file in pieces, or None when there is no such file. Raises FilesAway."""
        try:
            found = await obstore.get_async(self._place(), key)
        except FileNotFoundError:
            return None
        except (BaseError, OSError, ValueError) as error:
            raise FilesAway(f"The file can’t be read: {_line(error)}") from error
        return _pieces(found.stream(min_chunk_size=PIECE))

    async def read(self, key: str) -> bytes | None:
        """The whole file, or None. Raises FilesAway."""
        pieces = await self.open(key)
        if pieces is None:
            return None
        return b"".join([piece async for piece in pieces])

    async def remove(self, key: str) -> None:
        """Raises FilesAway. A file that is not there is removed."""
        try:
            await obstore.delete_async(self._place(), key)
        except FileNotFoundError:
            return
        except (BaseError, OSError, ValueError) as error:
            raise FilesAway(f"The file could not be removed: {_line(error)}") from error

    def _place(self) -> _Place:
        settings = self._settings
        return _place(settings.artifact_store, settings.ca_file, settings.https_proxy, settings.no_proxy)


async def _pieces(stream: "BytesStream") -> AsyncIterator[bytes]:
    try:
        async for piece in stream:
            yield bytes(piece)
    except (BaseError, OSError) as error:
        raise FilesAway(f"The file can’t be read to its end: {_line(error)}") from error


@cache
def _place(url: str, ca_file: str, proxy: str, no_proxy: str) -> _Place:
    """Made at first use; one for each store and process."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        directory = Path(unquote(parts.path))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(directory)
    client: ClientConfig = {}
    if ca_file:
        client["root_certificate"] = client["proxy_ca_certificate"] = Path(ca_file).read_text()
    if proxy:
        client |= {"proxy_url": proxy, "proxy_excludes": f"{THIS_MACHINE},{no_proxy}"}
    if client:  # these stand instead of what AWS_ALLOW_HTTP says; no endpoint is plain but one that was named so
        client["allow_http"] = True
    return S3Store.from_url(url, retry_config=TRIES, client_options=client or None)


def _line(error: Exception) -> str:
    """The beginning of what the store says; its debug form behind that may hold addresses and headers."""
    return " ".join(str(error).split("\n")[0].split())[:200] or type(error).__name__
