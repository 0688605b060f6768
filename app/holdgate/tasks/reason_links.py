"""Why a task is as it is, for people: a feature signs its reasons by an id, and is called by the name of its page."""

from collections.abc import Callable, Sequence

from holdgate.core.text.masking import masked_text
from holdgate.feature import parts

# The page that a reason leads to and its name; None: another feature's, or plain words.
Source = Callable[[str], tuple[str, str] | None]


def source_of(reason: str) -> tuple[str, str] | None:
    sources: Sequence[Source] = parts("reasons")
    return next((found for find in sources if (found := find(reason))), None)


def spoken(reason: str) -> str:
    found = source_of(reason)
    return found[1] if found else masked_text(reason)
