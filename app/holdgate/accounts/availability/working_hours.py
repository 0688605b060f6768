"""Hours at which a person works: how much of a time falls into them, and when so much of them has passed.

Whole days of the calendar of a zone, so that nine o'clock stays nine o'clock when the clocks change.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from holdgate.accounts.availability.public_holidays import is_holiday

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORTEST = timedelta(hours=1)  # of a day: with seconds of it, the end of a request would be thousands of years away
Weekday = Annotated[int, msgspec.Meta(ge=1, le=7)]
_DAY = timedelta(days=1)


class WorkingHours(msgspec.Struct, frozen=True, kw_only=True):
    """From `starts` to `ends` on each of `days` (1 is Monday, as in ISO 8601) in the zone `zone`.

    `quiet`: no reminders come at other times. `holidays`: the country whose public holidays are no such days, or a part
    of it (ISO 3166: DE, DE-BY); "" for none.
    """

    days: tuple[int, ...] = (1, 2, 3, 4, 5)
    starts: time = time(9)
    ends: time = time(17)
    zone: str = "UTC"
    quiet: bool = False
    holidays: str = ""

    @property
    def length(self) -> timedelta:
        """Of a day."""
        return datetime.combine(date.min, self.ends) - datetime.combine(date.min, self.starts)

    def after(self, begin: datetime, amount: timedelta) -> datetime:
        """When `amount` of working time has passed since `begin`."""
        left = amount
        for start, end in self._from(begin):
            if left <= end - start:
                return start + left
            left -= end - start
        raise AssertionError("there is always another day")

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """How much working time lies between the two."""
        found = timedelta()
        for start, stop in self._from(begin):
            if start >= end:
                break
            found += min(stop, end) - start
        return found

    def next(self, moment: datetime) -> datetime:
        """The moment itself when they work then, else when they begin to."""
        return next(self._from(moment))[0]

    def _from(self, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Their times from `begin` on, one after the other, as moments of UTC: so that lengths are true."""
        zone = ZoneInfo(self.zone)
        day = begin.astimezone(zone).date() - _DAY
        while True:
            day += _DAY
            if day.isoweekday() in self.days and not is_holiday(self.holidays, day):
                start, end = (self._moment(day, at, zone) for at in (self.starts, self.ends))
                start = max(start, begin.astimezone(UTC))
                if start < end:  # not so where the clocks are put forward over the whole of it
                    yield start, end

    @staticmethod
    def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
        return datetime.combine(day, at, zone).astimezone(UTC)
