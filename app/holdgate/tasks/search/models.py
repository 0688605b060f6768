"""Tables for finding tasks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base, View

Moment = DateTime(timezone=True)


class TaskWords(Base):
    """What a task is searched by: the words of its title, its kind behind a `#`, its queue behind an `@`, and the
    values of its payload, each behind a `=`.

    Written by the sweeper soon after a task was enqueued (tasks/search/words.py): for whoever enqueues it would cost as
    much again as the task. Apart from the task, whose every change of state would write the index again.
    """

    __tablename__ = "task_words"
    __table_args__ = (Index("task_words_idx", "words", postgresql_using="gin"),)

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    words: Mapped[Any] = mapped_column(TSVECTOR)


class TaskSearch(View):
    """The words of every task: as TaskWords, and also of those that are too new to be there."""

    __tablename__ = "task_search"

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    words: Mapped[Any] = mapped_column(TSVECTOR)


class SavedView(Base):
    """A filter of the task list that a person has given a name. `params` is its query string."""

    __tablename__ = "saved_views"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 60", name="name"),
        UniqueConstraint("owner_id", "name", name="saved_views_owner_name_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    params: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
