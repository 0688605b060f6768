"""Statements about boards: when their hosts may be asked, what a watch knows of one, which postings have gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.postings.models import BoardHost, Posting, WatchedBoard

PACE = timedelta(minutes=1)
"""Between two requests to one host, whoever makes them."""

_TURN = text(
    """
    INSERT INTO board_hosts AS h (host, asked_at) VALUES (:host, coalesce(CAST(:now AS timestamptz), now()))
    ON CONFLICT (host) DO UPDATE SET asked_at = excluded.asked_at
    WHERE h.asked_at <= excluded.asked_at - CAST(:pace AS interval)
    RETURNING 1
    """
)
_LEFT = text(
    """
    SELECT ceil(extract(epoch FROM asked_at + CAST(:pace AS interval) - coalesce(CAST(:now AS timestamptz), now())))
    FROM board_hosts WHERE host = :host
    """
)
_RESERVE = text(
    """
    INSERT INTO board_hosts AS h (host, asked_at) VALUES (:host, coalesce(CAST(:now AS timestamptz), now()))
    ON CONFLICT (host) DO UPDATE SET asked_at = greatest(h.asked_at + CAST(:pace AS interval), excluded.asked_at)
    RETURNING ceil(extract(epoch FROM h.asked_at - coalesce(CAST(:now AS timestamptz), now())))
    """
)


async def take_turn(session: WriteSession, host: str, *, now: datetime | None = None) -> int:
    """0: it may be asked at once, and by nobody else for a minute. Else the seconds until it may be."""
    values = {"host": host, "now": now, "pace": PACE}
    if (await session.execute(_TURN, values)).first() is not None:
        return 0
    return max(1, int((await session.execute(_LEFT, values)).scalar_one()))


async def reserve_turn(session: WriteSession, host: str, *, now: datetime | None = None) -> int:
    """The next free minute at a host is the caller's: in so many seconds."""
    values = {"host": host, "now": now, "pace": PACE}
    return max(0, int((await session.execute(_RESERVE, values)).scalar_one()))


async def forget_hosts(session: WriteSession) -> None:
    """Those that were not asked for an hour."""
    await session.execute(delete(BoardHost).where(BoardHost.asked_at < text("now() - interval '1 hour'")))


class LastAnswer(NamedTuple):
    """By what a board tells whether it has changed."""

    etag: str = ""
    modified: str = ""


async def last_answer(session: AsyncSession, owner_id: UUID, watch: str) -> LastAnswer:
    key = (WatchedBoard.owner_id == owner_id, WatchedBoard.watch == watch)
    found = (await session.execute(select(WatchedBoard.etag, WatchedBoard.modified).where(*key))).first()
    return LastAnswer(*found) if found else LastAnswer()


async def keep_answer(session: WriteSession, owner_id: UUID, watch: str, answer: LastAnswer) -> None:
    values = {"etag": answer.etag, "modified": answer.modified, "checked_at": text("now()")}
    await session.execute(
        insert(WatchedBoard)
        .values(owner_id=owner_id, watch=watch, **values)
        .on_conflict_do_update(index_elements=[WatchedBoard.owner_id, WatchedBoard.watch], set_=values)
    )


async def close_others(session: WriteSession, owner_id: UUID, board: str, present: Sequence[str]) -> int:
    """The postings of a board that are not among the canonical addresses `present` have gone. Returns how many."""
    gone = await session.execute(
        update(Posting)
        .where(
            Posting.owner_id == owner_id,
            Posting.board == board,
            Posting.gone_at.is_(None),
            Posting.canonical_url.not_in(present),
        )
        .values(gone_at=text("now()"))
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())


async def count_open(session: AsyncSession, owner_id: UUID, board: str) -> int:
    """Postings of a board that have not gone from it."""
    mine = (Posting.owner_id == owner_id, Posting.board == board, Posting.gone_at.is_(None))
    return (await session.execute(select(func.count()).where(*mine))).scalar_one()
