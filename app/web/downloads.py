"""Files that are made while they are sent."""

from collections.abc import AsyncGenerator

from litestar.response import Stream


def download(pieces: AsyncGenerator[bytes, None], name: str, media_type: str) -> Stream:
    """Args:
    name: of ASCII letters, as the browser saves it.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Stream(pieces, media_type=media_type, headers=headers)
