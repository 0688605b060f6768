"""The words of a task know its age and queue, so that the newest of many hits are found before tasks are looked up."""

from alembic import op

revision = "0021"
down_revision = "0020"
blocking = "only the lock that making the trigger takes anyway, and nothing that takes long is done under it"

FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION tasks_words_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_words (task_id, created_at, words)
  SELECT id, created_at, holdgate_words(kind, title, payload) || array_to_tsvector(ARRAY['@' || queue])
  FROM new_rows;
  RETURN NULL;
END $$;
""",
    """
CREATE OR REPLACE FUNCTION tasks_words_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE task_words
  SET words = holdgate_words(NEW.kind, NEW.title, NEW.payload) || array_to_tsvector(ARRAY['@' || NEW.queue]),
      created_at = NEW.created_at
  WHERE task_id = NEW.id;
  RETURN NULL;
END $$;
""",
    """
CREATE OR REPLACE TRIGGER tasks_words_change AFTER UPDATE OF title, payload, created_at, queue ON tasks FOR EACH ROW
  WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.payload IS DISTINCT FROM NEW.payload
        OR OLD.created_at <> NEW.created_at OR OLD.queue <> NEW.queue)
  EXECUTE FUNCTION tasks_words_change();
""",
    """
-- Of the words that somebody types the one that the planner expects in the fewest tasks, or-ed with `otherwise`; how
-- many tasks it expects there, and how many there are.
CREATE OR REPLACE FUNCTION holdgate_rarest(
  words text, otherwise tsquery, OUT sought tsquery, OUT hits float8, OUT tasks float8)
LANGUAGE plpgsql AS $$
DECLARE
  one tsquery;
  plan json;
BEGIN
  FOR one IN
    SELECT holdgate_sought(l) || otherwise
    FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
    ORDER BY length(l) DESC, l LIMIT 8
  LOOP
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM task_words WHERE words @@ %L::tsquery', one) INTO plan;
    IF hits IS NULL OR (plan #>> '{0,Plan,Plan Rows}')::float8 < hits THEN
      sought := one;
      hits := (plan #>> '{0,Plan,Plan Rows}')::float8;
    END IF;
  END LOOP;
  SELECT greatest(reltuples, 1) INTO tasks FROM pg_class WHERE oid = 'task_words'::regclass;
END $$;
""",
)
# In portions that commit: as one statement it would keep every change of these rows waiting until its end.
FILL = """
DO $$
DECLARE
  last uuid;
BEGIN
  LOOP
    WITH part AS (
      SELECT task_id FROM task_words WHERE last IS NULL OR task_id > last ORDER BY task_id LIMIT 10000),
    filled AS (
      UPDATE task_words w
      SET created_at = t.created_at, words = w.words || array_to_tsvector(ARRAY['@' || t.queue])
      FROM part JOIN tasks t ON t.id = part.task_id
      WHERE w.task_id = part.task_id AND w.created_at <> t.created_at)
    SELECT (SELECT task_id FROM part ORDER BY task_id DESC LIMIT 1) INTO last;
    EXIT WHEN last IS NULL;
    COMMIT;
  END LOOP;
END $$;
"""


def upgrade() -> None:
    # First, as whoever enqueues takes them: else each might wait for the other, and PostgreSQL end one of them.
    op.execute("LOCK TABLE tasks IN SHARE ROW EXCLUSIVE MODE")
    op.execute("ALTER TABLE task_words ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT '-infinity'")
    for statement in FUNCTIONS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        op.execute(FILL)
    op.execute("ALTER TABLE task_words ALTER COLUMN created_at DROP DEFAULT")


def downgrade() -> None:
    op.execute("DROP FUNCTION holdgate_rarest(text, tsquery)")
    op.execute(
        """
CREATE OR REPLACE TRIGGER tasks_words_change AFTER UPDATE OF title, payload ON tasks FOR EACH ROW
  WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.payload IS DISTINCT FROM NEW.payload)
  EXECUTE FUNCTION tasks_words_change();
"""
    )
    op.execute(
        """
CREATE OR REPLACE FUNCTION tasks_words_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE task_words SET words = holdgate_words(NEW.kind, NEW.title, NEW.payload) WHERE task_id = NEW.id;
  RETURN NULL;
END $$;
"""
    )
    op.execute(
        """
CREATE OR REPLACE FUNCTION tasks_words_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_words (task_id, words) SELECT id, holdgate_words(kind, title, payload) FROM new_rows;
  RETURN NULL;
END $$;
"""
    )
    op.drop_column("task_words", "created_at")
