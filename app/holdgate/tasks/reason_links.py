"""Why a task is as it is, for people: a feature signs its reasons by an id, and is called by the name of its page."""

from collections.abc import Callable

from holdgate.core.text.masking import masked_text

Source = Callable[[str], tuple[str, str] | None]
_SOURCES: list[Source] = []


def source(find: Source) -> Source:
    """Register how a feature signs the reasons it gives: the page that a reason leads to and its name, or None."""
    _SOURCES.append(find)
    return find


def source_of(reason: str) -> tuple[str, str] | None:
    return next((found for find in _SOURCES if (found := find(reason))), None)


def spoken(reason: str) -> str:
    found = source_of(reason)
    return found[1] if found else masked_text(reason)
