"""How an application for a posting is sent, known before a run starts, so that nobody approves what cannot be sent."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from holdgate.core.text.addresses import checked_address


class Channel(StrEnum):
    DIRECT = "direct"  # to an address that takes applications as docs/applications.md says
    EMAIL = "email"
    BY_HAND = "by_hand"  # a person sends it on the employer's page; everything is prepared


LABELS = {
    Channel.DIRECT: "To the employer’s site",
    Channel.EMAIL: "By email",
    Channel.BY_HAND: "By hand",
}


class Way(NamedTuple):
    """`reason`: a sentence for the applicant."""

    channel: Channel
    reason: str


class FormQuestion(Protocol):
    """A question of the posting's form."""

    @property
    def label(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def required(self) -> bool: ...


# Their forms take applications from their own pages only. A host ends with the key.
_BOARDS = {
    "linkedin.com": "LinkedIn",
    "indeed.com": "Indeed",
    "greenhouse.io": "Greenhouse",
    "lever.co": "Lever",
    "ashbyhq.com": "Ashby",
    "smartrecruiters.com": "SmartRecruiters",
    "workable.com": "Workable",
    "recruitee.com": "Recruitee",
    "personio.de": "Personio",
    "personio.com": "Personio",
    "glassdoor.com": "Glassdoor",
    "stepstone.de": "StepStone",
    "xing.com": "Xing",
    "myworkdayjobs.com": "Workday",
}


def way_of(url: str, apply_url: str, questions: Iterable[FormQuestion]) -> Way:
    """How an application for this posting is sent, and why so."""
    for question in questions:
        if question.type == "file" and question.required:
            return Way(Channel.BY_HAND, f"The form asks for another file ({question.label}).")
        if question.type == "other":
            return Way(Channel.BY_HAND, f"The form asks what can’t be answered from here ({question.label}).")
    if is_email(apply_url):
        return Way(Channel.EMAIL, f"Sent as an email to {mailbox_of(apply_url)}.")
    host = (urlsplit(apply_url).hostname or "").lower()
    for end, name in _BOARDS.items():
        if host == end or host.endswith(f".{end}"):
            return Way(Channel.BY_HAND, f"{name} takes applications on its own page only.")
    if apply_url == url:
        return Way(Channel.BY_HAND, "The posting names a page to read, but no address that takes applications.")
    return Way(Channel.DIRECT, f"Sent to {host}.")


def is_email(apply_url: str) -> bool:
    return apply_url[:7].lower() == "mailto:"


def mailbox_of(apply_url: str) -> str:
    """The address that a `mailto:` names; of several the first. Raises BadAddress."""
    return checked_address(unquote(apply_url[7:].partition("?")[0]).split(",")[0])


def subject_of(apply_url: str) -> str:
    """The subject that a `mailto:` asks for, as one line, or ""."""
    asked = {name.lower(): values[0] for name, values in parse_qs(apply_url.partition("?")[2]).items()}
    return " ".join(asked.get("subject", "").split())[:200]
