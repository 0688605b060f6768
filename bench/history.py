"""A database with a long history: what Holdgate looks like after months of work. Written through the real triggers.

It belongs to 41 people. Of 1,000 tasks 640 succeeded and 120 died (100 of them have been resolved), 70 are ready and 30
scheduled; the rest was cancelled, rejected or expired. Two in three were tried twice, which makes five events a task.
What workers and people have in hand does not grow with the history: at most 500 tasks run, on ten workers; 100 wait.
"""

from sqlalchemy import text

from holdgate.accounts import queries as accounts
from holdgate.accounts.service import add_user
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.tokens import digest, mint
from holdgate.runs import event_consumer as runs
from holdgate.runs.upkeep import TIMED
from holdgate.stats import counts as stats
from holdgate.stats import rollups
from holdgate.tasks.failures import groups
from holdgate.tasks.search import words
from holdgate.webhooks import event_consumer as webhooks

RUN_SIZE = 200  # tasks of one run

_RUNS = text(
    """
    INSERT INTO runs (id, owner_id, name, created_at, settled_at)
    SELECT r.id, r.owner, 'Run ' || r.number, now() - (:all - r.number) * interval '1 hour', now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:owners AS uuid[])) WITH ORDINALITY AS r(id, owner, number)
    """
)
# The number of a task decides everything about it.
_TASKS = text(
    """
    INSERT INTO tasks (id, run_id, owner_id, subject, title, queue, kind, payload, priority, created_at, queued_at,
                       state, run_at)
    SELECT CAST(overlay(CAST(gen_random_uuid() AS text) PLACING left(CAST(holdgate_first_id(at, 0) AS text), 13) FROM 1
                        FOR 13) AS uuid), :run, :owner, 'history:' || n,
           'Application ' || n || ' to company ' || n % 977,
           CASE WHEN n % 10 = 0 THEN 'mail' ELSE 'default' END,
           (ARRAY['application.submit', 'email.send', 'http.request', 'report.generate', 'sample.task'])[1 + n % 5],
           jsonb_build_object('email', 'person' || n % 5000 || '@example.org', 'number', n),
           50, at, now(),
           CASE WHEN n % 100 < 97 THEN 'queued' ELSE 'scheduled' END, now() + interval '1 day'
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n,
         LATERAL (SELECT now() - (CAST(:all AS int) - n) * interval '1 second' AS at) AS o
    """
)
_OF_BATCH = """
    UPDATE tasks t SET {changes}
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
    WHERE t.run_id = :run AND t.subject = 'history:' || n AND ({which})
"""
_CLAIM = """
    state = 'running', attempt = t.attempt + 1, worker_id = :worker, claimed_at = now(),
    started_at = coalesce(t.started_at, now()), lease_expires_at = now() + interval '1 day'
"""
_END = """
    finished_at = now(), lease_expires_at = NULL, worker_id = NULL
"""
_ERROR = """
    jsonb_build_object('type', 'HTTPStatusError', 'message', 'The server ' || n % 40 || ' answered 503.',
                       'traceback', repeat('  File "holdgate/kinds/http_request.py", line 1, in send' || chr(10), 20))
"""
_FINGERPRINT = "fingerprint = t.kind || ':' || substr(md5(CAST(n % 40 AS text)), 1, 12)"
TRIED = "n % 100 < 90"
RUNS = "n > CAST(:all AS int) - 25000"
WAITS = "(n % 100 = 74 AND n > CAST(:all AS int) - 10000)"
AGAIN = TRIED + " AND n % 3 < 2"
STEPS = tuple(
    text(_OF_BATCH.format(changes=changes, which=which))
    for changes, which in (
        (_CLAIM, TRIED),
        (
            "state = 'retrying', run_at = now(), failures = 1, lease_expires_at = NULL, worker_id = NULL,"
            f" error = {_ERROR}",
            AGAIN,
        ),
        ("state = 'queued', run_at = NULL", AGAIN),
        (_CLAIM, AGAIN),
        (
            f"state = 'succeeded', result = '{{\"answer\": 200}}', {_END}",
            f"n % 100 < 62 OR n % 100 IN (88, 89) AND NOT {RUNS}",
        ),
        (
            f"state = 'dead_letter', reason = 'It failed twice.', error = {_ERROR}, {_FINGERPRINT}, {_END}",
            "n % 100 BETWEEN 62 AND 73",
        ),
        ("resolved_at = now(), resolved_by = 'Bench', resolution = 'Done by hand.'", "n % 100 BETWEEN 62 AND 71"),
        (
            "state = 'pending_approval', reason = 'Send it?', lease_expires_at = NULL, worker_id = NULL",
            "n % 100 BETWEEN 74 AND 84",
        ),
        (
            "state = 'rejected', reason = 'Not this one.', finished_at = now()",
            f"n % 100 BETWEEN 74 AND 81 AND NOT {WAITS}",
        ),
        ("state = 'expired', reason = 'Nobody decided in time.', finished_at = now()", "n % 100 BETWEEN 82 AND 84"),
        (f"state = 'cancelled', reason = 'Not needed any more.', {_END}", "n % 100 BETWEEN 85 AND 87"),
    )
)
_QUESTIONS = text(
    """
    WITH asked AS (
      INSERT INTO approvals (id, task_id, owner_id, hold, step, round, title, shown, form, version, ttl,
                             clock_started_at, expires_at)
      SELECT gen_random_uuid(), t.id, t.owner_id, 'pending_approval', 'submit', 0, 'Send ' || t.title || '?',
             json_build_object('To', t.payload ->> 'email', 'Letter', repeat('A sentence of the letter. ', 40)),
             '{"fields": []}', repeat('0', 64), interval '30 days', now(), now() + interval '30 days'
      FROM tasks t WHERE t.run_id = :run AND t.state = 'pending_approval'
        AND NOT EXISTS (SELECT FROM approvals a WHERE a.task_id = t.id)
      RETURNING id)
    INSERT INTO approval_recipients (id, approval_id, email, state, sent_at)
    SELECT gen_random_uuid(), id, :email, 'sent', now() FROM asked
    """
)


async def write_history(database: Database, tasks: int) -> str:
    """Fill an empty database. Returns the session token of an administrator."""
    token = mint()
    async with database.write("bench") as session:
        people = [await add_user(session, f"person{number}@example.org") for number in range(40)]
        admin = await add_user(session, "bench@example.org", admin=True, name="Bench")
        await accounts.insert_session(session, digest(token), admin.id, address="127.0.0.1", user_agent="bench")
        runs = [uuid7() for _ in range(-(-tasks // RUN_SIZE))]
        workers = [uuid7() for _ in range(10)]
        owners = [(*people, admin)[number % 41] for number in range(len(runs))]
        await session.execute(_RUNS, {"ids": runs, "owners": [owner.id for owner in owners], "all": len(runs)})
    for number, (run, owner) in enumerate(zip(runs, owners, strict=True)):
        first = number * RUN_SIZE + 1
        batch = {"run": run, "first": first, "last": min(first + RUN_SIZE - 1, tasks), "all": tasks}
        async with database.write("bench") as session:
            await session.execute(_TASKS, {**batch, "owner": owner.id})
            for step in STEPS:
                await session.execute(step, {**batch, "worker": workers[number % len(workers)]})
            await session.execute(_QUESTIONS, {"run": run, "email": owner.email})
        if number % 100 == 99:
            await _sweep(database)
    await _sweep(database)
    async with database.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))
    return token


async def _sweep(database: Database) -> None:
    """As the sweeper does all the time: fold what has happened, and let all who follow the log read it."""
    settings = Settings(database_url="")
    async with database.write("bench") as session:
        await stats.fold_events(session)
        await groups.add_up(session)
    more = True
    while more:
        async with database.write("bench") as session:
            more = await runs.follow_log(session) or await webhooks.follow_log(session, settings)
        async with database.write("bench") as session:
            more = await words.follow_log(session) or more
        async with database.write("bench") as session:
            more = await rollups.fold(session, TIMED) or more
