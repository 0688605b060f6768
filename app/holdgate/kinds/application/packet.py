"""An application on its way: what is shown for approval is what is sent."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.accounts.profile.cover_letter import FILLED, LONGEST, NOT_FILLED, unfilled
from holdgate.approvals.blocks import AnyBlock, FieldsBlock, FileBlock, TextBlock
from holdgate.approvals.forms import FormField
from holdgate.postings.channels import Channel, mailbox_of, subject_of
from holdgate.tasks.payloads.artifact import StoredArtifact

LONG = 200  # characters: what is longer is a text of its own


class Resume(msgspec.Struct, frozen=True):
    """Which file is attached. Its bytes stay in the profile; the hash tells whether they are still the same."""

    name: str
    media_type: str
    size: int
    sha256: str


class SiteReply(msgspec.Struct, frozen=True):
    """The answer to one question of the posting's form; of one that takes several, `options` are they."""

    name: str
    label: str
    value: str
    options: list[str] = []


class Packet(msgspec.Struct, frozen=True, kw_only=True, tag="packet"):
    """A complete application. `applied_at` is when somebody had applied before, as far as known then."""

    round: int
    title: str
    company: str
    location: str
    url: str
    apply_url: str
    name: str
    email: str
    phone: str
    resume: Resume
    replies: list[SiteReply]
    cover_letter: str
    applied_at: datetime | None
    likely_applied: str = ""  # the address of what was applied to and is likely the same job
    posting_id: UUID | None = None  # None: composed by a release that did not note it
    links: list[str] = []
    job: str = ""  # what the posting says, as text
    resume_file: StoredArtifact | None = None  # the résumé, kept with the task to be shown
    channel: Channel = Channel.DIRECT
    by_hand_because: str = ""

    @property
    def subject(self) -> str:
        """Of an application by email: what the employer asked for, or the position."""
        return subject_of(self.apply_url) or f"Application for {self.title}"

    def shown(self) -> list[AnyBlock]:
        """The job, and everything that will be sent but the cover letter, which is the form, in reading order."""
        facts = self._facts()
        short = {label: text for label, text in facts.items() if "\n" not in text and len(text) <= LONG}
        blocks: list[AnyBlock] = [FieldsBlock(short)]
        blocks += [TextBlock(text, label) for label, text in facts.items() if label not in short]
        blocks += [TextBlock(self.job, "The job")] if self.job else []
        return [*blocks, FileBlock(self.resume_file, "Résumé")] if self.resume_file else blocks

    def _facts(self) -> dict[str, str]:
        day = f"{self.applied_at.day} {self.applied_at:%B %Y}" if self.applied_at else ""
        warning = f"You have applied for this posting before, on {day}." if day else ""
        if self.likely_applied:
            warning = f"{warning} You have applied for what is probably the same job: {self.likely_applied}".strip()
        if left := unfilled(self.cover_letter):
            warning = f"{warning} The letter still holds {', '.join(left)}: fill that in to approve.".strip()
        facts = {
            "Please note": warning,
            "Position": self.title,
            "Company": self.company,
            "Location": self.location,
            "Posting": self.url,
            **self._way(),
            "Name": self.name,
            "Email": self.email,
            "Phone": self.phone,
            "Links": ", ".join(self.links),
        }
        if self.resume_file is None:
            facts["Résumé"] = f"{self.resume.name} ({self.resume.size:,} bytes)"
            facts["SHA-256 of the résumé"] = self.resume.sha256
        for reply in self.replies:
            label = reply.label if reply.label not in facts else f"{reply.label} ({reply.name})"
            facts[label] = reply.value
        return {label: value for label, value in facts.items() if value}

    def _way(self) -> dict[str, str]:
        match self.channel:
            case Channel.EMAIL:
                return {"Sent by email to": mailbox_of(self.apply_url), "Subject": self.subject}
            case Channel.BY_HAND:
                return {"Sent by hand": f"You send it yourself. {self.by_hand_because}", "Page": self.apply_url}
            case Channel.DIRECT:
                return {"Sent to": self.apply_url}

    def texts(self, letter: str) -> dict[str, str]:
        """What goes into a form or a mail beside the résumé, in a form's usual order."""
        facts = {"Name": self.name, "Email": self.email, "Phone": self.phone, "Cover letter": letter}
        facts["Links"] = ", ".join(self.links)
        for reply in self.replies:
            label = reply.label if reply.label not in facts else f"{reply.label} ({reply.name})"
            facts[label] = reply.value
        return {label: value for label, value in facts.items() if value}


class Missing(msgspec.Struct, frozen=True, kw_only=True, tag="missing"):
    """What only a person can add: `fields` by a form, `todo` elsewhere."""

    round: int
    title: str
    company: str
    fields: list[FormField]
    todo: str = ""
    posting_id: UUID | None = None

    def shown(self) -> dict[str, str]:
        facts = {"Position": self.title, "Company": self.company, "What to do": self.todo}
        return {label: value for label, value in facts.items() if value}


class CoverLetterForm(msgspec.Struct, frozen=True):
    cover_letter: Annotated[
        str,
        msgspec.Meta(
            title="Cover letter",
            description="Sent exactly as shown.",
            min_length=1,
            max_length=LONGEST,
            pattern=FILLED,
            extra_json_schema={"format": "textarea", "errorMessage": NOT_FILLED},
        ),
    ]


class SiteReceipt(msgspec.Struct, frozen=True, kw_only=True, tag="receipt"):
    """It has been sent. `receipt` is the employer's word for it (the Message-ID of an email), empty when there is none;
    `channel` is how; by hand a person has said so."""

    receipt: str
    status: int
    url: str
    sent_at: datetime
    cover_letter_sha256: str
    channel: Channel = Channel.DIRECT

    @classmethod
    def by_hand(cls, receipt: str, url: str, at: datetime, letter: str, *, status: int = 0) -> "SiteReceipt":
        """A person says that the employer has it."""
        return cls(
            receipt=receipt,
            status=status,
            url=url,
            sent_at=at,
            cover_letter_sha256=sha256(letter.encode()).hexdigest(),
            channel=Channel.BY_HAND,
        )


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """Nothing was received. `outdated`: because the packet is; a new one can be composed at once. `no_form`: what was
    asked takes no applications, so that only a person can find the way."""

    round: int
    reason: str
    outdated: bool = False
    no_form: bool = False


class NotTaken(msgspec.Struct, frozen=True, kw_only=True, tag="not_taken"):
    """Nothing was received in this attempt, and another one is worth it, after `wait` seconds if the site says so."""

    attempt: int
    reason: str
    wait: float | None = None


class Unclear(msgspec.Struct, frozen=True, kw_only=True, tag="unclear"):
    """At that moment nobody knew whether the site had the application: a person has to look. `said`: what happened, if
    it was not merely an answer without a receipt; then `status` may be 0 for none."""

    round: int
    status: int
    host: str
    at: datetime
    said: str = ""


class SignInWanted(msgspec.Struct, frozen=True, kw_only=True, tag="sign_in"):
    """Nothing was received: the site wants to know who is asking. `said` are its words, if any."""

    url: str
    host: str
    said: str = ""


def numbered(name: str, n: int) -> str:
    """`send`, `send-2`, `send-3`"""
    return name if n == 1 else f"{name}-{n}"
