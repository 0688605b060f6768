"""The questions of a posting's form: which the profile answers, and the form fields for those that it does not."""

from collections.abc import Mapping
from typing import Any

from holdgate.approvals.forms import FormField
from holdgate.kinds.application.packet import SiteReply
from holdgate.postings.formats import PostingQuestion

YES = ("yes", "true", "on", "1")
NO = ("no", "false", "off", "0")


def reply_to(question: PostingQuestion, standing: Mapping[str, str], given: Mapping[str, Any]) -> SiteReply | None:
    """The answer that fits the question, or None.

    Args:
        standing: the profile's answers by the question's label or name, in whatever case. They come first: they
            may have been corrected since somebody gave another one.
        given: answers to this very application's questions, by name.
    """
    known = {_key(label): value for label, value in standing.items()}
    for value in (known.get(_key(question.label)), known.get(_key(question.name)), given.get(question.name)):
        if value is not None and (fitting := _fitted(question, str(value))):
            return SiteReply(question.name, question.label, fitting)
    return None


def field_for(question: PostingQuestion, value: Any) -> FormField:
    """A field that asks the question. A yes/no question is a choice: a box left unticked would pass for a “no”."""
    if question.type in ("select", "boolean"):
        options = ("yes", "no") if question.type == "boolean" else tuple(question.options)
        return FormField(question.name, question.label, "select", True, options, _fitted(question, str(value)))
    if question.type == "textarea":
        return FormField(question.name, question.label, "textarea", True, (), value)
    return FormField(question.name, question.label, "text", True, (), value)


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _fitted(question: PostingQuestion, value: str) -> str:
    """The value as the form takes it; empty when it does not fit."""
    value = value.strip()
    if question.type == "boolean":
        return "yes" if value.lower() in YES else "no" if value.lower() in NO else ""
    if question.type == "select":
        return next((option for option in question.options if _key(option) == _key(value)), "")
    return value if question.type == "textarea" else " ".join(value.split())
