"""The page of the names that `from holdgate import …` gives, from what the code says of them."""

import inspect
from typing import Any

import holdgate
from manual.tables import table

HEAD = """# Python names

What `from holdgate import …` gives is the public interface: these names keep their meaning, and the changelog says what
becomes of them. Everything else in the package may change without notice. Types are part of it (`py.typed`). This page
is generated (`make reference`); [Write a kind](../kinds.md) shows the names at work.

"""


def page() -> str:
    rows = [(f"`{name}`", _about(getattr(holdgate, name))) for name in sorted(holdgate.__all__, key=str.lower)]
    return (HEAD + table(("name", "is"), rows)).rstrip() + "\n"


def _about(value: Any) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
