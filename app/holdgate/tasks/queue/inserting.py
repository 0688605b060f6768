"""Putting tasks into their queues: one statement, whatever the number."""

from datetime import datetime

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.tasks.requests import TaskInsert

# The ordinal keeps the order of one batch: its rows share now(), and each share and each lane is looked up once.
_INSERT = text(
    """
    WITH n AS (
      SELECT n.*, coalesce(run_id, owner_id, nobody) AS share, coalesce(run_id, nobody) AS run,
             coalesce(owner_id, nobody) AS owner, coalesce(l.kind, '') AS line
      FROM unnest(CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:payload AS jsonb[]), CAST(:queue AS text[]),
                  CAST(:priority AS int[]), CAST(:max_attempts AS int[]), CAST(:title AS text[]),
                  CAST(:run_id AS uuid[]), CAST(:owner_id AS uuid[]), CAST(:subject AS text[]),
                  CAST(:run_at AS timestamptz[]), CAST(:deadline_at AS timestamptz[]))
           WITH ORDINALITY AS n(id, kind, payload, queue, priority, max_attempts, title, run_id, owner_id, subject,
                                run_at, deadline_at, ordinal)
           LEFT JOIN kind_limits l ON l.kind = n.kind AND l.limited
           CROSS JOIN (SELECT CAST('00000000-0000-0000-0000-000000000000' AS uuid) AS nobody) AS o),
    known AS MATERIALIZED (
      SELECT owner, run, queue, kind, holdgate_lane(owner_id, run_id, queue, kind) AS lane
      FROM (SELECT DISTINCT owner, run, owner_id, run_id, queue, kind FROM n) AS lanes),
    places AS MATERIALIZED (
      SELECT queue, priority, share, line,
             holdgate_place(queue, priority, share, coalesce(CAST(:now AS timestamptz), now()), line) AS place
      FROM (SELECT DISTINCT queue, priority, share, line FROM n) AS shares)
    INSERT INTO tasks (id, kind, lane, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                       deadline_at, state, queued_at, position, limited)
    SELECT n.id, n.kind, known.lane, n.payload, n.queue, n.priority, n.max_attempts, n.title, n.run_id, n.owner_id,
           n.subject, n.run_at, n.deadline_at,
           CASE WHEN CAST(:paused AS bool) THEN 'paused'
                WHEN n.run_at > coalesce(CAST(:now AS timestamptz), now()) THEN 'scheduled' ELSE 'queued' END,
           coalesce(CAST(:now AS timestamptz), now()),
           places.place + row_number() OVER (PARTITION BY n.queue, n.priority, n.share, n.line
                                            ORDER BY n.ordinal),
           n.line <> ''
    FROM n JOIN places USING (queue, priority, share, line) JOIN known USING (owner, run, queue, kind)
    """
)


# The same for one: for a single row the shares and lanes of many cost more than the row.
_INSERT_ONE = text(
    """
    INSERT INTO tasks (id, kind, lane, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                       deadline_at, state, queued_at, position, limited)
    SELECT CAST(:id AS uuid), CAST(:kind AS text),
           holdgate_lane(CAST(:owner_id AS uuid), CAST(:run_id AS uuid), CAST(:queue AS text), CAST(:kind AS text)),
           CAST(:payload AS jsonb), CAST(:queue AS text), CAST(:priority AS int), CAST(:max_attempts AS int),
           CAST(:title AS text), CAST(:run_id AS uuid), CAST(:owner_id AS uuid), CAST(:subject AS text),
           CAST(:run_at AS timestamptz), CAST(:deadline_at AS timestamptz),
           CASE WHEN CAST(:paused AS bool) THEN 'paused'
                WHEN CAST(:run_at AS timestamptz) > o.at THEN 'scheduled' ELSE 'queued' END,
           o.at, holdgate_place(CAST(:queue AS text), CAST(:priority AS int), o.share, o.at, o.line) + 1, o.line <> ''
    FROM (SELECT coalesce(CAST(:run_id AS uuid), CAST(:owner_id AS uuid),
                          CAST('00000000-0000-0000-0000-000000000000' AS uuid)) AS share,
                 coalesce(CAST(:now AS timestamptz), now()) AS at, holdgate_line(CAST(:kind AS text)) AS line) AS o
    """
)


async def insert_tasks(
    session: WriteSession, tasks: list[TaskInsert], *, paused: bool = False, now: datetime | None = None
) -> None:
    """One INSERT; `paused` puts them into a paused run."""
    if len(tasks) == 1:
        await session.execute(
            _INSERT_ONE,
            {**{name: getattr(tasks[0], name) for name in TaskInsert.__struct_fields__}, "paused": paused, "now": now},
        )
        return
    columns = {name: [getattr(task, name) for task in tasks] for name in TaskInsert.__struct_fields__}
    await session.execute(_INSERT, {**columns, "paused": paused, "now": now})
