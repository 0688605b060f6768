"""The list of places: who sees which, and that each leads somewhere."""

from holdgate.asgi import HANDLERS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.web.navigation import Navigation, places
from holdgate.web.site import make_site

MEMBER = Principal(uuid7(), "ann@example.org", "", "member")
ADMIN = Principal(uuid7(), "root@example.org", "", "admin")
EVERY = [place.href for place in places()]


def keys(navigation: Navigation, user: Principal, *groups: str) -> list[str]:
    return [place.key for place in navigation.group(user, *groups)]


def test_only_what_is_served_shows(settings: Settings, database: Database) -> None:
    _, app = make_site(settings, database, HANDLERS, openapi_config=None)
    shown = {place.href for place in app.state.navigation.group(ADMIN)}
    assert {"/overview", "/runs", "/tasks", "/approvals", "/dead-letters", "/settings", "/admin/users"} <= shown
    assert shown <= {route.path for route in app.routes}


def test_members_do_not_see_the_pages_of_administrators_nor_production_those_of_development() -> None:
    development, production = Navigation(EVERY, development=True), Navigation(EVERY, development=False)
    assert {"users", "audit"} <= set(keys(development, ADMIN))
    assert not {"users", "audit"} & set(keys(development, MEMBER))
    assert not {"mailbox", "styleguide"} & set(keys(production, ADMIN))
    assert keys(production, MEMBER, "main") == ["overview", "runs", "tasks", "approvals", "dead-letters"]


def test_a_place_is_found_by_the_beginnings_of_its_words() -> None:
    navigation = Navigation(EVERY, development=False)
    assert [place.key for place in navigation.find(MEMBER, "dead")] == ["dead-letters"]
    assert "schedules" in [place.key for place in navigation.find(MEMBER, "CRON")]
    assert navigation.find(MEMBER, "audit") == []
    assert navigation.find(MEMBER, "nothing like it") == []


def test_no_two_places_share_a_shortcut_or_an_address() -> None:
    shortcuts = [place.keys for place in places() if place.keys]
    assert len(set(shortcuts)) == len(shortcuts)
    assert len(set(EVERY)) == len(EVERY)
