"""The table of what programs have asked for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base


class ProgramRequest(Base):
    """What a program has asked for, by the task that holds on it. `asked` is whole, so that it can be asked again;
    `digest` (SHA-256) tells whether another one is the same. `given`: metadata that it gets back, never shown.
    `calls_back`: it is to be told of the decision, and has not been."""

    __tablename__ = "program_requests"
    __table_args__ = (Index("program_requests_calls_back_idx", "task_id", postgresql_where=text("calls_back")),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    given: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    # When the program took the approval, to do what was asked: it can do so once.
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    calls_back: Mapped[bool] = mapped_column(server_default=text("false"))
