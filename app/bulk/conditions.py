"""A bulk action's filter in the words of pages."""

import msgspec

from app.tasks.filters import TaskFilter
from app.web.filters import state_label


class Condition(msgspec.Struct, frozen=True):
    """A line of a filter in words, and the page of what it names by an id."""

    words: str
    href: str = ""


def conditions_of(wanted: TaskFilter) -> list[Condition]:
    """As `TaskFilter.words`, with the states as pages call them."""
    *states, last = [state_label(state).lower() for state in wanted.states] or [""]
    found = [Condition(f"that are {', '.join(states)} or {last}" if states else f"that are {last}")] if last else []
    if wanted.run_id:
        found.append(Condition("of one run", f"/runs/{wanted.run_id}"))
    if wanted.bulk:
        found.append(Condition("changed by a bulk action", f"/bulk/{wanted.bulk}"))
    rest = msgspec.structs.replace(wanted, states=(), run_id=None, bulk=None)
    return found + [Condition(words) for words in rest.words()]
