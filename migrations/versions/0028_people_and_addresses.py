"""Addresses in one spelling; what the limits of sign-in emails count; sign-ins in the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
blocking = "login_links holds the requests of a day"

# What came before the rule: the release before compares in small letters, too, so either spelling is found by both.
SPELLING = (
    "UPDATE users SET email = lower(email) WHERE email <> lower(email)",
    "UPDATE approval_recipients SET email = lower(email) WHERE email <> lower(email)",
)
AUDIT = (
    """
CREATE FUNCTION sessions_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  SELECT 'user:' || u.email, 'user', 'sign_in', u.email, u.id,
         jsonb_build_object('address', NEW.address, 'browser', NEW.user_agent)
  FROM users u WHERE u.id = NEW.user_id;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER sessions_audit AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION sessions_audit();
""",
)


def upgrade() -> None:
    for statement in (*SPELLING, *AUDIT):
        op.execute(statement)
    op.add_column("login_links", sa.Column("person", sa.Text(), nullable=True))
    op.add_column("login_links", sa.Column("network", sa.Text(), nullable=True))
    op.add_column("login_links", sa.Column("mailed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("login_links_person_idx", "login_links", ["person", "created_at"])
    op.create_index("login_links_mailed_idx", "login_links", ["created_at"], postgresql_where=sa.text("mailed"))


def downgrade() -> None:
    op.drop_index("login_links_mailed_idx", "login_links")
    op.drop_index("login_links_person_idx", "login_links")
    op.drop_column("login_links", "mailed")
    op.drop_column("login_links", "network")
    op.drop_column("login_links", "person")
    op.execute("DROP TRIGGER sessions_audit ON sessions")
    op.execute("DROP FUNCTION sessions_audit")
