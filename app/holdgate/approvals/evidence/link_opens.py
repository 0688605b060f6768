"""Who opened a personal link: most likely a person, or most likely a mail scanner, by signs that can be wrong.

Showing the page writes nothing. This is noted after the answer has gone, in a transaction of its own that may fail,
into at most two rows for a person asked: how often, first and last. No decision ever depends on it.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Recipient
from holdgate.approvals.rules.models import LinkOpening
from holdgate.core.db import Database, WriteSession
from holdgate.core.postgres.outages import AWAY
from holdgate.core.telemetry import log

PATIENCE = 2.0  # seconds; what cannot be noted by then is not
AT_ONCE = "within 5 seconds of the email"
TOGETHER = "opened several people's links within a second"

logger = log.get(__name__)

_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|prefetch|proofpoint|mimecast|barracuda|safelinks|symantec|trend ?micro|"
    r"fortinet|cisco|sophos|headless|phantom|python|curl|wget|libwww|go-http|java/|okhttp|axios|node|ruby|perl",
    re.IGNORECASE,
)


class Opening(NamedTuple):
    """`sign` is by what it was taken for a scanner; empty: nothing spoke for one."""

    recipient_id: UUID
    sign: str
    address: str


def sign_of_scanner(method: str, headers: Mapping[str, str]) -> str:
    """What in a request speaks for a program, or nothing. Headers are asked for in small letters."""
    if method == "HEAD":
        return "requested the headers only (HEAD)"
    agent = headers.get("user-agent", "")
    if not agent:
        return "does not say what program it is"
    if found := _PROGRAMS.search(agent):
        return f"its program calls itself “{found[0].strip()}”"
    if not headers.get("accept-language"):
        return "names no language, as browsers do"
    if "prefetch" in headers.get("sec-purpose", headers.get("purpose", "")).lower():
        return "fetched ahead, not opened"
    if headers.get("sec-fetch-mode", "navigate") != "navigate":
        return "was not opened as a page"
    return ""


async def note(database: Database, opening: Opening) -> None:
    """Note it, or leave it: this runs after the answer and must not be able to spoil anything."""
    try:
        async with asyncio.timeout(PATIENCE), database.write("system") as session:
            await store(session, opening)
    except AWAY as error:
        logger.info("opening_not_noted", error=repr(error))


# Whether somebody else's link was opened from there just now, and whether this one's mail was sent just now.
_QUICK = text(
    """
    SELECT EXISTS (SELECT FROM approval_openings
                   WHERE address = :address AND recipient_id <> :recipient
                     AND last_at > coalesce(CAST(:now AS timestamptz), now()) - interval '1 second'),
           EXISTS (SELECT FROM approval_recipients
                   WHERE id = :recipient
                     AND sent_at > coalesce(CAST(:now AS timestamptz), now()) - interval '5 seconds')
    """
)
# The address of the one before counts too: the first of a scanner's row looked like a person.
_FIRST_OF_THEM = text(
    """
    UPDATE approval_openings o SET opener = 'scanner', sign = :sign
    WHERE o.opener = 'person' AND o.n = 1 AND o.address = :address AND o.recipient_id <> :recipient
      AND o.last_at > coalesce(CAST(:now AS timestamptz), now()) - interval '1 second'
      AND NOT EXISTS (SELECT FROM approval_openings s WHERE s.recipient_id = o.recipient_id AND s.opener = 'scanner')
    """
)
# Counted at most once a second.
_STORE = text(
    """
    INSERT INTO approval_openings AS o (recipient_id, opener, n, first_at, last_at, address, sign)
    SELECT :recipient, :opener, 1, at, at, :address, :sign
    FROM (SELECT coalesce(CAST(:now AS timestamptz), now()) AS at) AS t
    ON CONFLICT (recipient_id, opener) DO UPDATE
    SET n = o.n + 1, last_at = EXCLUDED.last_at, address = EXCLUDED.address, sign = EXCLUDED.sign
    WHERE o.last_at <= EXCLUDED.last_at - interval '1 second'
    """
)


async def store(session: WriteSession, opening: Opening, *, now: datetime | None = None) -> None:
    known = {"recipient": opening.recipient_id, "address": opening.address, "now": now}
    together, at_once = (await session.execute(_QUICK, known)).one()
    if together:
        await session.execute(_FIRST_OF_THEM, {**known, "sign": TOGETHER})
    sign = opening.sign or (TOGETHER if together else AT_ONCE if at_once else "")
    await session.execute(_STORE, {**known, "opener": "scanner" if sign else "person", "sign": sign})


async def openings_of(session: AsyncSession, approval_id: UUID) -> dict[UUID, list[LinkOpening]]:
    """By the id of the person asked; people before scanners."""
    rows = await session.execute(
        select(LinkOpening)
        .join(Recipient, Recipient.id == LinkOpening.recipient_id)
        .where(Recipient.approval_id == approval_id)
        .order_by(LinkOpening.opener)
    )
    found: dict[UUID, list[LinkOpening]] = {}
    for opening in rows.scalars():
        found.setdefault(opening.recipient_id, []).append(opening)
    return found
