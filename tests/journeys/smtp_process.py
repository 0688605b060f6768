"""A real SMTP server as a process of its own: `python -m tests.journeys.smtp_process DIRECTORY`.

Prints its port, then writes every accepted mail to DIRECTORY as a numbered .eml file.
"""

import asyncio
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Keeper:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._number += 1
        assert isinstance(envelope.content, bytes)
        part = self._directory / f"{self._number:03d}.part"
        part.write_bytes(envelope.content)
        part.rename(part.with_suffix(".eml"))
        return f"250 2.0.0 Ok: queued as {self._number}"


async def main(directory: Path) -> None:
    keeper = Keeper(directory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keeper, hostname="mx.test"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
