"""How the site treats the next application: as ordered through `/_control`, else as the slug's prefix says.

An order for a slug comes before an order for all slugs (`*`), and both before the prefix. Orders live in
memory only: a restarted site behaves. What must outlive a restart (tries that failed) is in the store.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from sandbox.careers.jobs import shortcut_of

EVERY_JOB = "*"


class Mode(StrEnum):
    OK = "ok"
    FAIL = "fail"
    REJECT = "reject"
    SLOW = "slow"
    SIGN_IN = "sign-in"
    FORBIDDEN = "forbidden"
    LOGIN_PAGE = "login-page"
    DROP = "drop"
    RATE_LIMIT = "rate-limit"
    FLAKY = "flaky"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with the next `times` applications (None: until told otherwise).

    `flaky` counts its `times` for each Idempotency-Key (None: 2), every other mode for the job as a whole.
    `seconds` is the delay of `slow` and the Retry-After of `rate-limit`; `status` is the answer of `fail`
    and `flaky`.
    `questions` makes the job ask its questions or not; None leaves that to the slug.
    """

    mode: Mode = Mode.OK
    times: Annotated[int, msgspec.Meta(ge=0)] | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 3.0
    status: Annotated[int, msgspec.Meta(ge=500, le=599)] = 503
    questions: bool | None = None


_PREFIXES = {
    "flaky-": Order(Mode.FLAKY),
    "slow-": Order(Mode.SLOW, seconds=3.0),
    "members-": Order(Mode.SIGN_IN),
}


class Behaviour:
    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}

    def order(self, slug: str, order: Order) -> None:
        self._orders[slug] = order

    def reset(self, slug: str) -> None:
        """Forget the order for this slug; `*` forgets all of them."""
        if slug == EVERY_JOB:
            self._orders.clear()
        else:
            self._orders.pop(slug, None)

    def current(self, slug: str) -> Order:
        """The order in force, without using it up."""
        ordered = self._orders.get(self._giver(slug))
        return ordered or _PREFIXES.get(shortcut_of(slug) or "") or Order()

    def take(self, slug: str) -> Order:
        """The order for one application. A counted one loses one of its times and ends as `ok`."""
        giver = self._giver(slug)
        order = self.current(slug)
        if giver not in self._orders or order.times is None or order.mode is Mode.FLAKY:
            return order
        if order.times == 0:
            return msgspec.structs.replace(order, mode=Mode.OK)
        self._orders[giver] = msgspec.structs.replace(order, times=order.times - 1)
        return order

    def asks(self, slug: str) -> bool | None:
        for giver in (slug, EVERY_JOB):
            order = self._orders.get(giver)
            if order is not None and order.questions is not None:
                return order.questions
        return None

    def _giver(self, slug: str) -> str:
        return slug if slug in self._orders else EVERY_JOB
