"""The copy of an application: what was prepared, and once it is sent exactly what was sent."""

from datetime import datetime

import msgspec


class CopyReply(msgspec.Struct, frozen=True):
    label: str
    value: str


class ApplicationCopy(msgspec.Struct, frozen=True, kw_only=True):
    """`apply_url` is where it goes; `subject` only of an email. The résumé's bytes are kept apart, by their SHA-256."""

    apply_url: str
    name: str = ""
    email: str = ""
    phone: str = ""
    subject: str = ""
    cover_letter: str = ""
    replies: list[CopyReply] = []
    resume_name: str = ""
    resume_type: str = ""
    resume_bytes: int = 0
    resume_sha256: str = ""

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What goes into a form, in a form's usual order: its questions as the posting has them."""
        usual = [
            ("Name", self.name),
            ("Email", self.email),
            ("Phone", self.phone),
            ("Subject", self.subject),
            ("Cover letter", self.cover_letter),
        ]
        return [(label, text) for label, text in usual if text] + [(one.label, one.value) for one in self.replies]


class PastStatus(msgspec.Struct, frozen=True):
    """A status that it had, and since when."""

    status: str
    at: datetime
