"""Tables of how people answer. Triggers note each event; a chore folds the notes into counts and deletes them."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, DateTime, Double, Identity, SmallInteger, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

EVENTS = ("requested", "delivered", "undelivered", "decided", "expired")
_KNOWN = f"event IN ({', '.join(repr(event) for event in EVENTS)})"


class AnswerNote(Base):
    """One event of one person asked, until it is folded: a second or so. `seconds`: from their email to their vote."""

    __tablename__ = "answer_notes"
    __table_args__ = (CheckConstraint(_KNOWN, name="event"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    kind: Mapped[str] = mapped_column(Text)
    # The first of the groups as whose member they were asked; "" without one.
    group_name: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    person: Mapped[str] = mapped_column(Text)
    seconds: Mapped[float | None] = mapped_column(Double)


class AnswerCount(Base):
    """How often each event has happened; of no person."""

    __tablename__ = "answer_counts"
    __table_args__ = (CheckConstraint(_KNOWN, name="event"),)

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    group_name: Mapped[str] = mapped_column(Text, primary_key=True)
    event: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)


class AnswerTime(Base):
    """How many decisions took how long (stats/histograms.py has the buckets); of no person."""

    __tablename__ = "answer_times"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    group_name: Mapped[str] = mapped_column(Text, primary_key=True)
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class PersonTime(Base):
    """How many of a person's decisions took how long, by month; for three months, and not at all where the setting
    PEOPLE_FIGURES is off. `person` is a canonical address."""

    __tablename__ = "person_times"

    person: Mapped[str] = mapped_column(Text, primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
