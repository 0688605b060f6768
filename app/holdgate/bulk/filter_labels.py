"""A bulk action's filter in words, for people and programs."""

from datetime import timedelta

import msgspec

from holdgate.tasks.search.filters import ONLY, TaskFilter, parse_age
from holdgate.web.filters import state_label

_WORDS = {
    "kind": "of kind",
    "queue": "in the queue",
    "subject": "about",
    "owner": "owned by",
    "fingerprint": "with the error",
    "payload": "whose payload has",
    "q": "whose title or id has",
}
_AGES = {
    "created_after": "created since",
    "created_before": "created before",
    "finished_after": "ended since",
    "finished_before": "ended before",
}


class Condition(msgspec.Struct, frozen=True):
    """A line of a filter in words, and the page of what it names by an id."""

    words: str
    href: str = ""


def conditions_of(wanted: TaskFilter) -> list[Condition]:
    """One for each condition, none for everything; states as pages call them."""
    found = []
    if wanted.states:
        found.append(Condition("in the state " + " or ".join(state_label(state) for state in wanted.states)))
    if wanted.run_id:
        found.append(Condition("of one run", f"/runs/{wanted.run_id}"))
    if wanted.bulk:
        found.append(Condition("changed by a bulk action", f"/bulk/{wanted.bulk}"))
    found += [Condition(f"{words} {value}") for name, words in _WORDS.items() if (value := getattr(wanted, name))]
    for name, words in _AGES.items():
        if value := getattr(wanted, name):
            found.append(Condition(f"{words} {value}{' ago' if isinstance(parse_age(value), timedelta) else ''}"))
    if wanted.mail:
        found.append(
            Condition("that are mail or webhooks" if wanted.mail == ONLY else "that are neither mail nor webhooks")
        )
    if wanted.ids:
        found.append(Condition("selected by hand"))
    return found
