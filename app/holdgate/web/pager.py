"""The addresses between which a list's pager leads."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from holdgate.core.paging import Page


class Pager(msgspec.Struct, frozen=True):
    """`here`: the page that is shown. `first_url`: None on the first page."""

    here: str
    next_url: str | None
    prev_url: str | None
    first_url: str | None


def pager(
    path: str, turned: Page[Any], cursor: str | None, back: str | None, params: Sequence[tuple[str, str]] = ()
) -> Pager:
    """Args:
    cursor, back: of the page that is shown.
    params: the rest of the address; empty ones are left out.
    """

    return Pager(
        here=address(path, [*params, ("cursor", cursor or ""), ("back", back or "")]),
        next_url=address(path, [*params, ("cursor", str(turned.behind))]) if turned.behind else None,
        prev_url=address(path, [*params, ("back", str(turned.before))]) if turned.before else None,
        first_url=address(path, params) if turned.moved else None,
    )


def address(path: str, params: Sequence[tuple[str, str]]) -> str:
    """The address of a page; parameters without a value are left out."""
    query = urlencode([pair for pair in params if pair[1]])
    return f"{path}?{query}" if query else path
