"""Pictures for tests, and a server that sends one."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from PIL import Image


def picture(format: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    """Its left half is red, its right half blue."""
    made = Image.new("RGB", size, "#0000ff")
    made.paste("#ff0000", (0, 0, size[0] // 2, size[1]))
    out = BytesIO()
    made.convert(mode).save(out, format, **options)
    return out.getvalue()


def photo() -> bytes:
    """Lies on its side (orientation 6: to be turned to the right), and tells the camera."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera of Ann"
    return picture("JPEG", exif=exif, comment=b"Ann was here")


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header announces this size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@asynccontextmanager
async def serving(body: bytes, status: str = "200 OK") -> AsyncIterator[str]:
    """The address of a server that answers everything with these bytes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: image/png\r\n\r\n".encode() + body)
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/picture"
    listener.close()
