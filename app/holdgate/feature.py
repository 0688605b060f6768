"""What a feature adds to the whole. Each says it in one value, in its `feature.py`; features.py lists them.

What has code is named, as `module` or `module:attribute`, and imported when somebody asks for it: a worker has no page
in memory, and the queue, which knows no feature, can still ask what others tell of a task.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal

import msgspec


class NavigationItem(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `key` is what a view passes to render() as `nav`; `rank` is where it stands in its group, `keys` the
    shortcut, `words` what else finds it."""

    key: str
    label: str
    href: str
    group: Literal["main", "more", "do", "account"]
    rank: int
    keys: str = ""
    words: str = ""
    only: Literal["", "admin", "development"] = ""


class FoundItem(msgspec.Struct, frozen=True):
    """Something that a search found: where it is, its name and a word about it."""

    href: str
    label: str
    note: str = ""


class FoundItems(msgspec.Struct, frozen=True):
    heading: str
    items: Sequence[FoundItem]


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """
    Args:
        pages, api: modules whose `handlers` are routes of the site and of the API.
        navigation: its pages that one can go to from everywhere.
        mails: the name of each mail → its letter (mail/letters.py).
        timeline: tells its part of a task's timeline (tasks/timeline.py).
        reasons: the page that a task's reason leads to (tasks/reason_links.py).
        people_waiting: counts the people that runs wait for (runs/waiting.py).
        waited_for: names them (runs/waiting.py).
        run_facts: tells of a run what its page shows below it (runs/reads.py).
        waiting: counts what waits for a person, for the navigation.
        metrics: its figures for Prometheus, read at each look.
        made_by_tokens: what goes on after the token that made it is revoked (accounts/tokens/uses.py).
        intake: adds tasks to something that `run_id` names (tasks/creating.py).
        profile_saved: tasks that the profile of a person lets go on; how many (accounts/pages/settings.py).
        upkeep: its chores (core/upkeep.py).
        decided: a condition in SQL by which people have decided on a task, of which the id is `tasks.id`
            (tasks/queue/retention.py).
        finds: what a person may open of what they search for (runs/pages/search.py).
        archive: reads what it has of tasks that are about to be deleted (tasks/queue/archiving.py).
    """

    pages: Sequence[str] = ()
    api: Sequence[str] = ()
    navigation: Sequence[NavigationItem] = ()
    mails: Mapping[str, str] = {}
    timeline: str = ""
    reasons: str = ""
    people_waiting: str = ""
    waited_for: str = ""
    run_facts: str = ""
    waiting: str = ""
    metrics: str = ""
    made_by_tokens: str = ""
    intake: str = ""
    profile_saved: str = ""
    upkeep: str = ""
    decided: str = ""
    archive: str = ""
    finds: str = ""


Part = Literal[
    "timeline",
    "reasons",
    "people_waiting",
    "waited_for",
    "run_facts",
    "waiting",
    "metrics",
    "made_by_tokens",
    "intake",
    "profile_saved",
    "upkeep",
    "decided",
    "archive",
    "finds",
]


def features() -> Sequence[Feature]:
    """All of them, in order."""
    # By name: those who ask stand below the features, and the list is imported by nobody but the entries.
    found: Sequence[Feature] = import_module("holdgate.features").FEATURES
    return found


@cache
def parts(of: Part) -> tuple[Any, ...]:
    """What the features have for this, in their order."""
    return tuple(load(name) for feature in features() if (name := getattr(feature, of)))


def handlers(names: Sequence[str]) -> list[Any]:
    """The routes of these modules."""
    return [handler for name in names for handler in import_module(name).handlers]


def load(name: str) -> Any:
    """The module, or what `module:attribute` names in it."""
    module, _, attribute = name.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
