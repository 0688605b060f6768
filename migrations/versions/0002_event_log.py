"""The trigger that refuses illegal moves and writes the event log, and the one that closes questions.

All are statement-level with transition tables: a batch of 200 tasks costs one INSERT.
"""

from alembic import op

from migrations import transitions

revision = "0002"
down_revision = "0001"

# asyncpg takes one statement at a time.
STATEMENTS = (
    """
-- Who does it: what the session has named, or the database role when somebody uses psql.
CREATE FUNCTION holdgate_actor() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('holdgate.actor', true), ''), 'role:' || current_user) $$;
""",
    """
-- Called only for a pair of states that no verb joins.
CREATE FUNCTION holdgate_refuse(from_state text, to_state text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'illegal move of a task: % -> %', coalesce(from_state, 'nothing'), to_state
    USING ERRCODE = 'check_violation', CONSTRAINT = 'task_transitions';
END $$;
""",
    """
CREATE FUNCTION tasks_log_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind,
         CASE WHEN n.state IN ('queued', 'scheduled', 'paused') THEN 'enqueue'
              ELSE holdgate_refuse(NULL, n.state) END,
         NULL, n.state, holdgate_actor(), n.attempt, n.reason
  FROM new_rows n;
  RETURN NULL;
END $$;
""",
    """
CREATE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  actor text := holdgate_actor();
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason, data)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind, coalesce(t.verb, holdgate_refuse(o.state, n.state)),
         o.state, n.state, actor, n.attempt, n.reason,
         CASE WHEN n.state IN ('retrying', 'dead_letter') THEN n.error END
  FROM new_rows n
  JOIN old_rows o USING (id)
  LEFT JOIN task_transitions t
    ON t.from_state = o.state AND t.to_state = n.state AND CASE WHEN meant IS NULL THEN t.usual ELSE t.verb = meant END
  WHERE n.state <> o.state;
  RETURN NULL;
END $$;
""",
    """
CREATE FUNCTION tasks_log_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt)
  SELECT o.id, o.run_id, o.owner_id, o.queue, o.kind, 'delete', o.state, NULL, holdgate_actor(), o.attempt FROM old_rows o;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER tasks_log_insert AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_log_insert();
""",
    """
CREATE TRIGGER tasks_log_update AFTER UPDATE ON tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_log_update();
""",
    """
CREATE TRIGGER tasks_log_delete AFTER DELETE ON tasks REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_log_delete();
""",
    """
-- The log is written by these triggers and by nothing else; retention deletes, nobody changes.
CREATE FUNCTION task_events_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'task_events cannot be changed' USING ERRCODE = 'check_violation';
END $$;
""",
    """
CREATE TRIGGER task_events_immutable BEFORE UPDATE ON task_events
  FOR EACH STATEMENT EXECUTE FUNCTION task_events_immutable();
""",
    """
-- A task that stops holding, by whichever statement, takes its open question with it. A decision has closed the
-- question before it moves the task, so this finds it closed. Locks run tasks first, approvals second.
CREATE FUNCTION approvals_close_with_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE approvals a
  SET state = CASE WHEN n.state = 'expired' THEN 'expired' ELSE 'cancelled' END,
      decided_at = now(), decided_by = holdgate_actor(), reason = n.reason
  FROM new_rows n JOIN old_rows o USING (id)
  WHERE a.task_id = n.id AND a.state = 'pending' AND n.state <> o.state
    AND o.state IN ('pending_approval', 'needs_input', 'needs_auth');
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER tasks_close_approvals AFTER UPDATE ON tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION approvals_close_with_hold();
""",
)

FUNCTION_NAMES = (
    "tasks_log_insert",
    "tasks_log_update",
    "tasks_log_delete",
    "task_events_immutable",
    "approvals_close_with_hold",
    "holdgate_refuse",
    "holdgate_actor",
)


def upgrade() -> None:
    transitions.sync()
    op.execute("INSERT INTO rollup (upto) VALUES (pg_snapshot_xmin(pg_current_snapshot()))")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM rollup")
    for name in FUNCTION_NAMES:
        op.execute(f"DROP FUNCTION {name} CASCADE")
