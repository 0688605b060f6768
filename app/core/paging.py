"""Keyset pages: a cursor names the last row seen, so a page costs the same however far down it is."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.core.errors import Invalid

PAGE = 50


class Cursor(NamedTuple):
    """The sort key of a row: lists here are newest first."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.at.isoformat()} {self.id}".encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> Cursor | None:
    """Raises Invalid for what is not one of our cursors."""
    if not text:
        return None
    try:
        at, id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().rsplit(" ", 1)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        if not 1970 <= moment.year <= 9000:
            raise ValueError("no time of ours")
        return Cursor(moment, UUID(id))
    except ValueError as error:
        raise Invalid("This page address is damaged. Go back to the first page.") from error
