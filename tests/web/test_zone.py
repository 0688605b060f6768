"""Times are written in the zone of the person who looks."""

from contextvars import copy_context
from datetime import UTC, datetime

import pytest

from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.text import zones
from holdgate.web import filters, zone

MOMENT = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)


def person(time_zone: str) -> Principal:
    return Principal(uuid7(), "ann@example.org", "", "member", time_zone)


@pytest.mark.parametrize(
    ("setting", "cookie", "expected"),
    [
        ("Asia/Tokyo", "Europe%2FBerlin", "Asia/Tokyo"),
        ("", "Europe%2FBerlin", "Europe/Berlin"),
        ("", "", "UTC"),
        ("", "../../etc/passwd", "UTC"),
        ("", "Europe", "UTC"),
        ("Mars/Olympus", "", "UTC"),
    ],
)
def test_the_setting_comes_before_the_browser_and_what_is_no_zone_is_utc(
    setting: str, cookie: str, expected: str
) -> None:
    assert zone.zone_of(person(setting), {zone.COOKIE: cookie}).key == expected
    assert zone.zone_of(None, {}).key == "UTC"


def test_a_time_is_written_in_the_zone_that_is_shown_and_exactly_in_utc() -> None:
    def in_berlin() -> None:
        zones.show(zone.zone_of(person("Europe/Berlin"), {}))
        assert filters.local(MOMENT) == "2026-07-02 00:30:05 CEST"
        assert filters.datetime(MOMENT) == "2026-07-01 22:30:05 UTC"
        assert "00:30" in filters.clock(MOMENT)
        assert zones.clock_of(MOMENT) == "00:30:05 CEST"

    copy_context().run(in_berlin)
    assert filters.local(MOMENT) == "2026-07-01 22:30:05 UTC"


def test_every_zone_to_choose_from_can_be_shown() -> None:
    assert len(zones.names()) > 300
    assert all(zones.is_zone(name) for name in zones.names())
