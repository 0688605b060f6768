"""The questions of an application form, as Greenhouse writes them or in our own shape.

Greenhouse:  {"label": "…", "required": true, "fields": [{"name": "question_1", "type": "input_text"}]}
Our own:     {"name": "question_1", "label": "…", "required": true, "type": "text", "options": []}
"""

from collections.abc import Mapping

import msgspec

from holdgate.postings.formats.rows import (
    PostingQuestion,
    QuestionType,
    RowWarning,
    list_of,
    object_of,
    one_line,
    text_of,
)

MAX_QUESTIONS = 100
MAX_OPTIONS = 500
MAX_LABEL = 2_000
MAX_NAME = 200

STANDARD = frozenset(
    {
        "first_name",
        "last_name",
        "email",
        "phone",
        "resume",
        "resume_text",
        "cover_letter",
        "cover_letter_text",
    }
)

# A yes/no select of Greenhouse stays a select: it must be answerable with "No", which a required box is not.
_TYPES: dict[str, QuestionType] = {
    "boolean": "boolean",
    "file": "file",
    "input_file": "file",
    "input_text": "text",
    "multi_value_multi_select": "several",
    "multi_value_single_select": "select",
    "select": "select",
    "several": "several",
    "text": "text",
    "textarea": "textarea",
}


class NotToBeAsked(ValueError):
    """A question of a kind that is not known here, or that has nothing to choose from."""

    def __init__(self, sentence: str, name: str, label: str) -> None:
        super().__init__(sentence)
        self.name, self.label = name, label


def questions_of(value: object, row: int) -> tuple[list[PostingQuestion], list[RowWarning]]:
    """Return the questions of a decoded JSON list, without the standard and the hidden ones, and what to tell of them.

    One that cannot be asked is left out with a warning if it is optional; a required one stays as what makes a person
    apply by hand.

    Raises:
        ValueError: this is no list of questions; with a sentence.
    """
    if value is not None and not isinstance(value, list):
        raise ValueError("The questions must be a JSON list.")
    found: list[PostingQuestion] = []
    warnings: list[RowWarning] = []
    for item in list_of(value):
        try:
            question = _question(item)
        except NotToBeAsked as error:
            if _required(object_of(item)):
                found.append(PostingQuestion(error.name, error.label, True, "other", []))
                warnings.append(RowWarning(row, "questions", f"{error} It is required, so you apply by hand."))
            else:
                warnings.append(RowWarning(row, "questions", f"{error} It is optional and was skipped."))
            continue
        except ValueError as error:
            if not object_of(item) or _required(object_of(item)):
                raise
            warnings.append(RowWarning(row, "questions", f"{error} It is optional and was skipped."))
            continue
        if question is not None:
            found.append(question)
    if len(found) > MAX_QUESTIONS:
        raise ValueError(f"There are more than {MAX_QUESTIONS} questions.")
    names = [question.name for question in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Two questions have the name {name}.")
    return found, warnings


def questions_in(text: str, row: int) -> tuple[list[PostingQuestion], list[RowWarning]]:
    """Return the questions of a CSV cell: nothing, or a JSON list. Raises ValueError like `questions_of`."""
    if not text.strip():
        return [], []
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("The questions are not readable as JSON.") from None
    return questions_of(value, row)


def _question(item: object) -> PostingQuestion | None:
    outer = object_of(item)
    if not outer:
        raise ValueError("Every question must be a JSON object.")
    # Several fields under one label are several ways to answer it (a file or its text): one suffices.
    fields = [object_of(field) for field in list_of(outer["fields"])] if "fields" in outer else [outer]
    shown = [field for field in fields if field.get("type") != "input_hidden"]
    if not shown or any(text_of(field.get("name")) in STANDARD for field in shown):
        return None
    # A text is asked rather than a file: a person who decides by mail can type one.
    field = next(
        (field for field in shown if _TYPES.get(text_of(field.get("type")) or "text") not in (None, "file")), shown[0]
    )
    name = one_line(text_of(field.get("name")))
    label = one_line(text_of(outer.get("label"))) or name
    if not name or len(name) > MAX_NAME or len(label) > MAX_LABEL:
        raise ValueError(f"A question has no name, or one longer than {MAX_NAME} characters, or a very long label.")
    type = _TYPES.get(text_of(field.get("type")) or "text")
    if type is None:
        raise NotToBeAsked(f"The question {name} has a type that is not known here.", name, label)
    options = _options(field) if type in ("select", "several") else []
    if type in ("select", "several") and not 0 < len(options) <= MAX_OPTIONS:
        raise NotToBeAsked(f"The question {name} needs from 1 to {MAX_OPTIONS} options.", name, label)
    return PostingQuestion(name, label, _required(outer), type, options)


def _options(field: Mapping[str, object]) -> list[str]:
    """Return the labels to choose from: texts, or objects as Greenhouse has them."""
    choices = list_of(field.get("options") or field.get("values"))
    labels = (text_of(choice.get("label")) if isinstance(choice, dict) else text_of(choice) for choice in choices)
    return list(dict.fromkeys(label for text in labels if (label := one_line(text)[:MAX_LABEL])))


def unasked(job: Mapping[str, object]) -> list[str]:
    """What Greenhouse's form requires beside its questions, as words: places, demographic questions, consent."""
    found = []
    if any(_required(object_of(item)) for item in list_of(job.get("location_questions"))):
        found.append("the place")
    demographic = object_of(job.get("demographic_questions"))
    if any(_required(object_of(item)) for item in list_of(demographic.get("questions"))):
        found.append("demographic questions")
    compliance = [object_of(item) for item in list_of(job.get("compliance")) + list_of(job.get("data_compliance"))]
    asked = (question for item in compliance for question in list_of(item.get("questions")))
    if any(_required(object_of(question)) for question in asked):
        found.append("questions the law requires")
    if any(item.get("requires_consent") or item.get("requires_processing_consent") for item in compliance):
        found.append("consent to the use of your data")
    return found


def _required(item: Mapping[str, object]) -> bool:
    value = item.get("required")
    return value.strip().lower() in ("true", "yes", "1") if isinstance(value, str) else bool(value)
