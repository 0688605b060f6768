"""How approvals are decided: votes, passing on, asking back, reminders, and the trail of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)
REMIND = sa.text("state = 'pending' AND remind_at IS NOT NULL")
UNANSWERED = sa.text("ended_at IS NULL")
FORWARDED = sa.text("forwarded_from IS NOT NULL")

QUORUM = (
    """
-- The service settles the quorum; this keeps every other writer, the release before it for one, from passing over it.
CREATE FUNCTION approvals_quorum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT count(*) FROM approval_votes v WHERE v.approval_id = NEW.id AND v.verb = 'approve') < NEW.needed THEN
    RAISE EXCEPTION 'approval % needs % people', NEW.id, NEW.needed USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
""",
    """
CREATE TRIGGER approvals_quorum BEFORE UPDATE OF state ON approvals FOR EACH ROW
  WHEN (NEW.state = 'approved' AND OLD.state <> 'approved' AND NEW.needed > 1) EXECUTE FUNCTION approvals_quorum();
""",
)


def upgrade() -> None:
    op.create_table(
        "approval_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid()),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_events_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["approval_recipients.id"],
            name=op.f("approval_events_recipient_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_events_pkey")),
    )
    op.create_index("approval_events_approval_idx", "approval_events", ["approval_id", "id"])
    op.create_index("approval_events_recipient_idx", "approval_events", ["recipient_id"])
    op.create_table(
        "approval_votes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("answer", postgresql.JSONB()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("verb IN ('approve', 'reject', 'answer')", name=op.f("approval_votes_verb_check")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_votes_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_votes_pkey")),
        sa.UniqueConstraint("approval_id", "person", name="approval_votes_approval_person_key"),
    )
    op.create_table(
        "approval_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("ended_by", sa.Text()),
        sa.Column("ended_at", MOMENT),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("approval_notes_ended_check")),
        sa.CheckConstraint("answer IS NULL OR ended_at IS NOT NULL", name=op.f("approval_notes_answer_check")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_notes_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["approval_recipients.id"],
            name=op.f("approval_notes_recipient_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_notes_pkey")),
    )
    op.create_index(
        "approval_notes_open_key", "approval_notes", ["approval_id"], unique=True, postgresql_where=UNANSWERED
    )
    op.create_index("approval_notes_approval_idx", "approval_notes", ["approval_id", "asked_at"])
    op.create_index("approval_notes_recipient_idx", "approval_notes", ["recipient_id"])
    op.add_column("approval_recipients", sa.Column("forwarded_from", sa.Uuid()))
    op.add_column("approval_recipients", sa.Column("forward_note", sa.Text()))
    op.create_foreign_key(
        "approval_recipients_forwarded_from_fkey",
        "approval_recipients",
        "approval_recipients",
        ["forwarded_from"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index(
        "approval_recipients_forwarded_key",
        "approval_recipients",
        ["forwarded_from"],
        unique=True,
        postgresql_where=FORWARDED,
    )
    op.add_column("approvals", sa.Column("remind_at", MOMENT))
    op.add_column("approvals", sa.Column("reminders", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("approvals", sa.Column("stopped_at", MOMENT))
    op.add_column("approvals", sa.Column("time_left", sa.Interval()))
    op.create_index("approvals_remind_idx", "approvals", ["remind_at"], postgresql_where=REMIND)
    for statement in QUORUM:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION approvals_quorum CASCADE")
    op.drop_index("approvals_remind_idx", table_name="approvals", postgresql_where=REMIND)
    for column in ("time_left", "stopped_at", "reminders", "remind_at"):
        op.drop_column("approvals", column)
    op.drop_column("approval_recipients", "forward_note")
    op.drop_column("approval_recipients", "forwarded_from")
    for table in ("approval_notes", "approval_votes", "approval_events"):
        op.drop_table(table)
