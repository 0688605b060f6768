"""Saved views of the task list, the log of what administrators do, and edited payloads in the log of tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

# As before (0008), and new: a payload that a person edited for a retry. What has changed is told by the statement in
# `holdgate.changes`, with secrets hidden; without it the log still says that the payload is another one.
LOG_UPDATE = """
CREATE OR REPLACE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  actor text := holdgate_actor();
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason, data)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind,
         CASE WHEN n.state <> o.state THEN coalesce(t.verb, holdgate_refuse(o.state, n.state))
              WHEN n.resolved_at IS NOT NULL AND o.resolved_at IS NULL THEN 'resolve'
              WHEN n.resolved_at IS NULL AND o.resolved_at IS NOT NULL THEN 'reopen'
              ELSE 'prioritise' END,
         CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END,
         CASE WHEN n.resolved_at IS NULL THEN n.state ELSE 'resolved' END,
         actor, n.attempt,
         CASE WHEN n.state <> o.state THEN n.reason
              WHEN n.resolved_at IS NOT NULL THEN n.resolution
              ELSE nullif(current_setting('holdgate.reason', true), '') END,
         CASE WHEN n.state = o.state AND n.priority <> o.priority
                THEN jsonb_build_object('from', o.priority, 'to', n.priority)
              WHEN n.state <> o.state AND n.state IN ('retrying', 'dead_letter') THEN n.error
              -- Payloads are large, and compared only where one can be another.
              WHEN o.state IN ('dead_letter', 'cancelled') AND n.state = 'queued' THEN
                CASE WHEN n.payload <> o.payload THEN jsonb_build_object('payload',
                  coalesce(nullif(current_setting('holdgate.changes', true), '')::jsonb, '[]'::jsonb)) END END
  FROM new_rows n
  JOIN old_rows o USING (id)
  LEFT JOIN task_transitions t
    ON t.from_state = o.state AND t.to_state = n.state AND CASE WHEN meant IS NULL THEN t.usual ELSE t.verb = meant END
  WHERE n.state <> o.state OR n.priority <> o.priority OR (n.resolved_at IS NULL) <> (o.resolved_at IS NULL);
  RETURN NULL;
END $$;
"""
LOG_UPDATE_BEFORE = """
CREATE OR REPLACE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  actor text := holdgate_actor();
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason, data)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind,
         CASE WHEN n.state <> o.state THEN coalesce(t.verb, holdgate_refuse(o.state, n.state))
              WHEN n.resolved_at IS NOT NULL AND o.resolved_at IS NULL THEN 'resolve'
              WHEN n.resolved_at IS NULL AND o.resolved_at IS NOT NULL THEN 'reopen'
              ELSE 'prioritise' END,
         CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END,
         CASE WHEN n.resolved_at IS NULL THEN n.state ELSE 'resolved' END,
         actor, n.attempt,
         CASE WHEN n.state <> o.state THEN n.reason
              WHEN n.resolved_at IS NOT NULL THEN n.resolution
              ELSE nullif(current_setting('holdgate.reason', true), '') END,
         CASE WHEN n.state = o.state AND n.priority <> o.priority
                THEN jsonb_build_object('from', o.priority, 'to', n.priority)
              WHEN n.state <> o.state AND n.state IN ('retrying', 'dead_letter') THEN n.error END
  FROM new_rows n
  JOIN old_rows o USING (id)
  LEFT JOIN task_transitions t
    ON t.from_state = o.state AND t.to_state = n.state AND CASE WHEN meant IS NULL THEN t.usual ELSE t.verb = meant END
  WHERE n.state <> o.state OR n.priority <> o.priority OR (n.resolved_at IS NULL) <> (o.resolved_at IS NULL);
  RETURN NULL;
END $$;
"""
# By triggers, so that the command line and psql are logged as well. Never a secret: names, addresses, roles.
AUDIT = (
    """
CREATE FUNCTION users_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
    VALUES (holdgate_actor(), 'user', 'add', NEW.email, NEW.id, jsonb_build_object('role', NEW.role));
    RETURN NULL;
  END IF;
  IF NEW.role <> OLD.role THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
    VALUES (holdgate_actor(), 'user', 'change_role', NEW.email, NEW.id,
            jsonb_build_object('from', OLD.role, 'to', NEW.role));
  END IF;
  IF (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id)
    VALUES (holdgate_actor(), 'user', CASE WHEN NEW.disabled_at IS NULL THEN 'enable' ELSE 'disable' END,
            NEW.email, NEW.id);
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER users_audit AFTER INSERT OR UPDATE OF role, disabled_at ON users
  FOR EACH ROW EXECUTE FUNCTION users_audit();
""",
    """
CREATE FUNCTION api_tokens_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE token record;
BEGIN
  IF TG_OP = 'INSERT' THEN token := NEW; ELSE token := OLD; END IF;
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  VALUES (holdgate_actor(), 'token', CASE WHEN TG_OP = 'INSERT' THEN 'make' ELSE 'revoke' END, token.name, token.id,
          jsonb_build_object('of', (SELECT email FROM users WHERE id = token.user_id), 'scopes', token.scopes));
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER api_tokens_audit AFTER INSERT OR DELETE ON api_tokens
  FOR EACH ROW EXECUTE FUNCTION api_tokens_audit();
""",
    """
CREATE FUNCTION webhook_endpoints_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  endpoint record;
  done text[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY['add'] WHEN 'DELETE' THEN ARRAY['remove'] ELSE ARRAY[]::text[] END;
BEGIN
  IF TG_OP = 'DELETE' THEN endpoint := OLD; ELSE endpoint := NEW; END IF;
  IF TG_OP = 'UPDATE' THEN
    IF NEW.url <> OLD.url OR NEW.events <> OLD.events OR NEW.everyone <> OLD.everyone THEN
      done := done || 'change'::text;
    END IF;
    IF NEW.secret <> OLD.secret THEN done := done || 'rotate_secret'::text; END IF;
    IF (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN
      done := done || CASE WHEN NEW.disabled_at IS NULL THEN 'enable' ELSE 'disable' END;
    END IF;
  END IF;
  -- Of the address only where it leads: its path may be a password.
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  SELECT holdgate_actor(), 'webhook', verb, substring(endpoint.url from '^[^:]+://(?:[^/@]*@)?([^/?#]+)'), endpoint.id
  FROM unnest(done) AS verb;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER webhook_endpoints_audit
  AFTER INSERT OR DELETE OR UPDATE OF url, events, everyone, secret, disabled_at ON webhook_endpoints
  FOR EACH ROW EXECUTE FUNCTION webhook_endpoints_audit();
""",
)
PEOPLE = sa.text("actor NOT LIKE 'worker:%' AND actor <> 'system'")
NEWEST = [sa.literal_column("at DESC"), sa.literal_column("id DESC")]
LOGS = (
    "audit_events",
    "queue_events",
    "run_events",
    "bulk_events",
    "approval_events",
    "schedule_events",
    "kind_limit_events",
)


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name=op.f("saved_views_name_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("saved_views_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("saved_views_pkey")),
        sa.UniqueConstraint("owner_id", "name", name="saved_views_owner_name_key"),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("data", postgresql.JSONB()),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_events_pkey")),
    )
    op.add_column("bulk_tasks", sa.Column("priority", sa.SmallInteger()))
    for name in LOGS:
        op.create_index(f"{name}_at_idx", name, NEWEST)
    op.create_index("task_events_people_idx", "task_events", NEWEST, postgresql_where=PEOPLE)
    op.create_index("task_events_actor_idx", "task_events", ["actor", *NEWEST], postgresql_where=PEOPLE)
    for statement in (LOG_UPDATE, *AUDIT):
        op.execute(statement)


def downgrade() -> None:
    for name in ("users_audit", "api_tokens_audit", "webhook_endpoints_audit"):
        op.execute(f"DROP FUNCTION {name} CASCADE")
    op.execute(LOG_UPDATE_BEFORE)
    op.drop_index("task_events_actor_idx", table_name="task_events", postgresql_where=PEOPLE)
    op.drop_index("task_events_people_idx", table_name="task_events", postgresql_where=PEOPLE)
    for name in reversed(LOGS):
        op.drop_index(f"{name}_at_idx", table_name=name)
    op.drop_column("bulk_tasks", "priority")
    op.drop_table("audit_events")
    op.drop_table("saved_views")
