"""The questions of a posting's form: which the profile answers, and the form fields for those that it does not."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from holdgate.accounts.profile.questions import answer_among, legal_weight
from holdgate.approvals.forms import FormField
from holdgate.kinds.application.packet import SiteReply
from holdgate.postings.formats import PostingQuestion

KEEP = "use_next_time"  # the field by which a person keeps answers
YES = ("yes", "true", "on", "1")
NO = ("no", "false", "off", "0")


def reply_to(question: PostingQuestion, standing: Mapping[str, str], given: Mapping[str, Any]) -> SiteReply | None:
    """The answer that fits the question, or None.

    Args:
        standing: the profile's answers by their questions. They come first: they may have been corrected since somebody
            gave another one. For what has legal weight they are only proposed.
        given: answers to this very application's questions, by name.
    """
    kept = None if _has_weight(question) else answer_among(standing, question.label, question.name)
    for value in (kept, given.get(question.name)):
        if value is not None and (fitting := _chosen(question, value)):
            return SiteReply(question.name, question.label, ", ".join(fitting), fitting)
        if value is not None and (fits := _fitted(question, str(value))):
            return SiteReply(question.name, question.label, fits)
    return None


def is_to_ask(
    question: PostingQuestion, reply: SiteReply | None, standing: Mapping[str, str], given: Mapping[str, Any]
) -> bool:
    """Whether only the person can answer: what is required and has no answer, and what has legal weight and an answer
    that can be proposed."""
    if reply is not None or question.type in ("file", "other"):
        return False
    return question.required or (bool(_proposal(question, standing)) and question.name not in given)


def field_for(question: PostingQuestion, value: Any, standing: Mapping[str, str]) -> FormField:
    """A field that asks the question. A yes/no question is a choice: a box left unticked would pass for a “no”."""
    hint = ""
    if proposal := _proposal(question, standing):
        hint = (
            f"You have answered “{proposal}” before. It has legal weight ({_has_weight(question)}), so answer it anew."
        )
    name, label, must = question.name, question.label, question.required
    if question.type in ("select", "boolean"):
        options = ("yes", "no") if question.type == "boolean" else tuple(question.options)
        return FormField(name, label, "select", must, options, _fitted(question, str(value)), hint)
    if question.type == "several":
        options, chosen = tuple(question.options), _chosen(question, value)
        limits = {"minItems": 1} if must else {}
        return FormField(name, label, "checkboxes", must, options, chosen, hint, limits=limits)
    if question.type == "textarea":
        return FormField(name, label, "textarea", must, (), value, hint)
    return FormField(name, label, "text", must, (), value, hint)


def keeping(questions: Iterable[PostingQuestion]) -> FormField:
    """The field by which a person says which of their answers to use again."""
    labels = tuple(dict.fromkeys(question.label for question in questions))
    hint = "You find them under Settings. What has legal weight is only proposed."
    return FormField(KEEP, "Use it next time", "checkboxes", options=labels, value=[], hint=hint)


def learnt(fields: Iterable[FormField], form: Mapping[str, Any]) -> dict[str, str]:
    """The answers that the person wants to keep, by their questions."""
    wanted = set(form.get(KEEP) or ())
    return {field.label: _said(form[field.name]) for field in fields if field.label in wanted and form.get(field.name)}


def _said(answer: Any) -> str:
    return ", ".join(map(str, answer)) if isinstance(answer, list) else str(answer)


def _chosen(question: PostingQuestion, value: Any) -> list[str]:
    """Of a question that takes several answers the options that a list, or a text with commas (`Python, SQL`), names.
    None, if one of them is no option."""
    if question.type != "several":
        return []
    known = {_key(option): option for option in question.options}
    parts = [str(each) for each in value] if isinstance(value, list) else [str(value)]
    if len(parts) == 1 and _key(parts[0]) not in known:
        parts = [part for part in re.split(r"[,;\n]", parts[0]) if part.strip()]
    found = [known.get(_key(part), "") for part in parts]
    return list(dict.fromkeys(found)) if all(found) else []


def _has_weight(question: PostingQuestion) -> str:
    return legal_weight(question.label) or legal_weight(question.name)


def _proposal(question: PostingQuestion, standing: Mapping[str, str]) -> str:
    if not _has_weight(question):
        return ""
    return _fitted(question, answer_among(standing, question.label, question.name) or "")


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _fitted(question: PostingQuestion, value: str) -> str:
    """The value as the form takes it; empty when it does not fit."""
    value = value.strip()
    if question.type == "several":
        return ", ".join(_chosen(question, value))
    if question.type == "boolean":
        return "yes" if value.lower() in YES else "no" if value.lower() in NO else ""
    if question.type == "select":
        return next((option for option in question.options if _key(option) == _key(value)), "")
    return value if question.type == "textarea" else " ".join(value.split())
