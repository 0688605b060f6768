"""What a person may choose: to approve or reject, or one of the asker's own options; and to request changes."""

from collections.abc import Sequence

import msgspec

from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.states import ApprovalVerb
from holdgate.core.errors import Invalid
from holdgate.core.text.visible import is_blank

MOST_OPTIONS = 5
MOST_NAME = 60  # characters: it is a button's word


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision under a name of its own. `goes_on`: choosing it approves; otherwise it rejects."""

    name: str
    goes_on: bool = True

    @property
    def verb(self) -> ApprovalVerb:
        """What choosing it does to the request."""
        return ApprovalVerb.APPROVE if self.goes_on else ApprovalVerb.REJECT


class Choices(msgspec.Struct, frozen=True, omit_defaults=True):
    """`options` stand for approving and rejecting, where there are some. `changes` may be requested, too."""

    options: tuple[Option, ...] = ()
    changes: bool = False

    def verb_of(self, verb: ApprovalVerb | None, option: str | None) -> ApprovalVerb:
        """What somebody chose who sent one of the two. Raises Invalid: it was not offered."""
        if verb is ApprovalVerb.REQUEST_CHANGES and self.changes:
            return verb
        if self.options:
            found = next((each for each in self.options if each.name == option), None)
            if found is not None and verb in (None, found.verb):
                return found.verb
        elif option is None and verb in (ApprovalVerb.APPROVE, ApprovalVerb.REJECT):
            return verb
        raise Invalid("Choose a decision.", {"decision": "Choose a decision."})


def check(options: Sequence[Option], *, needed: int) -> None:
    """Raises QuestionImpossible; the sentence goes on after the name of the request."""
    names = [option.name for option in options]
    if len(options) > MOST_OPTIONS or len(set(names)) < len(names):
        raise QuestionImpossible(
            f"offers {len(options)} options; offer at most {MOST_OPTIONS}, each under another name"
        )
    for name in names:
        if is_blank(name) or len(name) > MOST_NAME or not name.isprintable() or name != name.strip():
            raise QuestionImpossible(f"offers {name[:80]!r}; an option has a name of 1 to {MOST_NAME} characters")
    going = sum(option.goes_on for option in options)
    if options and not going:
        raise QuestionImpossible("offers no option that approves")
    if needed > 1 and going > 1:
        raise QuestionImpossible(
            "needs several people and offers more than one option that approves; they might choose differently"
        )
