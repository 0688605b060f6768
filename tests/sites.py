"""Tests make a site each, of the same handlers and templates: what a process does once is done once here, too.

Registering some 300 handlers and compiling the templates took half of the time of a test of pages.
"""

import copy
from collections.abc import Hashable
from typing import Any

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from litestar import Litestar
from litestar.di import Provide

from holdgate.web import site, templates

_SITES: dict[Hashable, Litestar] = {}


class Compiled(BytecodeCache):
    """Of all environments of this process. Jinja looks at a template's text, so a changed one is compiled anew."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def once(*, state: Any, **given: Any) -> Litestar:
    """`Litestar(…)`: registered once for the same arguments, with a state of its own each time."""
    key = tuple((name, _same(value)) for name, value in sorted(given.items()))
    if key not in _SITES:
        _SITES[key] = Litestar(state=state, **given)
    made = copy.copy(_SITES[key])
    made.state = state
    return made


def _same(value: Any) -> Hashable:
    if isinstance(value, list | tuple):
        return tuple(_same(each) for each in value)
    if isinstance(value, dict):
        return tuple((str(name), _same(each)) for name, each in value.items())
    if isinstance(value, Provide):
        return value.dependency
    # What is kept by its identity must not go: another thing could get its place.
    return value if isinstance(value, Hashable) else _Held(value)


class _Held:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.value is self.value


def share() -> None:
    """From now on, in this process."""
    compiled, environment = Compiled(), templates.environment

    def sharing(*given: Any, **more: Any) -> Environment:
        made = environment(*given, **more)
        made.bytecode_cache = compiled
        return made

    vars(site).update(environment=sharing, Litestar=once)
