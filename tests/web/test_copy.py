"""One vocabulary in all that people read: pages, emails, errors, metrics, commands. The glossary is the table below."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP, TEMPLATES = ROOT / "app/holdgate", ROOT / "templates"

# What nobody shall read any more, and what stands in its place.
TERMS = {
    r"\b(failed|more|last|next|another|first|each|every|of|finished) tr(y|ies)\b": "attempt",
    r"\btries\b": "attempts, or retries",
    r"\b[Bb]eats?\b": "run of a schedule, heartbeat",
    r"\bwith people\b|\bWith people\b": "waiting on people",
    r"\b[Pp]assed (this |it )?on\b|\b[Pp]ass(es)? (it|this|them) on\b|\b[Pp]ass on\b": "delegate",
    r"\b[Aa]sk(ed|s)? (the owner )?back\b|\basking back\b": "clarification",
    r"\b[Tt]ak(e|en|ing) (it )?back\b|\b[Tt]ook (it )?back\b": "undo",
    r"\bclocks? (stands?|goes|go)\b|\btime (to decide )?stands still\b|\bstands still\b": "deadline paused, running",
    r"\btime to decide\b(?! for)": "deadline",
    r"\btime is (over|up)\b|\btime was over\b": "expired",
    r"\bcannot be told to\b": "can’t be …ed",
    r"\bdo(es)? not fit\b|\bhas not fitted\b": "invalid",
    r"\b(is|are|be) (not )?told (about|of|what|by mail)\b": "sent, notified",
    r"\b[Pp]laces taken\b": "slots in use",
    r"\bNobody serves\b|\bnobody serves\b": "no worker",
    r"\b[Mm]end\b": "fix",
    r"\bOldest wait\b": "oldest queued",
    r"\bAll of them\b": "View all, Total",
    r"\bWhat (fails|happened|is told|it is told)\b|\bWho did what\b|\bHow it goes\b": "Top errors, Timeline, Activity",
    r"\b[Ff]inished steps\b": "completed steps",
    r"\b[Dd]ealt with\b": "fixed",
    r"\be-mail\b|\bE-mail\b": "email",
    r"\bDo nothing\b|\bDone nothing\b": "Cancel",
    r"\bfor good\b": "permanently",
    r"\bone's\b|\bone’s\b": "your",
    r"\bMail me\b|\bby mail\b|\bcomes by mail\b": "email",
    r"\b(goes|go) on from here\b": "resumes",
    r"\b[Mm]arked? as resolved\b": "mark resolved",
    r", please\.|\bPlease (choose|enter|write|check|say|look)\b": "a plain imperative",
    r"\bThere is no such\b": "No such …",
    r"\bcannot be (stored|reached|read)\b": "can’t be …",
    r"\bShut a person out\b|\bLet a person in\b|\bGive somebody\b": "disable, enable, invite",
    r"\bgood rows?\b|\bleft out\b": "valid, hidden, skipped",
    r"\bmay not go on\b|\bwho were asked\b|\bthose asked\b": "approvers",
    r"\bLook(ing)?…|\bLook at (it|them)\b": "View, Searching…",
}


def _templates() -> Iterator[tuple[str, str]]:
    for path in sorted(TEMPLATES.rglob("*")):
        if path.is_file():
            source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.S)
            # A string within a tag is read by people, too: titles and hints are arguments of macros.
            words = re.sub(
                r"\{[%{].*?[%}]\}", lambda tag: " ".join(re.findall(r'"([^"]*)"', tag[0])), source, flags=re.S
            )
            yield str(path.relative_to(ROOT)), words


def _sentences() -> Iterator[tuple[str, str]]:
    """Strings of the code with a space in them, which are no docstrings: people read most of those."""
    for path in sorted(APP.rglob("*.py")):
        tree = ast.parse(path.read_text())
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in documents:
                continue
            if " " in node.value and "SELECT" not in node.value:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


@pytest.mark.parametrize("where", [_templates, _sentences], ids=["templates", "code"])
def test_the_words_of_the_glossary_stand_in_all_that_people_read(where: object) -> None:
    assert callable(where)
    found = [
        f"{place}: {match[0]!r} → {instead}"
        for place, text in where()
        for term, instead in TERMS.items()
        for match in re.finditer(term, text)
    ]
    assert not found, "\n".join(sorted(set(found)))
