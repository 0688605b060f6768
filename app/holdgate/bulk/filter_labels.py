"""A bulk action's filter in words, for people and programs."""

import msgspec

from holdgate.tasks.search.filters import TaskFilter
from holdgate.web.filters import state_label


class Condition(msgspec.Struct, frozen=True):
    """A line of a filter in words, and the page of what it names by an id."""

    words: str
    href: str = ""


def conditions_of(wanted: TaskFilter) -> list[Condition]:
    """One for each condition, none for everything; states as pages call them."""
    return [
        Condition(
            field.words(" or ".join(state_label(each) for each in value) if field.many else value),
            field.href.format(value),
        )
        for field, value in wanted.given()
    ]
