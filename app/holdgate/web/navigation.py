"""Where one can go: the pages of the navigation and of the search, in one list.

Features declare theirs. An entry shows only where its address is served and only to those it is for.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from holdgate.core.principal import Principal
from holdgate.feature import NavigationItem, features

GROUPS = ("main", "more", "do", "account")


@cache
def places() -> tuple[NavigationItem, ...]:
    """Of all features, as they stand in their groups."""
    found = [place for feature in features() for place in feature.navigation]
    return tuple(sorted(found, key=lambda place: (GROUPS.index(place.group), place.rank)))


class Navigation:
    """The places of one site.

    Args:
        served: the paths that have a handler.
    """

    def __init__(self, served: Sequence[str], *, development: bool) -> None:
        paths = frozenset(served)
        self._places = [
            place for place in places() if place.href in paths and (development or place.only != "development")
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
