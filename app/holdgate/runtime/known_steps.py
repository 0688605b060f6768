"""Which steps the present code of a kind has, as far as the names given to `ctx.step` and others can be read off it.

Read from all loaded modules of the handler's package, since a handler may call steps in functions beside it.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

# Each takes a name and something more; `asyncio.sleep(1)` does not.
CALLS = {"step": "", "transact": "", "sleep": "", "version": "version:"}
_WORTH_READING = re.compile(rf"\.(?:{'|'.join(CALLS)})\(")


def steps_of(handler: Callable[..., Any]) -> re.Pattern[str] | None:
    """A pattern that every name of its steps fits; None: they cannot all be read off the code."""
    package = handler.__module__.partition(".")[0]
    return _of_modules(tuple(name for name in [*sys.modules] if name == package or name.startswith(f"{package}.")))


@cache
def _of_modules(names: tuple[str, ...]) -> re.Pattern[str] | None:
    patterns: set[str] = set()
    for name in names:
        try:
            source = inspect.getsource(sys.modules[name])
            tree = ast.parse(source) if _WORTH_READING.search(source) else ast.Module([], [])
        except (KeyError, OSError, TypeError, SyntaxError):  # no Python file, or not any more
            continue
        for found in _patterns(tree):
            if found is None:
                return None
            patterns.add(found)
    return re.compile("|".join(sorted(patterns)) or r"(?!)", re.DOTALL)


def _patterns(tree: ast.AST) -> Iterator[str | None]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in CALLS:
            continue
        if len(node.args) + len(node.keywords) > 1:
            name = (
                node.args[0] if node.args else next((each.value for each in node.keywords if each.arg == "name"), None)
            )
            inner = _pattern(name) if name is not None else None
            yield None if inner is None else CALLS[node.func.attr] + inner


def _pattern(name: ast.expr) -> str | None:
    """Of a text, or of an f-string; anything else is known when it runs only."""
    if isinstance(name, ast.Constant):
        return re.escape(name.value) if isinstance(name.value, str) else ""
    if isinstance(name, ast.JoinedStr):
        return "".join(_pattern(part) or ".*" for part in name.values)
    return None
