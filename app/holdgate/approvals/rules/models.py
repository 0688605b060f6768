"""Tables of the pace at which people are asked, and of links: whose turn is to be looked at, digests, minted links,
who opened them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class TurnDue(Base):
    """Somebody who may have got room while another transaction saw to their requests: the sweeper looks again."""

    __tablename__ = "approval_turns"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    person: Mapped[str] = mapped_column(Text)


class Digest(Base):
    """One email for many requests. Its link opens a review session: what its person has been asked from `starts_at`
    until `ends_at`. `used_at`: when they last acted there; whoever does needs no email about what is new in it.
    """

    __tablename__ = "approval_digests"
    __table_args__ = (Index("approval_digests_person_idx", "person", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class DigestLink(Base):
    """A minted link of a digest, as `ApprovalLink` is one of a request."""

    __tablename__ = "approval_digest_links"
    __table_args__ = (Index("approval_digest_links_digest_idx", "digest_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    digest_id: Mapped[UUID] = mapped_column(ForeignKey("approval_digests.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class ApprovalLink(Base):
    """A minted link: only the SHA-256 of its token. One per mail rendered, so a mail sent twice has two that work."""

    __tablename__ = "approval_links"
    __table_args__ = (Index("approval_links_recipient_id_idx", "recipient_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    recipient_id: Mapped[UUID] = mapped_column(ForeignKey("approval_recipients.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class Upload(Base):
    """A file that somebody who decides has put into a field of the form: `person` (canonical) may decide with it."""

    __tablename__ = "approval_uploads"
    __table_args__ = (Index("approval_uploads_approval_idx", "approval_id"),)

    artifact_id: Mapped[UUID] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    approval_id: Mapped[UUID] = mapped_column(ForeignKey("approvals.id", ondelete="CASCADE"))
    person: Mapped[str] = mapped_column(Text)
    field: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class LinkOpening(Base):
    """How often a person's link was opened: one row for people and one for scanners, whatever the number.

    `address` is the last one's, `sign` tells by what it was taken for a scanner.
    """

    __tablename__ = "approval_openings"
    __table_args__ = (
        CheckConstraint("opener IN ('person', 'scanner')", name="opener"),
        Index("approval_openings_last_at_idx", "last_at"),
    )

    recipient_id: Mapped[UUID] = mapped_column(
        ForeignKey("approval_recipients.id", ondelete="CASCADE"), primary_key=True
    )
    opener: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    address: Mapped[str] = mapped_column(Text)
    sign: Mapped[str] = mapped_column(Text)
