"""A line of the audit, its place, and which lines are wanted."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from holdgate.core.errors import Invalid

AREAS = ("task", "approval", "run", "bulk", "queue", "schedule", "limit", "user", "group", "token", "webhook")


class AuditPlace(NamedTuple):
    """Behind which line of which log to go on."""

    at: datetime
    log: str
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.log}~{self.id}"


def parse_place(given: str) -> AuditPlace | None:
    """Raises Invalid for what is not one of ours."""
    if not given:
        return None
    try:
        at, log, id = given.split("~")
        place = AuditPlace(datetime.fromisoformat(at), log, int(id))
        if (
            place.at.tzinfo is None
            or not 1970 <= place.at.year <= 9000
            or log not in AREAS
            or not 0 <= place.id < 2**63
        ):
            raise ValueError("none of ours")
    except ValueError as error:
        raise Invalid("This page address is damaged. Go back to the first page.") from error
    return place


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines; empty values do not filter.

    `actor` is an address or a name as the log has it, `since` and `until` are ages as in the filter of tasks.
    """

    actor: str = ""
    verb: str = ""
    area: str = ""
    task: UUID | None = None
    since: str = ""
    until: str = ""


class AuditEntry(NamedTuple):
    """Somebody did something. `about` is what it was done to, `target` its id; `log` and `id`: where it is written."""

    log: str
    area: str
    id: int
    at: datetime
    actor: str
    verb: str
    about: str
    target: str | None
    detail: str | None
    data: Any

    @property
    def place(self) -> AuditPlace:
        return AuditPlace(self.at, self.log, self.id)

    @property
    def href(self) -> str | None:
        pages = {
            "task": "/tasks/",
            "approval": "/approvals/",
            "run": "/runs/",
            "bulk": "/bulk/",
            "webhook": "/settings/webhooks/",
            "schedule": "/schedules/",
        }
        if self.area in pages and self.target and self.verb not in ("delete", "remove"):
            return pages[self.area] + self.target
        return {"queue": "/queues", "limit": "/queues", "user": "/admin/users", "group": "/admin/groups"}.get(self.area)
