"""Cover letter templates: text with `{company}` and the like, filled in for each posting."""

import re
from collections.abc import Mapping

from holdgate.core.errors import Invalid

PLACEHOLDERS = {
    "company": "the company’s name",
    "title": "the job’s title",
    "location": "where the job is",
    "name": "your name",
    "first_name": "your first name",
    "last_name": "your last name",
    "email": "your email address",
    "phone": "your phone number",
}
DEFAULT = """Dear {company} team,

I would like to apply for the position of {title}. My résumé is attached.

I look forward to hearing from you.

Kind regards,
{name}
{email}
{phone}"""
LONGEST = 20_000
FILLED = rf"^(?![\s\S]*\{{(?:{'|'.join(PLACEHOLDERS)})\}})"
"""A pattern of letters in which no placeholder is left."""
NOT_FILLED = "The letter still holds a placeholder such as {company}. Replace it, or remove it."

_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")


def check(template: str) -> None:
    """Raises:
    Invalid: a placeholder that does not exist, or a stray brace.
    """
    for match in _PLACEHOLDER.finditer(template):
        if match[1] not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            _refuse(f"There is no placeholder {match[0][:60]}. You can use {known}.")
    rest = _PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        _refuse("There is a { or } without its counterpart. A placeholder looks like {company}.")


def fill(template: str, values: Mapping[str, str]) -> str:
    """The letter. A line of nothing but placeholders without a value is left out; in a sentence such a one stays, to
    be filled in before anybody approves the letter."""
    lines = []
    for line in template.splitlines():
        bare = _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), line)
        if bare.strip() or not line.strip():
            lines.append(_PLACEHOLDER.sub(lambda match: values.get(match[1]) or match[0], line).rstrip())
    return "\n".join(lines).strip()


def unfilled(letter: str) -> list[str]:
    """The placeholders that are still in it, as they stand there."""
    return list(dict.fromkeys(match[0] for match in _PLACEHOLDER.finditer(letter) if match[1] in PLACEHOLDERS))


def _refuse(sentence: str) -> None:
    raise Invalid(sentence, {"cover_letter": sentence})
