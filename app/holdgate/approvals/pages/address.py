"""What the address of an inbox page says: the tab, what it is narrowed to, and what was decided just now."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from holdgate.approvals.requests.grouping import MOST
from holdgate.approvals.requests.narrowing import InboxFilter
from holdgate.core.errors import Invalid
from holdgate.web.http.request import WebRequest
from holdgate.web.pager import address

TABS = (("mine", "Assigned to me"), ("later", "Up next"), ("all", "All pending"), ("decided", "Completed"))
LONGEST = 200  # characters of a search


class InboxAddress(msgspec.Struct, frozen=True, kw_only=True):
    """`done`: the requests of which the page offers to undo the decision."""

    show: str = "mine"
    only: InboxFilter = InboxFilter()
    done: tuple[UUID, ...] = ()

    @property
    def params(self) -> list[tuple[str, str]]:
        return [("show", self.show), *self.only.params]

    def to(self, path: str, done: Collection[UUID] = ()) -> str:
        """Another page of the same tab."""
        usual = self.show == "mine" and not self.only.narrows
        return address(path, [*([] if usual else self.params), ("done", ",".join(id.hex for id in done))])


def read_address(request: WebRequest) -> InboxAddress:
    """Raises Invalid."""
    given = request.query_params
    show = given.get("show", "mine")
    only = InboxFilter(
        given.get("q", "")[:LONGEST], id_of(given.get("requester")), id_of(given.get("run")), given.get("kind", "")
    )
    done = [id_of(text) for text in given.get("done", "").split(",")[:MOST]]
    return InboxAddress(
        show=show if show in dict(TABS) else "mine", only=only, done=tuple(id for id in done if id is not None)
    )


def id_of(text: str | None) -> UUID | None:
    """Raises Invalid."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("Invalid filter. Clear it and choose again.") from None
