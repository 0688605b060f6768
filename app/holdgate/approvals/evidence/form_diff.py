"""What has changed, line by line, and in a changed line word by word: in a form before it was approved, and from one
version of a request to the next."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from holdgate.approvals import values
from holdgate.approvals.models import Approval
from holdgate.approvals.rules.shown import rows

Step: TypeAlias = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
Op: TypeAlias = Literal["same", "out", "in"]

AROUND = 2  # unchanged lines shown beside a change
MOST = 1_000_000  # pairs of pieces to compare; beyond, what differs is shown as replaced as a whole
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


class DiffPart(msgspec.Struct, frozen=True):
    """A stretch of text that stayed (`same`), was taken out or was put in."""

    op: Op
    text: str


class Block(msgspec.Struct, frozen=True):
    """Lines. `folded`: unchanged, and far from any change."""

    parts: list[DiffPart]
    folded: int = 0


class FieldChange(msgspec.Struct, frozen=True):
    """A field that was changed."""

    label: str
    blocks: list[Block]


def changes_of(approval: Approval) -> list[FieldChange]:
    """The fields that were answered otherwise than the step proposed, in the form's order."""
    answer = approval.answer or {}
    pairs = [
        (field.label, _compared(field.value), _compared(answer.get(field.name))) for field in _asked(approval, answer)
    ]
    return _changes(pairs)


class FormRevision(NamedTuple):
    """What one of several who decide changed in the form."""

    by: str
    changes: list[FieldChange]


def form_revisions(approval: Approval) -> list[FormRevision]:
    """Oldest first."""
    fields = values.fields_of(approval)
    after = {field.name: field.value for field in fields}
    found: list[FormRevision] = []
    for earlier in reversed(values.earlier_forms(approval)):
        before = after | earlier.values
        pairs = [(each.label, _compared(before[each.name]), _compared(after[each.name])) for each in fields]
        found.insert(0, FormRevision(earlier.changed_by, _changes(pairs)))
        after = before
    return found


def changes_between(label: str, before: str, after: str) -> list[FieldChange]:
    """Of one text; nothing when it has stayed the same."""
    return _changes([(label, before, after)])


def revision_of(before: Approval, after: Approval) -> list[FieldChange]:
    """What a version of a request shows otherwise than another one: the title, what is shown, the form as proposed."""
    old, new = _told(before), _told(after)
    return _changes([(place[1], _compared(old.get(place)), _compared(new.get(place))) for place in {**new, **old}])


def _told(approval: Approval) -> dict[tuple[str, str, int], Any]:
    """Everything under its label; the same label in two places is told apart."""
    seen: Counter[str] = Counter()
    told: dict[tuple[str, str, int], Any] = {("title", "Title", 1): approval.title}
    for row in rows(approval.shown):
        seen[row.label] += 1
        told["shown", row.label, seen[row.label]] = row.text
    return told | {("form", field.label, 1): field.value for field in values.fields_of(approval)}


def _changes(pairs: list[tuple[str, str, str]]) -> list[FieldChange]:
    return [FieldChange(label, list(compare(before, after))) for label, before, after in pairs if before != after]


def _asked(approval: Approval, answer: dict[str, Any]) -> list[Any]:
    return [field for field in values.asked_fields(approval) if field.name in answer]


def as_text(value: Any) -> str:
    """A field's value as people read it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict) and "sha256" in value:
        return f"{value['name']} ({value['size']:,} bytes, SHA-256 {value['sha256']})"
    if isinstance(value, list):
        return "\n".join(map(as_text, value))
    return "" if value is None else str(value)


def _compared(value: Any) -> str:
    """Line ends and spaces around do not count: reading a form takes them away."""
    return as_text(value).replace("\r\n", "\n").strip()


def compare(before: str, after: str) -> Iterator[Block]:
    """`after` as a change of `before`, in blocks; unchanged lines far from any change are folded."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    steps = _steps(old, new)
    for place, (tag, a, b, c, d) in enumerate(steps):
        if tag == "equal":
            yield from _unchanged(old[a:b], first=place == 0, last=place == len(steps) - 1)
        else:
            yield Block(list(_words("".join(old[a:b]), "".join(new[c:d]))))


def _unchanged(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[Block]:
    head, tail = 0 if first else AROUND, 0 if last else AROUND
    if len(lines) <= head + tail + 1:
        yield Block([DiffPart("same", "".join(lines))])
        return
    end = len(lines) - tail
    if head:
        yield Block([DiffPart("same", "".join(lines[:head]))])
    yield Block([DiffPart("same", "".join(lines[head:end]))], folded=end - head)
    if tail:
        yield Block([DiffPart("same", "".join(lines[end:]))])


def _words(before: str, after: str) -> Iterator[DiffPart]:
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    for tag, a, b, c, d in _steps(old, new):
        if tag == "equal":
            yield DiffPart("same", "".join(old[a:b]))
            continue
        if a < b:
            yield DiffPart("out", "".join(old[a:b]))
        if c < d:
            yield DiffPart("in", "".join(new[c:d]))


def _steps(old: Sequence[str], new: Sequence[str]) -> list[Step]:
    """difflib's, between what both begin and end with: it takes the square of the length, and more at its worst."""
    most = min(len(old), len(new))
    head = next((i for i in range(most) if old[i] != new[i]), most)
    tail = next((i for i in range(most - head) if old[-1 - i] != new[-1 - i]), most - head)
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(a) * len(b) > MOST:
        middle: list[Step] = [("replace", 0, len(a), 0, len(b))]
    else:
        middle = list(SequenceMatcher(None, a, b, autojunk=False).get_opcodes())
    steps: list[Step] = [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in middle]
    before: list[Step] = [("equal", 0, head, 0, head)] if head else []
    after: list[Step] = [("equal", len(old) - tail, len(old), len(new) - tail, len(new))] if tail else []
    return before + steps + after
