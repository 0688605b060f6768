"""Reports of tests on their way to the controlling process: xdist can send only texts that are UTF-8."""

from collections.abc import Generator
from typing import Any

import pytest

from holdgate.core.text.storable import storable_text


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A lone surrogate in what a test printed or said would end xdist, and hide all the other reports."""
    return _clean((yield))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_clean, value))
    return value
