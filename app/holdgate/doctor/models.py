"""The table of what administrators have been told of what the doctor found."""

from datetime import datetime

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base


class DoctorNotice(Base):
    """A check that found something, and when administrators were told by email the last time."""

    __tablename__ = "doctor_notices"

    check: Mapped[str] = mapped_column(Text, primary_key=True)
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
