"""Tables of the questions put to people, those asked, their links and votes, what they asked back, and the trail."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import READABLE, Base

Moment = DateTime(timezone=True)


class Approval(Base):
    """A question put to people while its task holds; also a hold for input or for a sign-in (`hold`).

    `version` is the SHA-256 (hex) of exactly what is shown: `title`, `shown`, `form`, `choices`. Several who decide may
    change the form, and with it the version; `form` then tells what was earlier (values.py). `round` is the task's
    round when it was asked: a refusal of an earlier round does not count any more. From `withdrawn_at` on nothing that
    was decided counts: the step has asked for another version, or the task got another payload (a trigger sets that).

    The clock has started when `clock_started_at` is set, and runs while `expires_at` is. While somebody's question to
    the owner is open it is stopped (`stopped_at`), with `time_left` to go. `reminders` have been sent, the next one is
    due at `remind_at`.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint(
            "state IN ('pending', 'approved', 'answered', 'rejected', 'changes_requested', 'expired', 'cancelled')",
            name="state",
        ),
        CheckConstraint("hold IN ('pending_approval', 'needs_input', 'needs_auth')", name="hold"),
        CheckConstraint("level IN ('link', 'sign-in')", name="level"),
        CheckConstraint("clock IN ('wall', 'working')", name="clock"),
        CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("needed >= 1", name="needed"),
        CheckConstraint(f"expires_at {READABLE}", name="expires_at"),
        CheckConstraint(f"remind_at {READABLE}", name="remind_at"),
        Index("approvals_step_idx", "task_id", "step", "round"),
        Index("approvals_open_key", "task_id", unique=True, postgresql_where=text("state = 'pending'")),
        Index("approvals_open_since_idx", "created_at", postgresql_where=text("state = 'pending'")),
        Index("approvals_deadline_idx", "expires_at", postgresql_where=text("state = 'pending'")),
        Index(
            "approvals_inbox_idx",
            text("coalesce(expires_at, '9000-01-01 00:00:00+00'::timestamptz)"),
            "id",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("approvals_alike_idx", "alike", postgresql_where=text("state = 'pending' AND alike IS NOT NULL")),
        Index(
            "approvals_remind_idx", "remind_at", postgresql_where=text("state = 'pending' AND remind_at IS NOT NULL")
        ),
        Index("approvals_decided_idx", text("decided_at DESC"), postgresql_where=text("state <> 'pending'")),
        Index("approvals_owner_idx", "owner_id", postgresql_where=text("state <> 'pending'")),
        CheckConstraint("(asker IS NULL) = (asker_id IS NULL)", name="asker"),
        Index(
            "approvals_asker_open_idx", "asker_id", postgresql_where=text("state = 'pending' AND asker_id IS NOT NULL")
        ),
        Index("approvals_asker_idx", "asker_id", "created_at", postgresql_where=text("asker_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    hold: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    round: Mapped[int] = mapped_column(SmallInteger)
    title: Mapped[str] = mapped_column(Text)
    # Here and of answers not JSONB, which forgets the order they are read in.
    shown: Mapped[dict[str, Any]] = mapped_column(JSON)
    form: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # What may be chosen instead of approving and rejecting; empty: these two.
    choices: Mapped[dict[str, Any]] = mapped_column(JSON, server_default="{}")
    version: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="pending")
    # Policy: how many different people must approve, whether whoever started it may, whether the link alone is enough.
    needed: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    # How many of them from which group; then `needed` is the sum.
    needed_by: Mapped[dict[str, int] | None] = mapped_column(JSON)
    self_approval: Mapped[bool] = mapped_column(server_default=text("true"))
    level: Mapped[str] = mapped_column(Text, server_default="link")
    # Of what is no approval: it asks those named, and not the task's owner.
    asks_others: Mapped[bool] = mapped_column(server_default=text("false"))
    continues_on_reject: Mapped[bool] = mapped_column(server_default=text("false"))
    continues_on_expire: Mapped[bool] = mapped_column(server_default=text("false"))
    # The group that is asked, once, when time is over, with a clock of its own.
    escalates_to: Mapped[str | None] = mapped_column(Text)
    escalated_at: Mapped[datetime | None] = mapped_column(Moment)
    ttl: Mapped[timedelta | None] = mapped_column(Interval)
    clock: Mapped[str] = mapped_column(Text, server_default="wall")
    urgent: Mapped[bool] = mapped_column(server_default=text("false"))
    # How long after the approval the task waits, and the approval can be undone.
    take_back: Mapped[timedelta] = mapped_column(Interval, server_default=text("'0'::interval"))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    clock_started_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    remind_at: Mapped[datetime | None] = mapped_column(Moment)
    reminders: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    stopped_at: Mapped[datetime | None] = mapped_column(Moment)
    time_left: Mapped[timedelta | None] = mapped_column(Interval)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_from: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    option: Mapped[str | None] = mapped_column(Text)  # which was chosen, where there were some
    withdrawn_at: Mapped[datetime | None] = mapped_column(Moment)
    # The same for the questions of a run that can be decided together.
    alike: Mapped[str | None] = mapped_column(Text)
    # Personal data was erased from it (personal_data/): `version` is still that of what was shown.
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
    # The program that asks: the name of its token and the token's id (its person's, where it came with a JWT). NULL:
    # a handler asks.
    asker: Mapped[str | None] = mapped_column(Text)
    asker_id: Mapped[UUID | None] = mapped_column()

    @property
    def asked_version(self) -> str:
        """The version that the step asked, before anybody changed the form."""
        earlier = (self.form or {}).get("earlier")
        return str(earlier[0]["version"]) if earlier else self.version

    @property
    def goes_on_at(self) -> datetime | None:
        """When an approved task goes on, if it waits a while so that the approval can be undone."""
        if self.state != "approved" or not self.take_back or self.decided_at is None:
            return None
        return self.decided_at + self.take_back


class Recipient(Base):
    """A person asked. `state`: waiting (mail not yet accepted), sent, undelivered, inbox (asked there only).

    `groups`: as members of which they were asked; whoever joins or leaves one later changes nothing about it.
    `substitute_for`: in place of whom, who is away. `escalated`: when the first time to decide was over.
    `forwarded_from` is the person who passed the question on to this one, with `forward_note`; they are not asked any
    more.

    `turn` is kept by triggers: `waiting` behind the `pace` requests that the person has open, the most urgent first
    (pace 0: they are never mailed);
    `open`: theirs to decide; NULL: over for them, or never to be told. From `tell_at` on they are to be told of what is
    open, which was done at `told_at`: by an email of its own, by a digest, or in a review session.
    """

    __tablename__ = "approval_recipients"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'undelivered', 'inbox', 'shown')", name="state"),
        CheckConstraint("turn IN ('waiting', 'open')", name="turn"),
        Index("approval_recipients_approval_email_key", "approval_id", text("lower(email)"), unique=True),
        Index("approval_recipients_email_idx", text("lower(email)")),
        Index("approval_recipients_undelivered_idx", "approval_id", postgresql_where=text("state = 'undelivered'")),
        Index(
            "approval_recipients_forwarded_key",
            "forwarded_from",
            unique=True,
            postgresql_where=text("forwarded_from IS NOT NULL"),
        ),
        Index(
            "approval_recipients_waiting_idx",
            "person",
            text("urgency DESC"),
            "asked_at",
            "id",
            postgresql_where=text("turn = 'waiting'"),
        ),
        Index("approval_recipients_open_idx", "person", postgresql_where=text("turn = 'open'")),
        Index("approval_recipients_tell_idx", "tell_at", postgresql_where=text("tell_at IS NOT NULL")),
        Index("approval_recipients_told_idx", "person", "told_at", postgresql_where=text("told_at IS NOT NULL")),
        Index("approval_recipients_asked_idx", "person", "asked_at"),
        Index("approval_recipients_digest_idx", "digest_id", postgresql_where=text("digest_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    approval_id: Mapped[UUID] = mapped_column(ForeignKey("approvals.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="waiting")
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    problem: Mapped[str | None] = mapped_column(Text)
    fresh_links: Mapped[int] = mapped_column(Integer, server_default="0")
    fresh_link_at: Mapped[datetime | None] = mapped_column(Moment)
    forwarded_from: Mapped[UUID | None] = mapped_column(ForeignKey("approval_recipients.id", ondelete="CASCADE"))
    forward_note: Mapped[str | None] = mapped_column(Text)
    groups: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    substitute_for: Mapped[str | None] = mapped_column(Text)
    # Asked when the first time to decide was over.
    escalated: Mapped[bool] = mapped_column(server_default=text("false"))
    # As holdgate.core.text.addresses.canonical_address: two addresses of one person have one pace.
    person: Mapped[str] = mapped_column(
        Text, Computed(r"regexp_replace(lower(btrim(email)), '^([^+@]+)\+[^@]*@', '\1@')", persisted=True)
    )
    asked_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    turn: Mapped[str | None] = mapped_column(Text)
    # What comes first of those that wait: that of a request whose clock runs, then by the priority of its task.
    urgency: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    pace: Mapped[int] = mapped_column(SmallInteger, server_default="10")
    tell_at: Mapped[datetime | None] = mapped_column(Moment)
    told_at: Mapped[datetime | None] = mapped_column(Moment)
    digest_id: Mapped[UUID | None] = mapped_column(ForeignKey("approval_digests.id", ondelete="SET NULL"))

    @property
    def because(self) -> str:
        """Why they were asked; "" for who was named, or stands in by a colleague's choice."""
        return because(self.groups, self.substitute_for, self.escalated)


def because(groups: Sequence[str], substitute_for: str | None, escalated: bool) -> str:
    """Why somebody is asked: `member of security and finance`, `substitute of ann@example.org, member of security`."""
    reasons = [f"substitute of {substitute_for}"] if substitute_for else []
    if escalated:
        reasons.append(f"escalated to {groups[0]}")
    elif groups:
        reasons.append(f"member of {' and '.join(groups)}")
    return ", ".join(reasons)


class Vote(Base):
    """What one person decided, once. `person` is the canonical address: several addresses of one person are one."""

    __tablename__ = "approval_votes"
    __table_args__ = (
        CheckConstraint("verb IN ('approve', 'reject', 'request_changes', 'answer')", name="verb"),
        UniqueConstraint("approval_id", "person", name="approval_votes_approval_person_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    approval_id: Mapped[UUID] = mapped_column(ForeignKey("approvals.id", ondelete="CASCADE"))
    person: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    verb: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    option: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class Note(Base):
    """What somebody asked back, and the owner's answer; ended without one, it was withdrawn."""

    __tablename__ = "approval_notes"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
        CheckConstraint("answer IS NULL OR ended_at IS NOT NULL", name="answer"),
        Index("approval_notes_open_key", "approval_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("approval_notes_approval_idx", "approval_id", "asked_at"),
        Index("approval_notes_recipient_idx", "recipient_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    approval_id: Mapped[UUID] = mapped_column(ForeignKey("approvals.id", ondelete="CASCADE"))
    recipient_id: Mapped[UUID] = mapped_column(ForeignKey("approval_recipients.id", ondelete="CASCADE"))
    asked_by: Mapped[str] = mapped_column(Text)
    question: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    answer: Mapped[str | None] = mapped_column(Text)
    ended_by: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)


class ApprovalEvent(Base):
    """One line of a question's timeline. `actor` is an address or `system`; `data` is what the sentence needs."""

    __tablename__ = "approval_events"
    __table_args__ = (
        Index("approval_events_approval_idx", "approval_id", "id"),
        Index("approval_events_at_idx", text("at DESC"), text("id DESC")),
        Index("approval_events_recipient_idx", "recipient_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    approval_id: Mapped[UUID] = mapped_column(ForeignKey("approvals.id", ondelete="CASCADE"))
    recipient_id: Mapped[UUID | None] = mapped_column(ForeignKey("approval_recipients.id", ondelete="CASCADE"))
    verb: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
