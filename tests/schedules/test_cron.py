"""Cron expressions as moments, right through both changes of the clock."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdgate.core.errors import Invalid
from holdgate.schedules.cron import parse

# Zone → the moments of its changes in 2026: forward, back. Berlin skips 02:00-03:00 and repeats 02:00-03:00, New York
# skips 02:00-03:00 and repeats 01:00-02:00.
CHANGES = {
    "Europe/Berlin": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
}


def beats(cron: str, zone: str, around: datetime, hours: int = 12) -> list[datetime]:
    found = []
    for moment in parse(cron, zone).after(around - timedelta(hours=hours)):
        if moment > around + timedelta(hours=hours):
            break
        found.append(moment)
    return found


@pytest.mark.parametrize("zone", CHANGES)
def test_a_beat_at_a_time_that_does_not_exist_comes_once_when_the_clock_jumps(zone: str) -> None:
    forward, _ = CHANGES[zone]
    assert beats("30 2 * * *", zone, forward) == [forward]


@pytest.mark.parametrize(("zone", "cron"), [("Europe/Berlin", "30 2 * * *"), ("America/New_York", "30 1 * * *")])
def test_a_beat_at_a_time_that_exists_twice_comes_once_and_the_first_time(zone: str, cron: str) -> None:
    _, back = CHANGES[zone]
    assert beats(cron, zone, back) == [back - timedelta(minutes=30)]


@pytest.mark.parametrize(("zone", "cron"), [("Europe/Berlin", "30 2 * * *"), ("America/New_York", "30 1 * * *")])
def test_one_asked_between_the_two_passes_of_an_hour_does_not_come_again(zone: str, cron: str) -> None:
    _, back = CHANGES[zone]
    for minutes in (-20, 0, 10, 29, 40):
        following = parse(cron, zone).next(back + timedelta(minutes=minutes))
        assert following == back - timedelta(minutes=30) + timedelta(hours=25)


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("cron", ["*/15 * * * *", "0,15,30,45 * * * *", "*/15 0-23 * * *"])
def test_what_names_every_hour_runs_through_in_real_time(zone: str, which: int, cron: str) -> None:
    change = CHANGES[zone][which]
    found = beats(cron, zone, change)
    assert found[0] == change - timedelta(hours=12) + timedelta(minutes=15)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}
    assert change in found


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("cron", ["0 */2 * * *", "*/15 2 * * *", "0 1,2,3 * * *"])
def test_each_named_wall_time_comes_once_on_every_day(zone: str, cron: str) -> None:
    rhythm = parse(cron, zone)
    usual = rhythm.after(datetime(2026, 6, 1, tzinfo=UTC))
    day = ZoneInfo(zone)
    walls = [m.astimezone(day).time() for m in islice(usual, 40)]
    for change in CHANGES[zone]:
        noon = change.replace(hour=17)
        found = [m.astimezone(day) for m in beats(cron, zone, noon, 24)]
        here = [m.time() for m in found if m.date() == change.astimezone(day).date()]
        assert len(here) == len(set(here)), here
        assert set(here) <= {*walls, change.astimezone(day).time()}


def test_ordinary_days_follow_the_wall_clock_over_the_change() -> None:
    rhythm = parse("0 9 * * MON-FRI", "Europe/Berlin")
    found = list(islice(rhythm.after(datetime(2026, 3, 26, 12, tzinfo=UTC)), 3))
    assert [f"{moment:%a %H:%M}" for moment in found] == ["Fri 08:00", "Mon 07:00", "Tue 07:00"]


@pytest.mark.parametrize(
    ("cron", "down", "latest"),
    [
        ("* * * * *", timedelta(days=400), timedelta(minutes=0)),
        ("0 3 * * *", timedelta(days=40), timedelta(hours=9)),
        ("0 0 1 1 *", timedelta(days=800), timedelta(days=326, hours=12)),
    ],
)
def test_the_last_missed_beat_is_found_however_long_nobody_was_there(
    cron: str, down: timedelta, latest: timedelta
) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    rhythm = parse(cron, "UTC")
    first = rhythm.next(now - down)
    assert first is not None
    assert rhythm.last(first, now) == now - latest


def test_a_beat_that_alone_was_missed_is_the_last_one() -> None:
    first = datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert parse("0 3 * * *", "UTC").last(first, first + timedelta(hours=2)) == first


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("", "UTC", "cron"),
        ("* * * *", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("* * 30 2 *", "UTC", "cron"),
        ("@reboot", "UTC", "cron"),
        (f"{'1,' * 60}1 * * * *", "UTC", "cron"),
        ("* * * * *", "Mars/Olympus", "zone"),
        ("* * * * *", "../../etc/passwd", "zone"),
        ("* * * * *", "Europe", "zone"),
    ],
)
def test_what_never_comes_or_cannot_be_read_is_refused_at_its_field(cron: str, zone: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(cron, zone)
    assert list(refused.value.fields) == [field]


@given(st.text(alphabet="0123456789*/,-LW#MONJA ²", max_size=30))
@settings(max_examples=300, deadline=None)
def test_whatever_is_typed_is_read_or_refused(cron: str) -> None:
    try:
        rhythm = parse(cron, "Europe/Berlin")
    except Invalid:
        return
    found = list(islice(rhythm.after(datetime(2026, 3, 28, tzinfo=UTC)), 20))
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("nickname", "cron"), [("@daily", "0 0 * * *"), (" @Hourly ", "0 * * * *"), ("@weekly", "0 0 * * SUN")]
)
def test_a_nickname_stands_for_its_five_fields(nickname: str, cron: str) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    named, written = parse(nickname, "Europe/Berlin").after(start), parse(cron, "Europe/Berlin").after(start)
    assert [next(named) for _ in range(60)] == [next(written) for _ in range(60)]
