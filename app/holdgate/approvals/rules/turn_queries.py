"""Statements about turns: who has room for another request, how many wait before one, who is to be told.

Triggers give the turns (migrations/sql/functions/approvals_give_turns.sql); one transaction at a time sees to a person.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession

MOST_AHEAD = 1000  # counted before one: more is as good as never
CHUNK = 50  # people of one transaction, each behind a lock

_GIVE_DUE = text(
    """
    WITH due AS (
      SELECT id FROM approval_turns ORDER BY id LIMIT :chunk FOR UPDATE SKIP LOCKED
    ), taken AS (
      DELETE FROM approval_turns t USING due WHERE t.id = due.id RETURNING t.person
    )
    SELECT array_agg(DISTINCT person) AS people, count(*) AS n FROM taken
    """
)
_GIVE = text("SELECT approvals_give_turns(CAST(:people AS text[]))")
_ASK_AGAIN = text("SELECT approvals_wait_again(CAST(:ids AS uuid[]))")
_SET_PACE = text("UPDATE approval_recipients SET pace = :at_once WHERE turn = 'waiting' AND pace <> :at_once")
# Triggers see to it; this is for what they can't: a request that ended while its mail was being accepted.
_OVER = text(
    """
    UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
    FROM approvals a
    WHERE a.id = r.approval_id AND a.state <> 'pending' AND r.turn = ANY (ARRAY['open', 'waiting'])
    """
)
_ALL_WAITING = text(
    """
    INSERT INTO approval_turns (person)
    SELECT DISTINCT person FROM approval_recipients WHERE turn = 'waiting'
    """
)
_AHEAD = text(
    """
    SELECT r.id, (
      SELECT count(*) FROM (
        SELECT FROM approval_recipients w
        WHERE w.person = r.person AND w.turn = 'waiting'
          AND (-w.urgency, w.asked_at, w.id) < (-r.urgency, r.asked_at, r.id)
        LIMIT :most) AS ahead)
    FROM approval_recipients r
    WHERE r.id = ANY (CAST(:ids AS uuid[])) AND r.turn = 'waiting'
    """
)
_TELL_AT_ONCE = text("SELECT id, email FROM approvals_tell_at_once(:approval, CAST(:run AS uuid), :few)")
_PEOPLE_TO_TELL = text(
    """
    SELECT DISTINCT person FROM (
      SELECT person FROM approval_recipients
      WHERE tell_at <= coalesce(CAST(:now AS timestamptz), now()) ORDER BY tell_at LIMIT 1000) AS due
    LIMIT :chunk
    """
)
_ALONE = text("SELECT pg_try_advisory_xact_lock(1416982126, hashtext(:person))")
_TO_TELL = text(
    """
    SELECT r.id, r.email, a.hold, a.title, a.owner_id
    FROM approval_recipients r JOIN approvals a ON a.id = r.approval_id
    WHERE r.person = :person AND r.turn = 'open' AND r.tell_at IS NOT NULL
    ORDER BY r.urgency DESC, r.asked_at, r.id
    """
)
_TOLD = text(
    """
    UPDATE approval_recipients SET told_at = coalesce(CAST(:now AS timestamptz), now()), tell_at = NULL
    WHERE id = ANY (CAST(:ids AS uuid[]))
    """
)


class Untold(NamedTuple):
    """A request whose turn has come and of which its person does not know yet."""

    recipient_id: UUID
    email: str
    hold: str
    title: str
    owner_id: UUID | None


async def give_due(session: WriteSession) -> int:
    """The sweeper's part: whom another transaction was seeing to when they got room. Returns how many notes of it."""
    people, n = (await session.execute(_GIVE_DUE, {"chunk": CHUNK})).one()
    if people:
        await session.execute(_GIVE, {"people": people})
    return int(n)


async def give(session: WriteSession, people: Sequence[str]) -> None:
    await session.execute(_GIVE, {"people": list(people)})


async def ask_again(session: WriteSession, ids: Sequence[UUID]) -> None:
    """Those for whom a request was over: they have it at once if they have room, or wait for their turn."""
    await session.execute(_ASK_AGAIN, {"ids": list(ids)})


async def look_again(session: WriteSession, *, at_once: int) -> None:
    """Everybody who waits has the pace of today, and is looked at anew."""
    await session.execute(_OVER)
    await session.execute(_SET_PACE, {"at_once": at_once})
    await session.execute(_ALL_WAITING)


async def ahead(session: AsyncSession, recipient_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many requests come before each of those that wait for their turn; at most MOST_AHEAD."""
    if not recipient_ids:
        return {}
    rows: Any = await session.execute(_AHEAD, {"ids": list(recipient_ids), "most": MOST_AHEAD})
    return {id: n for id, n in rows}


async def tell_at_once(
    session: WriteSession, approval_id: UUID, run_id: UUID | None, *, few: int
) -> list[tuple[UUID, str]]:
    """Those of a request who are told of it now, by an email of its own: their ids and addresses. One that is new tells
    them by the statement that puts it."""
    rows = await session.execute(_TELL_AT_ONCE, {"approval": approval_id, "run": run_id, "few": few})
    return [(id, email) for id, email in rows]


async def people_to_tell(session: AsyncSession, *, now: datetime | None = None) -> list[str]:
    return list((await session.execute(_PEOPLE_TO_TELL, {"now": now, "chunk": CHUNK})).scalars())


async def take_person(session: WriteSession, person: str) -> bool:
    """Nobody else sees to their requests until the transaction ends. False: somebody does just now."""
    return bool(await session.scalar(_ALONE, {"person": person}))


async def to_tell(session: WriteSession, person: str) -> list[Untold]:
    """The most urgent first."""
    return [Untold(*row) for row in await session.execute(_TO_TELL, {"person": person})]


async def mark_told(session: WriteSession, ids: Sequence[UUID], *, now: datetime | None = None) -> None:
    await session.execute(_TOLD, {"ids": list(ids), "now": now})
