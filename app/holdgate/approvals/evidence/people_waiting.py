"""Whom runs wait for, and how many they are, for estimates: those who can still decide, and owners asked something.

The same people as in approvals/rules/visibility.py, seen from the runs.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.states import HoldType
from holdgate.runs.waiting import WaitedFor
from holdgate.tasks.states import HOLDS

# `person` is holdgate.core.text.addresses.canonical_address: two addresses of one person count once, and have one vote.
_PERSON = r"""
    WITH question AS MATERIALIZED (
      SELECT t.id AS task_id, t.run_id, t.owner_id AS task_owner, r.owner_id AS starter, a.id, a.owner_id, a.hold,
             a.stopped_at, a.self_approval
      FROM tasks t
      JOIN runs r ON r.id = t.run_id
      LEFT JOIN approvals a ON a.task_id = t.id AND a.state = 'pending'
      WHERE t.run_id = ANY (CAST(:runs AS uuid[])) AND t.state = ANY (CAST(:holds AS text[]))
    ), address AS (
      SELECT q.task_id, q.run_id, q.id AS approval_id, p.email, q.self_approval, q.task_owner, q.starter, true AS asked
      FROM question q
      JOIN approval_recipients p ON p.approval_id = q.id
      WHERE NOT EXISTS (SELECT FROM approval_recipients n WHERE n.forwarded_from = p.id)
      UNION ALL
      SELECT q.task_id, q.run_id, q.id, u.email, true, NULL, NULL, false
      FROM question q
      JOIN users u ON u.id = coalesce(q.owner_id, q.task_owner)
      WHERE q.id IS NULL OR q.hold <> :approval OR q.stopped_at IS NOT NULL
    ), person AS (
      SELECT *, regexp_replace(lower(btrim(email)), '^([^+@]+)\+[^@]*@', '\1@') AS person FROM address
    )
    SELECT {columns}
    FROM person a
    WHERE NOT (a.asked AND EXISTS (
            SELECT FROM approval_votes v WHERE v.approval_id = a.approval_id AND v.person = a.person))
      AND (a.self_approval OR NOT EXISTS (
            SELECT FROM users u
            WHERE u.id IN (a.task_owner, a.starter)
              AND regexp_replace(lower(btrim(u.email)), '^([^+@]+)\+[^@]*@', '\1@') = a.person))
    GROUP BY {group} ORDER BY 1
"""
_PEOPLE = text(_PERSON.format(columns="a.run_id, count(DISTINCT a.person)", group="a.run_id"))
_WHO = text(_PERSON.format(columns="min(a.email), count(DISTINCT a.task_id), bool_or(a.asked)", group="a.person"))


async def people_of_runs(session: AsyncSession, runs: Sequence[UUID]) -> dict[UUID, int]:
    """Runs that nobody can decide anything of are left out."""
    return {run: n for run, n in await session.execute(_PEOPLE, _values(runs))}


async def who_of_run(session: AsyncSession, run: UUID) -> list[WaitedFor]:
    """By address."""
    rows = await session.execute(_WHO, _values([run]))
    return [WaitedFor(email=email, n=n, asked=asked) for email, n, asked in rows]


def _values(runs: Sequence[UUID]) -> dict[str, Any]:
    return {"runs": list(runs), "holds": [hold.value for hold in HOLDS], "approval": HoldType.APPROVAL.value}
