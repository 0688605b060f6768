"""For people who write kinds: a tester for their handlers, and fixtures for pytest (docs/testing.md).

The names are loaded when they are first used: pytest imports the plugin in every project of an environment.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdgate.testing.asked import AskedQuestion as AskedQuestion
    from holdgate.testing.blocking import BlockingTester as BlockingTester
    from holdgate.testing.enqueued import AssertEnqueued as AssertEnqueued
    from holdgate.testing.tester import KindTester as KindTester

_HOMES = {
    "AskedQuestion": "asked",
    "AssertEnqueued": "enqueued",
    "BlockingTester": "blocking",
    "KindTester": "tester",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'holdgate.testing' has no attribute {name!r}")
    return getattr(import_module(f"holdgate.testing.{_HOMES[name]}"), name)
