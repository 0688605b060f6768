"""Where one can go: the pages of the navigation and of the search, in one list.

An entry shows only where its address is served and only to those it is for, so a feature's page is listed here once.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from holdgate.core.principal import Principal


class NavigationItem(msgspec.Struct, frozen=True):
    """A page. `key` is what a view passes to render() as `nav`; `keys` is the shortcut, `words` what else finds it."""

    key: str
    label: str
    href: str
    group: Literal["main", "more", "do", "account"] = "more"
    keys: str = ""
    words: str = ""
    only: Literal["", "admin", "development"] = ""


PLACES = (
    NavigationItem("overview", "Overview", "/overview", "main", "g o", "home start dashboard"),
    NavigationItem("runs", "Runs", "/runs", "main", "g r", "batches progress"),
    NavigationItem("tasks", "Tasks", "/tasks", "main", "g t", "jobs queue"),
    NavigationItem("approvals", "Approvals", "/approvals", "main", "g a", "inbox decide sign holds"),
    NavigationItem("dead-letters", "Dead letters", "/dead-letters", "main", "g d", "failed errors"),
    NavigationItem("queues", "Queues", "/queues", keys="g q", words="pause depth"),
    NavigationItem("schedules", "Schedules", "/schedules", keys="g s", words="cron beats"),
    NavigationItem("workers", "Workers", "/workers", keys="g w", words="processes"),
    NavigationItem("bulk", "Bulk actions", "/bulk", words="many filter"),
    NavigationItem("webhooks", "Webhooks", "/settings/webhooks", words="events endpoints signing"),
    NavigationItem("postings", "Postings", "/postings", keys="g p", words="jobs import"),
    NavigationItem("search", "Search", "/search", "do", words="find shortcuts keyboard"),
    NavigationItem("new-run", "New run", "/runs/new", "do", "c r", "start batch create"),
    NavigationItem("new-task", "New task", "/tasks/new", "do", "c t", "enqueue create"),
    NavigationItem("import", "Import postings", "/postings/import", "do", words="csv upload"),
    NavigationItem("settings", "Settings", "/settings", "account", "g ,", "profile sessions time zone"),
    NavigationItem("users", "People", "/admin/users", "account", words="users roles access", only="admin"),
    NavigationItem("audit", "Audit", "/admin/audit", "account", words="log events history", only="admin"),
    NavigationItem("health", "Health", "/admin/health", "account", words="doctor checks system", only="admin"),
    NavigationItem("mailbox", "Mailbox", "/mailbox", "account", words="mail letters", only="development"),
    NavigationItem(
        "styleguide", "Style guide", "/styleguide", "account", words="components design", only="development"
    ),
)


class Navigation:
    """The places of one site.

    Args:
        served: the paths that have a handler.
    """

    def __init__(self, served: Sequence[str], *, development: bool) -> None:
        paths = frozenset(served)
        self._places = [
            place for place in PLACES if place.href in paths and (development or place.only != "development")
        ]

    def group(self, user: Principal, *groups: str) -> list[NavigationItem]:
        """What this person may open, in order."""
        allowed = [place for place in self._places if place.only != "admin" or user.is_admin]
        return [place for place in allowed if not groups or place.group in groups]

    def find(self, user: Principal, text: str) -> list[NavigationItem]:
        """The places whose name or words have words that begin with those of `text`; those of that very name first."""
        wanted = text.casefold().split()
        found = []
        for place in self.group(user):
            words = f"{place.label} {place.words}".casefold().split()
            if all(any(word.startswith(part) for word in words) for part in wanted):
                found.append(place)
        return sorted(found, key=lambda place: not place.label.casefold().startswith(" ".join(wanted)))


def navigation_of(routes: Sequence[Any], *, development: bool) -> Navigation:
    """Args:
    routes: Litestar's.
    """
    return Navigation([route.path for route in routes], development=development)
