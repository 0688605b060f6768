"""Statements about how people answer: folding the notes, and reading what is folded."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.figures.models import AnswerCount, AnswerTime, PersonTime
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import WriteSession
from holdgate.stats.histograms import LAST, PER_DOUBLING, Histogram
from holdgate.tasks.models import Task

MOST = 5000  # notes folded in one transaction
MONTHS = 3  # of a person's times, the current one included

# A note is deleted by the transaction that counts it: each counts once, whichever transaction wrote it when.
_FOLD = text(
    """
    WITH gone AS (
      DELETE FROM answer_notes WHERE id IN (SELECT id FROM answer_notes ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
      RETURNING *),
    counts AS (
      INSERT INTO answer_counts AS c (kind, group_name, event, n, seconds)
      SELECT kind, group_name, event, count(*), coalesce(sum(seconds), 0) FROM gone GROUP BY 1, 2, 3
      ON CONFLICT (kind, group_name, event) DO UPDATE SET n = c.n + EXCLUDED.n, seconds = c.seconds + EXCLUDED.seconds),
    timed AS (
      SELECT *, CAST(least(:last, ceil(:per_doubling * ln(greatest(seconds * 1000, 1)) / ln(2))) AS smallint) AS bucket
      FROM gone WHERE seconds IS NOT NULL),
    times AS (
      INSERT INTO answer_times AS t (kind, group_name, bucket, n)
      SELECT kind, group_name, bucket, count(*) FROM timed GROUP BY 1, 2, 3
      ON CONFLICT (kind, group_name, bucket) DO UPDATE SET n = t.n + EXCLUDED.n),
    people AS (
      INSERT INTO person_times AS p (person, month, bucket, n)
      SELECT person, CAST(date_trunc('month', at AT TIME ZONE 'UTC') AS date), bucket, count(*) FROM timed
      WHERE :people GROUP BY 1, 2, 3
      ON CONFLICT (person, month, bucket) DO UPDATE SET n = p.n + EXCLUDED.n)
    SELECT count(*) FROM gone
    """
)
# Open requests alone, however many have been decided.
_OPEN = text(
    """
    SELECT r.person, count(DISTINCT a.id)
    FROM approvals a
    JOIN approval_recipients r ON r.approval_id = a.id
    WHERE a.state = 'pending'
      AND NOT EXISTS (SELECT FROM approval_recipients n WHERE n.forwarded_from = r.id)
      AND NOT EXISTS (SELECT FROM approval_votes v WHERE v.approval_id = a.id AND v.person = r.person)
      AND (CAST(:person AS text) IS NULL OR r.person = CAST(:person AS text))
    GROUP BY 1
    """
)


async def fold(session: WriteSession, *, people: bool) -> bool:
    """The sweeper's beat. True: there may be more. `people`: also how long each person takes."""
    values = {"most": MOST, "last": LAST, "per_doubling": PER_DOUBLING, "people": people}
    return bool((await session.execute(_FOLD, values)).scalar_one() == MOST)


async def forget(session: WriteSession, *, people: bool, now: datetime | None = None) -> None:
    """Drop what is older than it is kept; where people are not to be told apart, all of it."""
    statement = delete(PersonTime)
    if people:
        month = func.date_trunc("month", func.timezone("UTC", at(now)))
        statement = statement.where(PersonTime.month <= month - func.make_interval(0, MONTHS))
    await session.execute(statement)


async def counts(session: AsyncSession) -> list[AnswerCount]:
    return list((await session.execute(select(AnswerCount))).scalars())


async def times(session: AsyncSession, *, kind: str | None = None) -> dict[tuple[str, str], Histogram]:
    """(kind, group) → its histogram."""
    query = select(AnswerTime.kind, AnswerTime.group_name, AnswerTime.bucket, AnswerTime.n)
    if kind is not None:
        query = query.where(AnswerTime.kind == kind)
    found: dict[tuple[str, str], Histogram] = {}
    for of_kind, group, bucket, n in await session.execute(query):
        found.setdefault((of_kind, group), {})[bucket] = n
    return found


async def person_times(session: AsyncSession, *, person: str | None = None) -> dict[str, Histogram]:
    """Canonical address → its histogram."""
    query = select(PersonTime.person, PersonTime.bucket, func.sum(PersonTime.n)).group_by(
        PersonTime.person, PersonTime.bucket
    )
    if person is not None:
        query = query.where(PersonTime.person == person)
    found: dict[str, Histogram] = {}
    for one, bucket, n in await session.execute(query):
        found.setdefault(one, {})[bucket] = int(n)
    return found


async def open_counts(session: AsyncSession, *, person: str | None = None) -> dict[str, int]:
    """Canonical address → how many open requests wait for that person."""
    return {one: n for one, n in await session.execute(_OPEN, {"person": person})}


async def oldest_open(session: AsyncSession) -> timedelta | None:
    """How long ago the oldest open request was made."""
    oldest = func.min(Approval.created_at)
    found: timedelta | None = await session.scalar(
        select(func.now() - oldest).where(Approval.state == ApprovalState.PENDING)
    )
    return found


async def waiting_turns(session: AsyncSession) -> tuple[int, int]:
    """How many requests wait for their turn, counted once for each person asked, and how many people they wait for."""
    row = await session.execute(
        select(func.count(), func.count(Recipient.person.distinct())).where(Recipient.turn == "waiting")
    )
    n, people = row.one()
    return n, people


async def kind_of(session: AsyncSession, task_id: UUID) -> str:
    """Without a statement where the session has read the task, as a request's page has."""
    return (await session.get_one(Task, task_id)).kind
