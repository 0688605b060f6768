"""The emails that are enqueued, accepted as a mail server would, without one."""

from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import find_letter, letter_data


async def accept_all(database: Database, settings: Settings) -> int:
    """Each is rendered, and accepted unless it has become pointless. Returns how many were."""
    taken = "DELETE FROM tasks WHERE kind = 'email.send' RETURNING payload"
    async with database.write("system") as session:
        payloads = list((await session.execute(text(taken))).scalars())
    accepted = 0
    for payload in payloads:
        letter, data = find_letter(payload["template"]), letter_data(payload["template"], payload["data"])
        try:
            async with database.write("system") as session:
                await letter.prepare(session, data, settings)
        except NotNeeded:
            continue
        async with database.write("system") as session:
            await letter.sent(session, data, "queued")
        accepted += 1
    return accepted
