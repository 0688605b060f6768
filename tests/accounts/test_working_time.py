"""Working hours: how they are counted over nights, weekends and changes of the clocks, and how they are chosen."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdgate.accounts.availability import working_times
from holdgate.accounts.availability.working_hours import WorkingHours
from tests.factories.accounts import World

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = WorkingHours(zone="Europe/Berlin")
HOUR = timedelta(hours=1)
FRIDAY = datetime(2026, 3, 27, 16, tzinfo=BERLIN)  # the clocks change on Sunday


@pytest.mark.parametrize(
    ("begin", "amount", "ends"),
    [
        (FRIDAY, HOUR, datetime(2026, 3, 27, 17, tzinfo=BERLIN)),
        (FRIDAY, 2 * HOUR, datetime(2026, 3, 30, 10, tzinfo=BERLIN)),
        (datetime(2026, 3, 28, 3, tzinfo=BERLIN), HOUR, datetime(2026, 3, 30, 10, tzinfo=BERLIN)),
        (FRIDAY, 41 * HOUR, datetime(2026, 4, 3, 17, tzinfo=BERLIN)),
    ],
)
def test_only_working_hours_pass(begin: datetime, amount: timedelta, ends: datetime) -> None:
    assert HOURS.after(begin, amount) == ends
    assert HOURS.between(begin, ends) == amount


def test_they_work_now_or_begin_to() -> None:
    assert HOURS.next(FRIDAY) == FRIDAY
    assert HOURS.next(FRIDAY + HOUR) == datetime(2026, 3, 30, 9, tzinfo=BERLIN)


@given(
    st.sets(st.integers(1, 7), min_size=1),
    st.integers(0, 22),
    st.integers(0, 10_000),
    st.integers(1, 5_000),
    st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia")),
)
def test_what_has_passed_when_it_is_over_is_what_was_given(
    days: set[int], starts: int, begin: int, minutes: int, zone: str
) -> None:
    hours = WorkingHours(days=tuple(days), starts=time(starts), ends=time(23, 30), zone=zone)
    start = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=7 * begin)
    given_ = timedelta(minutes=minutes)
    ends = hours.after(start, given_)
    assert ends >= start + given_
    assert hours.between(start, ends) == given_


async def test_a_person_chooses_their_hours_and_is_told_what_does_not_fit(world: World) -> None:
    ann = await world.add("ann@example.com")
    browser = await world.sign_in("ann@example.com")
    await browser.get("/settings/working-time")
    sent = {"days": ["1", "5"], "starts": "08:30", "ends": "12:00", "zone": "Europe/Berlin", "quiet": "true"}
    assert (await browser.post("/settings/working-time", sent)).status_code == 303
    wanted = WorkingHours(days=(1, 5), starts=time(8, 30), ends=time(12), zone="Europe/Berlin", quiet=True)
    async with world.database.read() as session:
        assert await working_times.own_hours(session, ann.id) == wanted
        found = await working_times.hours_of(session, ["ANN@example.com", "nobody@example.com"])
    assert found == {"ann@example.com": wanted, "nobody@example.com": WorkingHours()}
    for wrong, field in (
        ({"days": []}, "days"),
        ({"ends": "08:00"}, "ends"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"starts": "25:00"}, "starts"),
    ):
        refused = await browser.post("/settings/working-time", {**sent, **wrong})
        assert refused.status_code == 422 and f'id="f-{field}-error"' in refused.text
