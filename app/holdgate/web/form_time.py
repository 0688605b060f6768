"""When a form was shown, carried signed by the form itself: one that comes back at once is no person's.

A stamp is good for one form of one thing, for some hours. Both times are the database's, so no clock of a web server
takes part.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.tokens import Signer

TOO_OLD = timedelta(hours=12)


class FormTime:
    """Args:
    keys: the secret keys of the settings.
    subject: what the form is about, and its version; a stamp of one form does not fit another.
    """

    def __init__(self, keys: tuple[str, ...], subject: str) -> None:
        self._signer = Signer(keys, f"form-time:{subject}")

    async def stamp(self, session: Session) -> str:
        """For a hidden field: the signed present moment."""
        return self._signer.sign((await _now(session)).isoformat())

    async def check(self, session: Session, stamp: str, *, quickest: float) -> None:
        """Args:
            quickest: seconds; a form that was sent sooner than so long after it was shown does not count.

        Raises:
            Invalid: also for a form that was not ours, of another subject, or too old.
        """
        shown_at = self._signer.load(stamp)
        if not isinstance(shown_at, str):
            raise Invalid("This page is out of date, so nothing was recorded. Please review and submit again.")
        age = await _now(session) - datetime.fromisoformat(shown_at)
        if age > TOO_OLD:
            raise Invalid("This page was open for too long, so nothing was recorded. Please review and submit again.")
        if age < timedelta(seconds=quickest):
            raise Invalid("That was too fast, so it wasn’t recorded. Please review and submit again.")


async def _now(session: Session) -> datetime:
    # Not now(), which is the transaction's start.
    found = await session.scalar(select(func.clock_timestamp()))
    assert isinstance(found, datetime)
    return found
