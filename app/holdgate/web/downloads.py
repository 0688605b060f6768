"""Files as people and programs download them."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from litestar import Response
from litestar.response import Stream

from holdgate.core.exports import as_csv, as_json
from holdgate.web.http.request import WebRequest

CSV = "text/csv"  # its charset is added by the framework
Rows: TypeAlias = AsyncIterator[Iterable[Mapping[str, Any]]]  # a chunk at a time


def attachment(content: bytes, name: str, media_type: str) -> Response[bytes]:
    """A whole file, under the name that it had."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=media_type, headers=headers)


def download(pieces: AsyncGenerator[bytes, None], name: str, media_type: str) -> Stream:
    """Args:
    name: of ASCII letters, as the browser saves it.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Stream(pieces, media_type=media_type, headers=headers)


async def export(request: WebRequest, name: str, columns: Sequence[str], found: Rows) -> Stream:
    """A list of rows, each with all `columns`, as CSV or JSON: by the end of the address that was asked for.

    The first of them are read before anything is sent, so that a refusal is one, and not a file that breaks off.
    """
    found = _begun_with(await anext(found, []), found)
    if request.url.path.endswith(".json"):
        return download(as_json(found), f"{name}.json", "application/json")
    cells = ([[row[column] for column in columns] for row in rows] async for rows in found)
    return download(as_csv(columns, cells), f"{name}.csv", CSV)


async def _begun_with(first: Iterable[Mapping[str, Any]], rest: Rows) -> Rows:
    yield first
    async for rows in rest:
        yield rows
