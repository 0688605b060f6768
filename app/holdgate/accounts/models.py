"""Tables of people, their sign-in links and sessions. No secret is stored, only SHA-256 digests."""

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Time,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("role IN ('member', 'admin')", name="role"),
        CheckConstraint("email LIKE '%_@_%' AND length(email) <= 254", name="email"),
        Index("users_email_key", text("lower(email)"), unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, server_default="")
    role: Mapped[str] = mapped_column(Text, server_default="member")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    signed_in_at: Mapped[datetime | None] = mapped_column(Moment)
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)
    # Their personal data was erased, and `email` is a pseudonym (personal_data/).
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
    # An IANA name; NULL: as their browser says.
    time_zone: Mapped[str | None] = mapped_column(Text)
    # Whether they want a mail when one of their runs has finished.
    run_notices: Mapped[bool] = mapped_column(server_default=text("true"))
    # Whether single keys do something on their pages (WCAG 2.1.4: speech input types letters by accident).
    shortcuts: Mapped[bool] = mapped_column(server_default=text("true"))
    # By when the emails that they have sent are used up, as a rate counts them; past: none are.
    emails_until: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def named(self) -> str:
        """For others: by the name of their own choice, which can be anybody's, and always by the address, last."""
        return f"{self.name} ({self.email})" if self.name else self.email


class LoginLink(Base):
    """A request to sign in. `token_hash` is set when the mail is rendered; `browser_hash` knows the asking browser.

    `person` is the canonical address, `network` where it was asked from, `mailed` whether an email was to be sent: what
    the limits count. A used one is kept for a while, because it tells which networks its person signs in from.

    Another browser that opens the link must type `code`, shown in the asking one; it is signed-in-person knowledge
    for 15 minutes only and useless without the link, so its digest is stored and wrong guesses are counted.
    """

    __tablename__ = "login_links"
    __table_args__ = (
        CheckConstraint("wrong_codes >= 0", name="wrong_codes"),
        Index("login_links_email_idx", text("lower(email)"), "created_at"),
        Index("login_links_token_hash_key", "token_hash", unique=True),
        Index("login_links_person_idx", "person", "created_at"),
        Index("login_links_mailed_idx", "created_at", postgresql_where=text("mailed")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    browser_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    wrong_codes: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_path: Mapped[str] = mapped_column(Text, server_default="/overview")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    # NULL: by an early release, or on the command line.
    person: Mapped[str | None] = mapped_column(Text)
    network: Mapped[str | None] = mapped_column(Text)
    mailed: Mapped[bool] = mapped_column(server_default=text("false"))


class UserSession(Base):
    """A signed-in browser. The cookie's value is random; its SHA-256 is the key."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_user_id_idx", "user_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(Moment)
    address: Mapped[str] = mapped_column(Text, server_default="")
    user_agent: Mapped[str] = mapped_column(Text, server_default="")


class ApiToken(Base):
    """A program's key to its owner's account: only the SHA-256 is kept, and a beginning to know it by."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
        CheckConstraint("cardinality(scopes) >= 1", name="scopes"),
        Index("api_tokens_token_hash_key", "token_hash", unique=True),
        Index("api_tokens_user_id_idx", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    # NULL: for as long as it is not revoked.
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    # The administrator by whom links in what it asks people can be followed; NULL: they are text.
    trusted_by: Mapped[str | None] = mapped_column(Text)


class Absence(Base):
    """A time in which a person is away, and who is asked in their place. They are asked themselves if there is nobody:
    a request that asks nobody would be worse. None of one person's overlap (the service sees to it).
    """

    __tablename__ = "absences"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_at"),
        CheckConstraint("substitute LIKE '%_@_%' AND length(substitute) <= 254", name="substitute"),
        Index("absences_user_idx", "user_id", "ends_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    substitute: Mapped[str | None] = mapped_column(Text)


class WorkingTime(Base):
    """When a person works (accounts/availability/working_hours.py); without a row, Monday to Friday from nine to five
    in their zone. `quiet`: no reminders come at other times. `holidays`: of which country, or "" for none."""

    __tablename__ = "working_times"
    __table_args__ = (
        CheckConstraint("cardinality(days) >= 1 AND days <@ '{1,2,3,4,5,6,7}'", name="days"),
        CheckConstraint("ends > starts", name="ends"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    days: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    starts: Mapped[time] = mapped_column(Time)
    ends: Mapped[time] = mapped_column(Time)
    zone: Mapped[str] = mapped_column(Text)
    quiet: Mapped[bool] = mapped_column(server_default=text("false"))
    holidays: Mapped[str] = mapped_column(Text, server_default="")


class Profile(Base):
    """What a person's applications are made from. `answers` maps a question's label to the standing answer, `letters`
    the name of another letter template to it; `links` are addresses (a portfolio, LinkedIn)."""

    __tablename__ = "profiles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    first_name: Mapped[str] = mapped_column(Text, server_default="")
    last_name: Mapped[str] = mapped_column(Text, server_default="")
    email: Mapped[str] = mapped_column(Text, server_default="")
    phone: Mapped[str] = mapped_column(Text, server_default="")
    links: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    cover_letter: Mapped[str] = mapped_column(Text, server_default="")
    letters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class ResumeFile(Base):
    """A résumé of a person; the `usual` one goes with applications that name no other."""

    __tablename__ = "resumes"
    __table_args__ = (Index("resumes_usual_key", "user_id", unique=True, postgresql_where=text("usual")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    usual: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
