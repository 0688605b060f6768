"""What an application must contain, and one sentence for each field that is wrong."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field

import msgspec

from sandbox.careers import resume
from sandbox.careers.form import SentForm
from sandbox.careers.jobs import Job, Question

MAX_COVER_LETTER = 20_000

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,255}")
_PHONE = re.compile(r"[0-9+()./ -]{3,40}")
_BREAKS = frozenset({"Cc", "Zl", "Zp"})  # controls and line ends, but not the joiners that some names need
_ANSWER = re.compile(r"answers\[([^\[\]]{1,80})\]")


class FieldError(msgspec.Struct, frozen=True):
    field: str
    message: str


class Application(msgspec.Struct, frozen=True):
    """A valid application. Its cover letter is kept exactly as sent, so that the hash can be compared."""

    name: str
    email: str
    phone: str
    cover_letter: str
    answers: dict[str, str]
    resume_name: str
    resume_size: int
    resume_sha256: str


@dataclass
class _Check:
    form: SentForm
    errors: list[FieldError] = field(default_factory=list)

    def refuse(self, name: str, message: str) -> None:
        if all(error.field != name for error in self.errors):
            self.errors.append(FieldError(name, message))

    def one(self, name: str) -> str:
        """The field's only value as sent, "" if it is missing."""
        if name in self.form.files and name not in self.form.fields:
            self.refuse(name, "Send text here, not a file.")
        if len(self.form.fields.get(name, ())) > 1:
            self.refuse(name, "Send this field once.")
        return self.form.text(name)

    def line(self, name: str, limit: int) -> str:
        value = self.one(name).strip()
        if len(value) > limit:
            self.refuse(name, f"Use at most {limit} characters.")
        if any(unicodedata.category(character) in _BREAKS for character in value):
            self.refuse(name, "Use a single line without control characters.")
        return value


def check_application(form: SentForm, job: Job) -> Application | list[FieldError]:
    check = _Check(form)
    name = check.line("name", 200)
    if not name:
        check.refuse("name", "Tell us your name.")
    email = _email(check)
    phone = check.line("phone", 40)
    if phone and not _PHONE.fullmatch(phone):
        check.refuse("phone", "Use digits, spaces and + ( ) . / - only.")
    cover_letter = _cover_letter(check)
    resume_name, data = _resume(check)
    answers = _answers(check, job.questions)
    if check.errors:
        return check.errors
    digest = hashlib.sha256(data).hexdigest()
    return Application(name, email, phone, cover_letter, answers, resume_name, len(data), digest)


def check_sign_in(form: SentForm) -> str | list[FieldError]:
    """The e-mail address of a person who signs in; any password will do."""
    check = _Check(form)
    email = _email(check)
    return check.errors or email


def _email(check: _Check) -> str:
    email = check.line("email", 254)
    if not email:
        check.refuse("email", "Tell us your e-mail address.")
    elif not _EMAIL.fullmatch(email):
        check.refuse("email", "This is not an e-mail address.")
    return email


def _cover_letter(check: _Check) -> str:
    letter = check.one("cover_letter")
    if not letter.strip():
        check.refuse("cover_letter", "Write a cover letter.")
    if len(letter) > MAX_COVER_LETTER:
        check.refuse("cover_letter", f"Use at most {MAX_COVER_LETTER} characters.")
    return letter


def _resume(check: _Check) -> tuple[str, bytes]:
    files = check.form.files.get("resume", [])
    if len(files) != 1 or "resume" in check.form.fields:
        check.refuse("resume", "Attach one résumé." if not files else "Send this field once.")
        return "", b""
    name, data = re.split(r"[/\\]", files[0].name)[-1][:200], files[0].data
    if len(data) > resume.MAX_BYTES:
        check.refuse("resume", "The file is larger than 5 MB.")
    elif not data:
        check.refuse("resume", "The file is empty.")
    elif resume.document_type(data) is None:
        check.refuse("resume", "Attach a PDF, Word (docx), OpenDocument (odt) or plain-text (UTF-8) file.")
    return name, data


def _answers(check: _Check, questions: tuple[Question, ...]) -> dict[str, str]:
    """Every answer given, asked for or not: what reached us is what the list of applications shows."""
    for question in questions:
        answer = check.line(question.field, 1000)
        if question.required and not answer:
            check.refuse(question.field, f"Answer “{question.label}”")
        elif answer and question.options and answer not in question.options:
            check.refuse(question.field, f"Answer with one of: {', '.join(question.options)}.")
    given = filter(None, map(_ANSWER.fullmatch, check.form.fields))
    answers = {match[1]: check.line(match[0], 1000) for match in given}
    return {name: answer for name, answer in answers.items() if answer}
