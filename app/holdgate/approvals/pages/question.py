"""A request as pages show it, and what people send of its form: in the inbox and behind a personal link."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from litestar.datastructures import UploadFile

from holdgate.approvals import blocks, values
from holdgate.approvals.blocks import AnyBlock, DiffBlock
from holdgate.approvals.errors import (
    AlreadyDecided,
    AlreadyVoted,
    PassedOn,
    QuestionChanged,
    QuestionExpired,
    SelfApproval,
    SignInNeeded,
)
from holdgate.approvals.evidence.form_diff import (
    FieldChange,
    FormRevision,
    as_text,
    changes_between,
    form_revisions,
    revision_of,
)
from holdgate.approvals.forms import MOST_BYTES, NO_FILES, FormField, texts_of
from holdgate.approvals.models import Approval
from holdgate.approvals.requests.clarifying import NoteEnded, OpenNote
from holdgate.approvals.requests.uploading import SentFile
from holdgate.approvals.rules import shown as showing
from holdgate.approvals.rules.askers import AskerName
from holdgate.approvals.rules.shown import ShownRow
from holdgate.approvals.states import ApprovalState, ApprovalVerb, HoldType
from holdgate.approvals.values import Decision
from holdgate.core.errors import AppError, Invalid
from holdgate.core.file_types import SUFFIXES
from holdgate.core.forms.fields import shown, write
from holdgate.core.text.web_address import hosts_in
from holdgate.tasks.payloads.artifact import StoredArtifact
from holdgate.web.http.request import WebRequest

VERBS = (ApprovalVerb.APPROVE, ApprovalVerb.REJECT, ApprovalVerb.REQUEST_CHANGES, ApprovalVerb.ANSWER)
OPTION = "option:"  # before the name of a chosen option, so that none can be taken for ours
ANSWER = "answer."  # prefix of a form's fields, so that none can be taken for ours
BESIDE = {
    "reason": "Reason",
    "question": "Your question",
    "answer": "Your reply",
    "to": "Colleague’s email",
    "note": "Note",
}
FILE = "file."  # of its controls for files
REFUSALS = (
    Invalid,
    AlreadyDecided,
    AlreadyVoted,
    NoteEnded,
    OpenNote,
    PassedOn,
    QuestionChanged,
    QuestionExpired,
    SelfApproval,
    SignInNeeded,
)


class OfferedChoice(NamedTuple):
    """A radio button: what it sends, its words, its id and key. `asks_why`: a reason goes with it."""

    value: str
    words: str
    id: str = ""
    key: str = ""
    asks_why: bool = False


EITHER = (
    OfferedChoice("approve", "Approve", "decide-approve", "a"),
    OfferedChoice("reject", "Reject", "decide-reject", "r", asks_why=True),
)
CHANGES = OfferedChoice("request_changes", "Request changes", "decide-changes", "c", asks_why=True)


class SentDecisions(msgspec.Struct, frozen=True):
    """What a person entered, to be shown again when it was refused. `answers`: the form's, once it was sent."""

    decision: str = ""
    version: str = ""
    reason: str = ""
    answers: dict[str, str | list[str]] | None = None
    errors: dict[str, str] = {}
    left_behind: frozenset[str] = frozenset()  # fields for which a file was chosen and not uploaded
    detour: dict[str, str] = {}  # of the forms beside the decision: passing on, asking back, answering


class QuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """A question as a page shows it: `rows` of labelled values, or `blocks` with their files below the path `files`.

    `before`: another version, which the same step asked last.
    """

    approval: Approval
    fields: tuple[FormField, ...]
    rows: list[ShownRow]
    blocks: list[AnyBlock] = []
    files: str = ""
    asker: AskerName = AskerName("Holdgate")
    before: Approval | None = None
    sent: SentDecisions = SentDecisions()
    uploads: Mapping[tuple[str, str], StoredArtifact] = NO_FILES
    message: str = ""

    def uploaded(self, field: FormField) -> StoredArtifact | None:
        """The file that the viewer has uploaded there, to decide with it; the last one."""
        return next((file for (name, _), file in reversed([*self.uploads.items()]) if name == field.name), None)

    def endings(self, field: FormField) -> list[str]:
        """Of the names of files that may be uploaded there."""
        return [SUFFIXES[each] for each in field.accept]

    @property
    def form_files(self) -> list[tuple[str, StoredArtifact]]:
        """Label and file: those that the form has already."""
        return values.form_files(self.approval)

    @property
    def open(self) -> bool:
        return self.approval.state == ApprovalState.PENDING

    @property
    def hosts(self) -> list[str]:
        """Where the links lead that stand in the texts of an asker who is not trusted."""
        texts = [text for _, text in (*showing.texts(self.approval.shown), *self.proposed)]
        return [] if self.asker.trusted else hosts_in("\n".join([self.approval.title, *texts]))

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The short values; `passages` are the others."""
        return [(row.label, row.text) for row in self.rows if row.kind == "fact"]

    @property
    def passages(self) -> list[ShownRow]:
        return [row for row in self.rows if row.kind != "fact"]

    @property
    def offered(self) -> list[OfferedChoice]:
        """What can be chosen, in its order."""
        choices = values.choices_of(self.approval)
        offered = [OfferedChoice(OPTION + each.name, each.name, asks_why=not each.goes_on) for each in choices.options]
        offered = offered or [*EITHER]
        return [*offered, CHANGES] if choices.changes else offered

    def diff(self, block: DiffBlock) -> list[FieldChange]:
        return changes_between(block.heading, block.before, block.after)

    @property
    def revised(self) -> list[FieldChange]:
        """What is not as it was in the version before."""
        return revision_of(self.before, self.approval) if self.before else []

    @property
    def form_revisions(self) -> list[FormRevision]:
        """What others who decide have changed in the form."""
        return form_revisions(self.approval) if self.open else []

    @property
    def outdated(self) -> bool:
        """Whether what was sent was entered into another version than the one that is shown."""
        return bool(self.sent.version) and self.sent.version != self.approval.version

    @property
    def asks_approval(self) -> bool:
        return self.approval.hold == HoldType.APPROVAL

    @property
    def asks_sign_in(self) -> bool:
        return self.approval.hold == HoldType.SIGN_IN

    @property
    def proposed(self) -> list[tuple[str, str]]:
        return [(field.label, as_text(field.value)) for field in self.fields]

    @property
    def answers(self) -> list[tuple[str, str]]:
        """What came back, under the names the form has for it."""
        labels = {field.name: field.label for field in self.fields}
        return [(labels.get(name, name), as_text(value)) for name, value in (self.approval.answer or {}).items()]

    @property
    def entered(self) -> list[tuple[str, str]]:
        """What was sent and does not count, under its names: of the form what is not as it was shown."""
        labels = {field.name: (field.label, as_text(field.value)) for field in self.fields}
        texts = {name: as_text(value).replace("\r\n", "\n") for name, value in (self.sent.answers or {}).items()}
        beside = {"reason": self.sent.reason, **self.sent.detour}
        changed = [(name, text) for name, text in texts.items() if text and text != labels.get(name, ("", ""))[1]]
        written = [(label, beside[name]) for name, label in BESIDE.items() if beside.get(name, "").strip()]
        return written + [(labels.get(name, (name, ""))[0], text) for name, text in changed]

    def value(self, field: FormField) -> Any:
        """As just sent, or as it was filled in for an approval that was taken back, or as proposed."""
        if self.sent.answers is not None and not self.outdated:
            return shown(field.field, texts_of(field.field, self.sent.answers.get(field.name)))
        return write(field.field, (self.approval.answer or {}).get(field.name, field.stored))


def question_view(
    approval: Approval,
    before: Approval | None = None,
    *,
    asker: AskerName | None = None,
    token: str = "",
    uploads: Mapping[tuple[str, str], StoredArtifact] = NO_FILES,
    sent: SentDecisions | None = None,
    message: str = "",
) -> QuestionView:
    """Args:
    asker: None: where it is not told who asks.
    token: of the personal link that the page is behind, if it is.
    uploads: what the viewer has uploaded and not decided with yet.
    """
    in_blocks = isinstance(approval.shown, list)
    if sent is not None and sent.version != approval.version:
        sent = msgspec.structs.replace(sent, decision="")  # it was chosen for what another version shows
    return QuestionView(
        approval=approval,
        fields=values.fields_of(approval),
        rows=[] if in_blocks else showing.rows(approval.shown),
        blocks=blocks.stored(approval.shown),
        files=f"/review/{token}/files" if token else f"/approvals/{approval.id}/files",
        asker=asker or AskerName("Holdgate", trusted=approval.asker is None),
        before=before,
        sent=sent or SentDecisions(),
        uploads=uploads,
        message=message,
    )


async def read_sent(request: WebRequest) -> SentDecisions:
    """What the form of a decision sent."""
    form = await request.form()
    left = frozenset(name.removeprefix(FILE) for name in form if name.startswith(FILE) and form[name])
    answers: dict[str, str | list[str]] = {}
    for name in form:
        if name.startswith(ANSWER):
            texts = [value for value in form.getall(name) if isinstance(value, str)]
            answers[name.removeprefix(ANSWER)] = texts[0] if len(texts) == 1 else texts
    decision, version, reason = (str(form.get(name, "")) for name in ("decision", "version", "reason"))
    return SentDecisions(decision=decision, version=version, reason=reason, answers=answers, left_behind=left)


async def read_file(request: WebRequest) -> tuple[str, SentFile]:
    """The file that a form sent, and for which field: whose button was pressed. Raises Invalid: none was chosen."""
    form = await request.form()
    field = str(form.get("upload", ""))
    file = form.get(FILE + field)
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("Choose a file, then press Upload.", {field: "Choose a file, then press Upload."})
    return field, SentFile(file.filename, await file.read(MOST_BYTES + 1))


def decision_of(sent: SentDecisions) -> Decision:
    """Raises Invalid: none was chosen, as none is preselected."""
    option = sent.decision.removeprefix(OPTION) if sent.decision.startswith(OPTION) else None
    if option is None and sent.decision not in VERBS:
        raise Invalid("Choose a decision.", {"decision": "Choose a decision."})
    verb = ApprovalVerb(sent.decision) if option is None else None
    if sent.left_behind and verb not in (ApprovalVerb.REJECT, ApprovalVerb.REQUEST_CHANGES):
        sentence = "Press Upload beside the file first, so that it is checked and kept. Then send your decision."
        raise Invalid(sentence, dict.fromkeys(sent.left_behind, sentence))
    return Decision(version=sent.version, verb=verb, option=option, form=dict(sent.answers or {}), reason=sent.reason)


def refusal(sent: SentDecisions, problem: AppError) -> tuple[SentDecisions, str, int]:
    """What to show when a decision did not count: the entries kept, the sentence, the status."""
    errors = problem.fields if isinstance(problem, Invalid) else {}
    return msgspec.structs.replace(sent, errors=errors), str(problem), problem.status
