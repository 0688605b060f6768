"""Tables of job postings, of imports that wait for their confirmation, and of what is known of the boards."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, column_property, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Posting(Base):
    """A job posting of one person. `channel` is how an application is sent, and `channel_reason` why so (channels.py);
    `questions` is what its form asks, `applied_at` that it has been applied to, and `valid_through` the last day on
    which it takes applications, where it tells one; then it is `closed`, and so when it has gone from the `board` that
    is watched (`gone_at`).

    What a person has changed (`edited_at`) no import changes. `archived_at`: kept, but no run takes it. `resume_id` and
    `letter` are chosen for it, else the profile's usual ones are taken.

    `duplicate_of`: another address of that posting, as a person has confirmed; no list shows it, and its id stands for
    that posting. `company_key` and `title_key` are by what likely ones are found (formats/likeness.py).
    `tracker_status` is what a tracker's export has last said of an application (formats/columns.py).
    """

    __tablename__ = "postings"
    __table_args__ = (
        # For ON DELETE SET NULL when tasks are pruned.
        Index("postings_applied_task_idx", "applied_task_id", postgresql_where=text("applied_task_id IS NOT NULL")),
        UniqueConstraint("owner_id", "canonical_url", name="postings_owner_canonical_url_key"),
        Index(
            "postings_likeness_idx", "owner_id", "company_key", "title_key", postgresql_where=text("company_key <> ''")
        ),
        Index("postings_duplicates_idx", "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
        CheckConstraint("duplicate_of <> id", name="duplicate"),
        # What a watched board had.
        Index("postings_board_idx", "owner_id", "board", postgresql_where=text("board <> ''")),
        Index("postings_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("postings_words_idx", "words", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(Text)
    company: Mapped[str] = mapped_column(Text)
    location: Mapped[str] = mapped_column(Text, server_default="")
    url: Mapped[str] = mapped_column(Text)
    canonical_url: Mapped[str] = mapped_column(Text)
    apply_url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    external_id: Mapped[str] = mapped_column(Text, server_default="")
    source: Mapped[str] = mapped_column(Text)
    questions: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    extra: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    channel: Mapped[str] = mapped_column(Text, server_default="direct")
    channel_reason: Mapped[str] = mapped_column(Text, server_default="")
    valid_through: Mapped[date | None] = mapped_column(Date)
    board: Mapped[str] = mapped_column(Text, server_default="")
    gone_at: Mapped[datetime | None] = mapped_column(Moment)
    closed: Mapped[bool] = column_property(
        gone_at.is_not(None) | func.coalesce(valid_through < func.current_date(), text("false"))
    )
    archived_at: Mapped[datetime | None] = mapped_column(Moment)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)
    # Not foreign keys: a résumé or a letter that is gone leaves the usual one.
    resume_id: Mapped[UUID | None] = mapped_column()
    letter: Mapped[str] = mapped_column(Text, server_default="")
    duplicate_of: Mapped[UUID | None] = mapped_column(ForeignKey("postings.id", ondelete="CASCADE"))
    company_key: Mapped[str] = mapped_column(Text, server_default="")
    title_key: Mapped[str] = mapped_column(Text, server_default="")
    tracker_status: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    applied_at: Mapped[datetime | None] = mapped_column(Moment)
    applied_task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    # The task that sends an application, or was the last to (no two at once). Not a foreign key: it may be gone.
    sending_task_id: Mapped[UUID | None] = mapped_column()
    words: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('simple', translate(title || ' ' || company || ' ' || location, '/', ' '))", persisted=True
        ),
        deferred=True,
    )


class DistinctPostings(Base):
    """Two postings that look like one and are not, as a person has said. `first_id` is the smaller id."""

    __tablename__ = "distinct_postings"
    __table_args__ = (
        CheckConstraint("first_id < second_id", name="order"),
        Index("distinct_postings_second_idx", "second_id"),
    )

    first_id: Mapped[UUID] = mapped_column(ForeignKey("postings.id", ondelete="CASCADE"), primary_key=True)
    second_id: Mapped[UUID] = mapped_column(ForeignKey("postings.id", ondelete="CASCADE"), primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class PostingImport(Base):
    """A parsed file between its preview and its confirmation.

    `data` is the file, to be read again as `reading` (FileReading) says; `columns` is the header of a table, and
    `encoding` what it was read in. `board` is the address that it was fetched from.
    """

    __tablename__ = "posting_imports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    rows: Mapped[list[Any]] = mapped_column(JSONB)
    errors: Mapped[list[Any]] = mapped_column(JSONB)
    warnings: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    reading: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    columns: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    encoding: Mapped[str] = mapped_column(Text, server_default="")
    board: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)


class ColumnChoice(Base):
    """Which column is which in tables with this header, as a person has said. `header` is a digest of its names."""

    __tablename__ = "column_choices"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    header: Mapped[str] = mapped_column(Text, primary_key=True)
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    chosen_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class WatchedBoard(Base):
    """What a person's watch knows of a board. `watch` is a digest of address and filters."""

    __tablename__ = "watched_boards"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    watch: Mapped[str] = mapped_column(Text, primary_key=True)
    etag: Mapped[str] = mapped_column(Text, server_default="")
    modified: Mapped[str] = mapped_column(Text, server_default="")
    checked_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class BoardHost(Base):
    """When a host was last asked for postings, by whomever: it is asked once a minute."""

    __tablename__ = "board_hosts"

    host: Mapped[str] = mapped_column(Text, primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(Moment)
