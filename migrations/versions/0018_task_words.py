"""What tasks are searched by, in a table of its own: an index on `tasks` would be written at every change of state."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"

# The words of the title, behind '#' the kind, and behind '=' every value of the payload that is short enough to be looked
# for. A payload of very many values is marked by '=*' instead: it may hold anything. Numbers have no trailing zeros.
STATEMENTS = (
    """
CREATE FUNCTION holdgate_words(kind text, title text, payload jsonb) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT to_tsvector('simple', translate(title, '/', ' ')) || array_to_tsvector(
    ARRAY['#' || kind] ||
    CASE WHEN count(*) > 1000 THEN ARRAY['=*']
         ELSE coalesce(array_agg(DISTINCT '=' || v) FILTER (WHERE length(v) BETWEEN 1 AND 200), '{}') END)
  FROM (SELECT CASE WHEN jsonb_typeof(j) = 'number' THEN trim_scale((j #>> '{}')::numeric)::text
                    ELSE j #>> '{}' END AS v
        FROM jsonb_path_query(payload, 'strict $.**') AS j
        WHERE jsonb_typeof(j) IN ('string', 'number', 'boolean')) AS found
$$;
""",
    """
-- What somebody types: every word of it is the beginning of a word.
CREATE FUNCTION holdgate_sought(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(string_agg('''' || replace(replace(l, '\\', '\\\\'), '''', '''''') || ''':*', ' & '), '')::tsquery
  FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
$$;
""",
    """
CREATE FUNCTION tasks_words_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_words (task_id, words) SELECT id, holdgate_words(kind, title, payload) FROM new_rows;
  RETURN NULL;
END $$;
""",
    """
CREATE FUNCTION tasks_words_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE task_words SET words = holdgate_words(NEW.kind, NEW.title, NEW.payload) WHERE task_id = NEW.id;
  RETURN NULL;
END $$;
""",
    """
CREATE FUNCTION tasks_words_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM task_words w USING old_rows o WHERE w.task_id = o.id;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER tasks_words_insert AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_words_insert();
""",
    """
-- For each row: with a list of columns, so that a change of state does not come here at all.
CREATE TRIGGER tasks_words_change AFTER UPDATE OF title, payload ON tasks FOR EACH ROW
  WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.payload IS DISTINCT FROM NEW.payload)
  EXECUTE FUNCTION tasks_words_change();
""",
    """
CREATE TRIGGER tasks_words_delete AFTER DELETE ON tasks REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_words_delete();
""",
)
FUNCTIONS = (
    "tasks_words_insert()",
    "tasks_words_change()",
    "tasks_words_delete()",
    "holdgate_sought(text)",
    "holdgate_words(text, text, jsonb)",
)


def upgrade() -> None:
    # No foreign key: its checks would lock every task once more while it is enqueued.
    op.create_table(
        "task_words",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name=op.f("task_words_pkey")),
    )
    for statement in STATEMENTS:
        op.execute(statement)
    op.execute("INSERT INTO task_words (task_id, words) SELECT id, holdgate_words(kind, title, payload) FROM tasks")
    op.create_index("task_words_idx", "task_words", ["words"], postgresql_using="gin")
    op.drop_index("tasks_payload_idx", table_name="tasks")


def downgrade() -> None:
    operators = {"payload": "jsonb_path_ops"}
    op.create_index("tasks_payload_idx", "tasks", ["payload"], postgresql_using="gin", postgresql_ops=operators)
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_table("task_words")
