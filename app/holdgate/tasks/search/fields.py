"""What there is to know of one condition of a filter; the conditions themselves are in filters.py."""

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement

from holdgate.tasks.search.conditions import Words

MOST_TEXT = 2000


class FilterField(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that a filter may have."""

    label: str
    """On the page."""
    words: Callable[[Any], str]
    """In a sentence about which tasks; a list of values comes joined."""
    about: str
    """Which tasks, in the description of the API and the docs."""
    read: Callable[[str], Any] = str
    """A text as the filter keeps it. Raises ValueError with a sentence."""
    condition: Callable[[Any], ColumnElement[bool] | None] | None = None
    sought: Callable[[Any], Words | None] | None = None
    """What TaskWords has to have. A rare kind or queue is found by this, a common one by walking the list."""
    age: bool = False
    """Whether it is a time that may be said as how long ago."""
    type: Any = str
    """Of a value in JSON, with its `default` as a parameter; and how many characters, or values, it has at most."""
    default: Any = None
    most: int = MOST_TEXT
    most_values: int = 0
    """0: a single value."""
    place: Literal["", "first", "usual", "times", "more"] = ""
    """Where the page's form has it; empty: it is chosen elsewhere on the page."""
    hint: str = ""
    options: Callable[[], list[str]] | None = None
    href: str = ""
    """The page of what it names by an id."""
    joined: bool = False
    """Whether what is given several times is joined by commas."""
    particular: bool = True
    """Whether something in particular is looked for: then mail and webhooks are not left out of the list."""
    name: str = ""
    """As an attribute of TaskFilter, as a URL parameter and as a member in JSON: the first, unless said otherwise."""
    param: str = ""
    key: str = ""

    @property
    def many(self) -> bool:
        return self.most_values > 0

    def parameter(self) -> tuple[str, Any, Any]:
        """Of the API: name, type, default."""
        if self.many or self.type is str:
            about = f"{self.about} Several with commas." if self.many else self.about
            return self.param, Annotated[str, Meta(max_length=self.most, description=about)], ""
        kind: Any = self.type | None if self.default is None else self.type
        return self.param, Annotated[kind, Meta(description=self.about)], self.default

    def member(self) -> tuple[str, Any, Any]:
        """Of a JSON object: name, type, default."""
        if self.many:
            several: Any = GenericAlias(list, (self.type,))
            meta = Meta(max_length=self.most_values, description=self.about)
            return self.key, Annotated[several, meta], msgspec.field(default_factory=list)
        one: Any = Annotated[str, Meta(min_length=1, max_length=self.most)] if self.type is str else self.type
        return self.key, Annotated[one | None, Meta(description=self.about)], None
