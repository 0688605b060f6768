"""The table of erasures: that somebody's personal data was erased, by which pseudonym, and how far it has come."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Erasure(Base):
    """The erasure of one person. `address` is known until it is done; `pseudonym` stands in its place from then on.

    `step` is the next to be done (erasing.py), and `changed` how many rows of which table it has deleted or changed.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        CheckConstraint("(done_at IS NULL) = (address IS NOT NULL)", name="address"),
        Index("erasures_address_key", "address", unique=True, postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    address: Mapped[str | None] = mapped_column(Text)
    # NULL: whoever was asked by mail and has no account.
    user_id: Mapped[UUID | None] = mapped_column()
    pseudonym: Mapped[str] = mapped_column(Text)
    step: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    changed: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    requested_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    done_at: Mapped[datetime | None] = mapped_column(Moment)
