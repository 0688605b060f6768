"""Working hours: how they are counted over nights, weekends and changes of the clocks, and how they are chosen."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdgate.accounts.availability import public_holidays, working_times
from holdgate.accounts.availability.working_hours import WorkingHours
from holdgate.core.errors import Invalid
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


def test_public_holidays_are_no_working_days_where_somebody_has_them() -> None:
    thursday, tuesday = datetime(2026, 4, 2, 16, tzinfo=BERLIN), datetime(2026, 4, 7, 10, tzinfo=BERLIN)
    easter = WorkingHours(zone="Europe/Berlin", holidays="DE")
    assert easter.after(thursday, 2 * HOUR) == tuesday
    assert easter.between(thursday, tuesday) == 2 * HOUR
    assert easter.next(thursday + HOUR) == tuesday - HOUR
    epiphany = date(2026, 1, 6)
    assert public_holidays.is_holiday("DE-BY", epiphany) and not public_holidays.is_holiday("DE-BE", epiphany)


@pytest.mark.parametrize("code", ["XX", "DE-XX", "de", "DEU", "Easter"])
def test_a_country_without_known_holidays_is_refused_with_what_to_enter(code: str) -> None:
    assert "like DE-BY" in public_holidays.problem_with(code)


def test_hours_over_which_the_clocks_are_put_forward_are_none() -> None:
    """In Berlin two o'clock became three on 29 March 2026."""
    night = WorkingHours(days=(7,), starts=time(2, 30), ends=time(3, 10), zone="Europe/Berlin")
    begin = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    assert night.next(begin) == datetime(2026, 4, 5, 2, 30, tzinfo=BERLIN)
    assert night.between(begin, datetime(2026, 3, 30, tzinfo=BERLIN)) == timedelta()


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "holidays", None)
    public_holidays._calendar.cache_clear()
    yield
    public_holidays._calendar.cache_clear()


async def test_without_the_package_the_setting_is_refused_and_no_clock_stands_still(
    world: World, without_package: None
) -> None:
    ann = await world.add("ann@example.com")
    async with world.database.write("system") as session:
        with pytest.raises(Invalid, match=r"holdgate\[holidays\]"):
            await working_times.choose_hours(session, ann.id, WorkingHours(holidays="DE"))
        await working_times.choose_hours(session, ann.id, WorkingHours())
    assert not public_holidays.is_holiday("DE", date(2026, 4, 3))


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
    sent["holidays"] = " de-by"
    assert (await browser.post("/settings/working-time", sent)).status_code == 303
    wanted = WorkingHours(
        days=(1, 5), starts=time(8, 30), ends=time(12), zone="Europe/Berlin", quiet=True, holidays="DE-BY"
    )
    async with world.database.read() as session:
        assert await working_times.own_hours(session, ann.id) == wanted
        found = await working_times.hours_of(session, ["ANN@example.com", "nobody@example.com"])
    assert found == {"ann@example.com": wanted, "nobody@example.com": WorkingHours()}
    for wrong, field in (
        ({"days": []}, "days"),
        ({"days": [""]}, "days"),
        ({"days": ["12"]}, "days"),
        ({"ends": "08:00"}, "ends"),
        ({"ends": "09:15"}, "ends"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"starts": "25:00"}, "starts"),
        ({"holidays": "XX"}, "holidays"),
    ):
        refused = await browser.post("/settings/working-time", {**sent, **wrong})
        assert refused.status_code == 422 and f'id="f-{field}-error"' in refused.text
