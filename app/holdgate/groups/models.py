"""Tables of groups and of who is in them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Group(Base):
    """Known by its name, which never changes: handlers and programs have it in their code."""

    __tablename__ = "groups"
    __table_args__ = (
        CheckConstraint(r"name ~ '^[a-z0-9]([a-z0-9._-]{0,48}[a-z0-9])?$'", name="name"),
        CheckConstraint("length(description) <= 500", name="description"),
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    description: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class GroupMember(Base):
    """A person by their canonical address, with or without an account: recipients need none either."""

    __tablename__ = "group_members"
    __table_args__ = (
        CheckConstraint("email LIKE '%_@_%' AND length(email) <= 254", name="email"),
        Index("group_members_email_idx", "email"),
    )

    group_name: Mapped[str] = mapped_column(ForeignKey("groups.name", ondelete="CASCADE"), primary_key=True)
    email: Mapped[str] = mapped_column(Text, primary_key=True)
    added_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
