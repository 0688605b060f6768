"""Modules that are imported when they are first used.

`from holdgate import Context, kind` stands at the top of a product's own modules, in its web processes, too: it must
not load the database, which these never ask by it. Where such a name leads to more, the more is imported later.
"""

from importlib import import_module
from typing import Any


class Later:
    """A module by its name: its attributes, once somebody asks for one. Types are told by TYPE_CHECKING beside it.

    `extra`: of ours, which brings it.
    """

    def __init__(self, name: str, *, extra: str = "kinds") -> None:
        self._name, self._extra = name, extra

    def __getattr__(self, attribute: str) -> Any:
        try:
            return getattr(import_module(self._name), attribute)
        except ModuleNotFoundError as missing:
            raise missing_extra(missing, self._extra) from missing


def missing_extra(missing: ModuleNotFoundError, extra: str) -> ImportError:
    """A package that is not here, told with what to do about it; a module of ours that is not here is a mistake."""
    if str(missing.name).startswith("holdgate"):
        return missing
    told = f"This needs the package {missing.name}. Install Holdgate with its extra: holdgate[{extra}]."
    return ImportError(told, name=missing.name)
