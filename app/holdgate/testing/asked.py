"""What tests see of a question that a task waits on."""

from typing import Any

import msgspec

from holdgate.approvals.rules.shown import rows
from holdgate.approvals.states import HoldType


class AskedQuestion(msgspec.Struct, frozen=True):
    """The question a task waits on. `form` is what its fields show at first; `approved` are those who have, so far."""

    hold: HoldType
    step: str
    title: str
    shown: Any
    form: dict[str, Any]
    recipients: list[str]
    needed: int = 1
    approved: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, str]:
        """Everything that is shown, blocks too, as texts under their labels."""
        return {row.label: row.text for row in rows(self.shown)}
