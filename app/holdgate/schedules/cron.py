"""When a schedule beats: a cron expression in a time zone as moments, right through changes of the clock.

cronsim says which wall times an expression names. Which moments these are is decided here (docs/decisions): a named
time beats once, though the clock shows it twice or never; what names every hour runs through in real time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from holdgate.core.errors import Invalid
from holdgate.core.text.zones import is_zone

LONGEST = 100  # characters of an expression
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
EVERY_HOUR = set(range(24))
MINUTE = timedelta(minutes=1)
# How far one looks back for the last beat that was missed, sooner for quick rhythms.
SPANS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366))


@dataclass(frozen=True)
class Rhythm:
    """A checked expression in its zone. `through`: it names every hour, so its beats follow real time."""

    cron: str
    zone: ZoneInfo
    through: bool

    def after(self, at: datetime) -> Iterator[datetime]:
        """The beats later than `at`, in UTC, as long as there are any."""
        last = at
        for wall in CronSim(self.cron, self._start(at)):
            moment = wall.astimezone(UTC) if self.through else self._moment(wall)
            # Wall times of a gap all become its end; those that the clock shows again are over.
            if moment > last:
                last = moment
                yield moment

    def next(self, at: datetime) -> datetime | None:
        return next(self.after(at), None)

    def last(self, first: datetime, now: datetime) -> datetime:
        """The latest beat up to `now`, from `first` on, which is one that is due."""
        for start in (*(max(first, now - span) for span in SPANS), first):
            found = None
            for moment in self.after(start):
                if moment > now:
                    break
                found = moment
            if found is not None:
                return found
        return first

    def _start(self, at: datetime) -> datetime:
        local = at.astimezone(self.zone)
        return local if self.through else local.replace(tzinfo=None)

    def _moment(self, wall: datetime) -> datetime:
        """The first moment at which the clock shows `wall`, or else the one at which it jumps over it."""
        while True:
            moment = wall.replace(tzinfo=self.zone).astimezone(UTC)
            if moment.astimezone(self.zone).replace(tzinfo=None) == wall:
                return moment
            wall += MINUTE


def parse(cron: str, zone: str) -> Rhythm:
    """A cron expression of five fields, or a nickname such as @daily.

    Raises:
        Invalid: it is neither, never comes, or the time zone is not known.
    """
    fields = NICKNAMES.get(cron.strip().lower(), cron).split()
    if not is_zone(zone):
        raise _invalid("zone", f"There is no time zone {zone[:60]!r}. Use a name such as Europe/Berlin.")
    if len(fields) != 5 or len(cron) > LONGEST:
        raise _invalid(
            "cron", "Five fields: minute, hour, day of the month, month, day of the week; or @daily and its like."
        )
    try:
        through = CronSim(" ".join(fields), datetime(2026, 1, 1)).hours == EVERY_HOUR
        if through:
            fields[1] = "*"
        rhythm = Rhythm(" ".join(fields), ZoneInfo(zone), through)
        if rhythm.next(datetime(2026, 1, 1, tzinfo=UTC)) is None:
            raise _invalid("cron", "This never comes.")
    except (CronSimError, AssertionError, ValueError, TypeError) as error:
        raise _invalid("cron", f"Not a cron expression: {error or 'it can’t be parsed'}.") from error
    return rhythm


def _invalid(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, {field: sentence})
