"""The command line in a test's own process: what it says and how it ends are the same, without seconds of imports."""

import asyncio
from collections.abc import Mapping

from click.testing import CliRunner, Result

from holdgate.cli import main


async def command(environ: Mapping[str, str], *words: str) -> Result:
    """In a thread, since a command has an event loop of its own."""
    return await asyncio.to_thread(CliRunner(env=dict(environ)).invoke, main, list(words))
