"""Tables of the endpoints that are told, and of what they were told."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class WebhookEndpoint(Base):
    """Somebody's address that is told. `events`: the types chosen; `everyone`: an administrator's, told about all.

    The secrets stand here in plain: they are needed to sign. They are shown when made and never again, and are read
    only when something is sent. `failures` counts failed tries in a row, since `failing_since`.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint("(old_secret IS NULL) = (old_secret_until IS NULL)", name="old"),
        CheckConstraint("(failures > 0) = (failing_since IS NOT NULL)", name="failing"),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
        Index("webhook_endpoints_owner_id_idx", "owner_id"),
        Index("webhook_endpoints_task_id_key", "task_id", unique=True, postgresql_where=text("task_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(JSONB)
    everyone: Mapped[bool] = mapped_column(server_default=text("false"))
    secret: Mapped[str] = mapped_column(Text, deferred=True)
    # After a rotation both sign until then.
    old_secret: Mapped[str | None] = mapped_column(Text, deferred=True)
    old_secret_until: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    # The token of the program that made it, or changed it last. No foreign key: revoked tokens are deleted.
    token_id: Mapped[UUID | None] = mapped_column()
    # Told once, of what becomes of this task alone; people neither see nor tend it.
    task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))

    @property
    def state(self) -> str:
        if self.disabled_at is not None:
            return "disabled"
        return "failing" if self.failures else "enabled"


class WebhookDelivery(Base):
    """One message to one endpoint, sent by its own task. `id` is its webhook-id, `body` its bytes at every attempt.

    What became of the last try: `status` of the answer, or `problem` without one, and how long it `took`.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_task_id_idx", "task_id"),
        Index("webhook_deliveries_endpoint_idx", "endpoint_id", text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    took: Mapped[timedelta | None] = mapped_column(Interval)
    problem: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def state(self) -> str:
        """`failed` when the last attempt did, `queued` before the first."""
        if self.delivered_at is not None:
            return "delivered"
        return "failed" if self.tries else "queued"
