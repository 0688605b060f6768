"""Schedules and their beats; limits of kinds, whose tasks wait in indexes of their own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

Moment = sa.DateTime(timezone=True)
NOW = sa.text("now()")

SCHEDULE_LOG = (
    """
-- What people did, by whichever statement. The beats themselves are no events of people: they change other columns.
CREATE FUNCTION schedules_log() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  verb text;
  names text;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT string_agg(n.key, ', ' ORDER BY n.key) INTO names
    FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
    WHERE n.value <> o.value
      AND key IN ('name', 'kind', 'payload', 'queue', 'priority', 'cron', 'zone', 'missed', 'owner_id');
    verb := CASE WHEN names IS NOT NULL THEN 'edit'
                 WHEN OLD.paused_at IS NULL AND NEW.paused_at IS NOT NULL THEN 'pause'
                 WHEN OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL THEN 'resume'
                 WHEN NEW.asked_at IS DISTINCT FROM OLD.asked_at THEN 'run' END;
  ELSE
    verb := CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'delete' END;
  END IF;
  IF verb IS NOT NULL THEN
    INSERT INTO schedule_events (schedule_id, name, verb, actor, changed)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END,
            CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END, verb, holdgate_actor(), names);
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER schedules_log AFTER INSERT OR UPDATE OR DELETE ON schedules
  FOR EACH ROW EXECUTE FUNCTION schedules_log();
""",
)

LIMIT_LOG = (
    """
-- Who set which limit. Not for the tokens, which every claim of a limited kind spends.
CREATE FUNCTION kind_limits_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO kind_limit_events (kind, limits, actor)
  VALUES (NEW.kind,
          coalesce(nullif(concat_ws(', ', NEW.concurrency || ' at once', NEW.rate_count || ' per ' || NEW.rate_per), ''),
                   'none'),
          holdgate_actor());
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER kind_limits_log AFTER INSERT OR UPDATE OF concurrency, rate_count, rate_per, set_by ON kind_limits
  FOR EACH ROW EXECUTE FUNCTION kind_limits_log();
""",
)

# Tasks that may be claimed freely stand in one line for each queue and priority. Those of a limited kind stand in a line
# of their own, named by the kind, with its own head and clock: else a kind that is full would stop the clock of all.
LINES = (
    """
CREATE FUNCTION holdgate_line(kind_ text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce((SELECT l.kind FROM kind_limits l WHERE l.kind = kind_ AND l.limited), '') $$;
""",
    "DROP FUNCTION holdgate_place(text, int, uuid, timestamptz)",
    "DROP FUNCTION holdgate_front(text, int, bigint)",
    "DROP FUNCTION holdgate_head(text, int)",
    # The release before calls them without a line.
    """
CREATE FUNCTION holdgate_head(queue_ text, priority_ int, line_ text DEFAULT '') RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF line_ = '' THEN
    RETURN (SELECT t.position FROM tasks t
            WHERE t.state = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
            ORDER BY t.position LIMIT 1);
  END IF;
  RETURN (SELECT t.position FROM tasks t
          WHERE t.state = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
            AND t.priority = priority_::smallint
          ORDER BY t.position LIMIT 1);
END $$;
""",
    """
CREATE FUNCTION holdgate_place(queue_ text, priority_ int, share_ uuid, at_ timestamptz, line_ text DEFAULT '')
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  last_ bigint;
BEGIN
  IF line_ = '' THEN
    last_ := (SELECT t.position FROM tasks t
              WHERE t.state = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
                AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
              ORDER BY -t.position LIMIT 1);
  ELSE
    last_ := (SELECT t.position FROM tasks t
              WHERE t.state = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
                AND t.priority = priority_::smallint
                AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
              ORDER BY -t.position LIMIT 1);
  END IF;
  -- A line that is empty begins where the others stand: it takes turns with them, neither ahead nor behind all.
  RETURN coalesce(greatest(holdgate_head(queue_, priority_, line_), last_),
                  holdgate_head(queue_, priority_),
                  (SELECT min(holdgate_head(queue_, priority_, l.kind)) FROM kind_limits l WHERE l.limited),
                  (extract(epoch FROM at_) * 1000000)::bigint);
END $$;
""",
    """
-- Where a task that was claimed and comes back goes: to the head. Not to where it was, or the clock would run back.
CREATE FUNCTION holdgate_front(queue_ text, priority_ int, position_ bigint, line_ text DEFAULT '') RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN greatest(position_, holdgate_head(queue_, priority_, line_) - 1);
END $$;
""",
)

ROOM = (
    """
-- A bucket that holds rate_count starts and fills again within rate_per.
CREATE FUNCTION holdgate_tokens(l kind_limits, at_ timestamptz) RETURNS float8 LANGUAGE sql STABLE AS
$$ SELECT least(l.rate_count, l.tokens + greatest(0, extract(epoch FROM at_ - l.tokens_at)::float8) * l.rate_count
                              / extract(epoch FROM l.rate_per)::float8) $$;
""",
    """
-- How many tasks of a limited kind may start at at_, and, where its rate is used up, the seconds until the next may.
-- To rely on it, lock the kind's row first, in a statement before.
CREATE FUNCTION holdgate_room(kind_ text, at_ timestamptz, OUT room int, OUT wait float8) LANGUAGE plpgsql STABLE AS $$
DECLARE
  l kind_limits;
  tokens float8;
BEGIN
  SELECT k.* INTO l FROM kind_limits k WHERE k.kind = kind_ AND k.limited;
  room := CASE WHEN FOUND THEN 1000000 ELSE 0 END;
  IF l.concurrency IS NOT NULL THEN
    room := l.concurrency - (SELECT count(*) FROM (SELECT FROM tasks t WHERE t.state = 'running' AND t.limited
                                                   AND t.kind = kind_ LIMIT l.concurrency) AS running);
  END IF;
  IF l.rate_count IS NOT NULL THEN
    tokens := holdgate_tokens(l, at_) + 1e-6;  -- a millionth, so that ten tenths are one
    IF tokens < 1 THEN
      wait := (1 - tokens) * extract(epoch FROM l.rate_per)::float8 / l.rate_count;
    END IF;
    room := least(room, greatest(floor(tokens), 0)::int);
  END IF;
END $$;
""",
)

# As 0004 made them.
FORMER = (
    """
CREATE FUNCTION holdgate_head(queue_ text, priority_ int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT t.position FROM tasks t
          WHERE t.state = 'queued' AND t.queue = queue_ AND t.priority = priority_::smallint
          ORDER BY t.position LIMIT 1);
END $$;
""",
    """
CREATE FUNCTION holdgate_place(queue_ text, priority_ int, share_ uuid, at_ timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(
    greatest(holdgate_head(queue_, priority_),
             (SELECT t.position FROM tasks t
              WHERE t.state = 'queued' AND t.queue = queue_ AND t.priority = priority_::smallint
                AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
              ORDER BY -t.position LIMIT 1)),
    (extract(epoch FROM at_) * 1000000)::bigint);
END $$;
""",
    """
CREATE FUNCTION holdgate_front(queue_ text, priority_ int, position_ bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN greatest(position_, holdgate_head(queue_, priority_) - 1);
END $$;
""",
)
SHARE = sa.literal_column("COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid)")
READY = ["queue", sa.literal_column("priority DESC"), "position"]
BY_SHARE = [SHARE, "queue", "priority", sa.literal_column('(- "position")')]
QUEUED, FREE = sa.text("state = 'queued'"), sa.text("state = 'queued' AND NOT limited")
LIMITED = sa.text("state = 'queued' AND limited")


def upgrade() -> None:
    _make_schedules()
    _make_limits()
    op.add_column("tasks", sa.Column("limited", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    for name, columns in (("tasks_ready_idx", READY), ("tasks_share_idx", BY_SHARE)):
        op.drop_index(name, table_name="tasks", postgresql_where=QUEUED)
        op.create_index(name, "tasks", columns, postgresql_where=FREE)
    op.create_index("tasks_limited_idx", "tasks", ["kind", *READY], postgresql_where=LIMITED)
    op.create_index("tasks_limited_share_idx", "tasks", ["kind", *BY_SHARE], postgresql_where=LIMITED)
    running = sa.text("state = 'running' AND limited")
    op.create_index("tasks_limited_running_idx", "tasks", ["kind"], postgresql_where=running)
    for statement in (*LIMIT_LOG, *LINES, *ROOM):
        op.execute(statement)


def _make_limits() -> None:
    op.create_table(
        "kind_limits",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer()),
        sa.Column("rate_count", sa.Integer()),
        sa.Column("rate_per", sa.Interval()),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.Text()),
        sa.Column("changed_at", Moment, server_default=NOW, nullable=False),
        sa.Column("settled_at", Moment),
        sa.Column("tokens", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_at", Moment, server_default=NOW, nullable=False),
        sa.CheckConstraint("concurrency >= 0", name=op.f("kind_limits_concurrency_check")),
        sa.CheckConstraint("rate_count >= 1 AND rate_per > interval '0'", name=op.f("kind_limits_rate_check")),
        sa.CheckConstraint("(rate_count IS NULL) = (rate_per IS NULL)", name=op.f("kind_limits_whole_rate_check")),
        sa.CheckConstraint(
            "limited = (concurrency IS NOT NULL OR rate_count IS NOT NULL)", name=op.f("kind_limits_limited_check")
        ),
        sa.PrimaryKeyConstraint("kind", name=op.f("kind_limits_pkey")),
    )
    op.create_table(
        "kind_limit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", Moment, server_default=NOW, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("kind_limit_events_pkey")),
    )


def _make_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("queue", sa.Text()),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, server_default=NOW, nullable=False),
        sa.Column("paused_at", Moment),
        sa.Column("paused_by", sa.Text()),
        sa.Column("next_at", Moment),
        sa.Column("last_at", Moment),
        sa.Column("last_task_id", sa.Uuid()),
        sa.Column("asked_at", Moment),
        sa.Column("problem", sa.Text()),
        sa.Column("retry_at", Moment),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("schedules_name_check")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("schedules_priority_check")),
        sa.CheckConstraint("missed IN ('catch_up', 'skip')", name=op.f("schedules_missed_check")),
        sa.CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name=op.f("schedules_paused_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("schedules_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("schedules_pkey")),
    )
    op.create_index("schedules_due_idx", "schedules", ["next_at"], postgresql_where=sa.text("paused_at IS NULL"))
    newest = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]
    op.create_index("schedules_owner_created_idx", "schedules", ["owner_id", *newest])
    op.create_index("schedules_created_idx", "schedules", newest)
    op.create_table(
        "schedule_beats",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("beat_at", Moment, nullable=False),
        sa.Column("taken_at", Moment, server_default=NOW, nullable=False),
        sa.Column("task_id", sa.Uuid()),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("schedule_beats_schedule_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "beat_at", name=op.f("schedule_beats_pkey")),
    )
    op.create_table(
        "schedule_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", Moment, server_default=NOW, nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("schedule_events_pkey")),
    )
    op.create_index("schedule_events_schedule_idx", "schedule_events", ["schedule_id", "id"])
    for statement in SCHEDULE_LOG:
        op.execute(statement)


def downgrade() -> None:
    for name in ("room", "tokens", "place", "front", "head", "line"):
        op.execute(f"DROP FUNCTION holdgate_{name}")
    op.execute("DROP FUNCTION kind_limits_log CASCADE")
    for statement in FORMER:
        op.execute(statement)
    for name in ("tasks_limited_running_idx", "tasks_limited_share_idx", "tasks_limited_idx"):
        op.drop_index(name, table_name="tasks")
    for name, columns in (("tasks_ready_idx", READY), ("tasks_share_idx", BY_SHARE)):
        op.drop_index(name, table_name="tasks", postgresql_where=FREE)
        op.create_index(name, "tasks", columns, postgresql_where=QUEUED)
    op.drop_column("tasks", "limited")
    op.drop_table("kind_limit_events")
    op.drop_table("kind_limits")
    op.execute("DROP FUNCTION schedules_log CASCADE")
    op.drop_table("schedule_events")
    op.drop_table("schedule_beats")
    op.drop_table("schedules")
