"""When a form was shown, carried signed by the form itself: an answer within two seconds is no person's.

Both times are the database's, so no clock of a web server takes part.
"""

from datetime import datetime

from sqlalchemy import func, select

from app.core.db import Session
from app.core.tokens import Signer


class FormTime:
    """Args:
    keys: the secret keys of the settings.
    subject: what the form is about; a stamp of one form does not fit another.
    """

    def __init__(self, keys: tuple[str, ...], subject: str) -> None:
        self._signer = Signer(keys, f"form-time:{subject}")

    async def stamp(self, session: Session) -> str:
        """For a hidden field: the signed present moment."""
        return self._signer.sign((await _now(session)).isoformat())

    async def age(self, session: Session, stamp: str) -> float | None:
        """Seconds since the form was shown, or None for a stamp that we did not make."""
        shown_at = self._signer.load(stamp)
        if not isinstance(shown_at, str):
            return None
        return (await _now(session) - datetime.fromisoformat(shown_at)).total_seconds()


async def _now(session: Session) -> datetime:
    # Not now(), which is the transaction's start.
    found = await session.scalar(select(func.clock_timestamp()))
    assert isinstance(found, datetime)
    return found
