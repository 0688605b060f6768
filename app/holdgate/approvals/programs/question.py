"""What a program asks, as it is kept: whole, so that its task can put it again, and comparable with another one."""

from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import msgspec

from holdgate.approvals import blocks
from holdgate.approvals.choices import Choices
from holdgate.approvals.forms import FormField
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import Asker, Question, escalation_of

KIND = "approval.request"
STEP = "ask"


class AskedTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payload of its task: by what people find it. What is asked stands in `program_requests`, in its order."""

    title: str
    asker: str


class ProgramQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """`asker` is the name of the program's token, `asker_id` what its requests are known by."""

    title: str
    show: Any
    fields: tuple[FormField, ...]
    choices: Choices
    recipients: tuple[str, ...]
    needed: int | dict[str, int]
    level: Literal["link", "sign-in"]
    ttl: timedelta
    suggested_ttl: bool = False
    take_back: timedelta
    on_expire: str
    asker: str
    asker_id: UUID
    clock: Literal["wall", "working"] = "wall"
    urgent: bool = False

    @property
    def digest(self) -> bytes:
        """The same (SHA-256) for what is asked of the same people by the same rules."""
        return sha256(msgspec.json.encode(self, order="sorted")).digest()

    @property
    def question(self) -> Question:
        """A refusal is an answer, too: the program gets it, and the task has done its work."""
        return Question(
            hold=HoldType.APPROVAL,
            step=STEP,
            title=self.title,
            shown=blocks.read(self.show) if isinstance(self.show, list) else self.show,
            fields=self.fields,
            choices=self.choices,
            recipients=self.recipients,
            needed=self.needed,
            level=self.level,
            ttl=self.ttl,
            suggested_ttl=self.suggested_ttl,
            clock=self.clock,
            urgent=self.urgent,
            take_back=self.take_back,
            continues_on_reject=True,
            continues_on_expire=self.on_expire == "continue",
            escalates_to=escalation_of(STEP, self.on_expire),
            asker=Asker(self.asker, self.asker_id),
        )
