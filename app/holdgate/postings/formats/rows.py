"""What a parsed file consists of, and the checks that every format's rows pass through."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.text.addresses import BadAddress
from holdgate.postings.canonical_url import canonical_url
from holdgate.postings.channels import Channel, is_email, mailbox_of, way_of
from holdgate.postings.formats.description import sanitised
from holdgate.postings.formats.likeness import company_key, title_key

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 10_000
MAX_LINE = 300
MAX_SHOWN = 80

# Control characters (PostgreSQL text holds no NUL), and the marks that turn the direction of text: with
# them a title can read otherwise than it is stored.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_MAILBOX = re.compile(r"[^\s@/:?]+@[^\s@/:?]+\.[^\s@/:?]+")
_BARE_HOST = re.compile(r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}(?::\d+)?(?:[/?#]|$)")

UNKNOWN = "unknown"
ONE_COMPANY = frozenset({"greenhouse", "lever", "ashby", "workable", "recruitee", "personio"})
"""Formats whose files are a company's, which its board may name by a short name."""


class UnreadableFile(Invalid):
    """The file as a whole cannot be imported; the sentence says why and what to do."""

    title = "This file can’t be imported"


QuestionType = Literal["text", "textarea", "select", "several", "boolean", "file", "other"]
"""`several`: any number of the options. `other`: required, and of a kind that cannot be asked here."""


class PostingQuestion(msgspec.Struct, frozen=True):
    """A question of the application form beyond name, e-mail, phone, CV and cover letter."""

    name: str
    label: str
    required: bool
    type: QuestionType
    options: list[str]


class RowError(msgspec.Struct, frozen=True):
    """Why one row is left out. `column` is empty when no single column is to blame."""

    row: int
    column: str
    message: str
    value: str


class RowWarning(msgspec.Struct, frozen=True):
    """What to look at in a row that is imported all the same. `row` is 0 for the whole file."""

    row: int
    column: str
    message: str


class PartialAnswer(RowWarning, frozen=True):
    """The board has more postings than it tells at once."""


class PostingRow(msgspec.Struct, frozen=True):
    """One posting. `row` is the spreadsheet row (the header is 1) or the 1-based place in the list;
    `description` is sanitised HTML; absent texts are empty.

    `applied_on`: it was applied to elsewhere on this day, or `UNKNOWN`; "" if not. `valid_through` is the last day on
    which it takes applications. Both are ISO dates. `channel`: how an application is sent, with the reason.
    `tracker_status`: what a tracker says of the application, one of columns.STATUSES, or "". `company_key` and
    `title_key`: likeness.py.
    """

    row: int
    title: str
    company: str
    location: str
    url: str
    canonical_url: str
    apply_url: str
    description: str
    external_id: str
    questions: list[PostingQuestion]
    extra: dict[str, str]
    applied_on: str = ""
    valid_through: str = ""
    channel: Channel = Channel.DIRECT
    channel_reason: str = ""
    tracker_status: str = ""
    company_key: str = ""
    title_key: str = ""


class Parsed(msgspec.Struct, frozen=True):
    """The postings of one file, the rows that were left out, and what to look at, in the order of the file.
    `partial`: there are more, which are not told. `encoding` is what a text was read in; `columns` is the header of a
    table, HeaderColumns as plain data."""

    format: str
    rows: list[PostingRow]
    errors: list[RowError]
    warnings: list[RowWarning] = []
    partial: bool = False
    encoding: str = ""
    columns: list[dict[str, Any]] = []


class Draft(msgspec.Struct, frozen=True):
    """A row as its format gives it, not yet checked. `description` is HTML or plain text."""

    row: int
    title: str
    company: str
    url: str
    location: str = ""
    apply_url: str = ""
    description: str = ""
    external_id: str = ""
    questions: list[PostingQuestion] = []
    extra: dict[str, str] = {}
    errors: list[RowError] = []
    warnings: list[RowWarning] = []
    applied_on: str = ""
    tracker_status: str = ""
    valid_through: str = ""


def checked(format: str, drafts: Iterable[Draft | RowError | RowWarning], company: str = "") -> Parsed:
    """Check every draft; of two with the same canonical address the first good one stays, and the other is told.

    Args:
        company: of rows that name none, or only their site.
    """
    rows: list[PostingRow] = []
    errors: list[RowError] = []
    warnings: list[RowWarning] = []
    first: dict[str, int] = {}
    alike: dict[tuple[str, str], PostingRow] = {}
    count = 0
    for draft in drafts:
        if isinstance(draft, RowWarning):
            warnings.append(draft)
            continue
        count += 1
        if count > MAX_ROWS:
            raise UnreadableFile(f"The file holds more than {MAX_ROWS:,} postings. Split it into smaller files.")
        if isinstance(draft, Draft) and company:
            draft = _of_company(draft, company, format)
        outcome = _row(draft) if isinstance(draft, Draft) else [draft]
        if isinstance(outcome, list):
            errors += outcome
            continue
        if isinstance(draft, Draft):
            warnings += draft.warnings
        if earlier := first.get(outcome.canonical_url):
            warnings.append(RowWarning(outcome.row, "url", f"The same posting as row {earlier}. It is imported once."))
            continue
        first[outcome.canonical_url] = outcome.row
        like = alike.setdefault((outcome.company_key, outcome.title_key), outcome)
        if host_of(like.canonical_url) != host_of(outcome.canonical_url):
            message = f"Probably the same job as row {like.row}: the same employer and title on another site."
            warnings.append(RowWarning(outcome.row, "", message))
        rows.append(outcome)
    return Parsed(format, rows, errors, warnings, any(isinstance(each, PartialAnswer) for each in warnings))


def _of_company(draft: Draft, company: str, format: str) -> Draft:
    guessed = any(warning.column == "company" for warning in draft.warnings)
    if draft.company.strip() and not guessed and format not in ONE_COMPANY:
        return draft
    warnings = [warning for warning in draft.warnings if warning.column != "company"]
    return msgspec.structs.replace(draft, company=company, warnings=warnings)


def row_error(row: int, column: str, message: str, value: str = "") -> RowError:
    """Make a RowError; the value is cut to what a page shows."""
    return RowError(row, column, message, one_line(value[: 2 * MAX_SHOWN])[:MAX_SHOWN])


def one_line(text: str) -> str:
    """Return the text without invisible characters, every run of white space as one space."""
    return " ".join(_UNSEEN.sub("", text).split())


def text_of(value: object) -> str:
    """Return a JSON string or number as text, anything else as the empty text."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def object_of(value: object) -> Mapping[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[object]:
    """Return a JSON list, nothing as the empty list, anything else as a list of one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def host_of(url: str) -> str:
    """The host of an address, "" when there is none to be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def labelled(**values: object) -> dict[str, str]:
    """Return the values that have a text, for `extra`."""
    return {name: text for name, value in values.items() if (text := one_line(text_of(value)))}


def _row(draft: Draft) -> PostingRow | list[RowError]:
    title, company, location = one_line(draft.title), one_line(draft.company), one_line(draft.location)
    url = with_scheme(draft.url.strip())
    apply_url = _apply_address(draft.apply_url.strip()) or url
    errors = [*draft.errors, *_lines(draft.row, title=title, company=company, location=location)]
    canonical = ""
    if not url:
        errors.append(row_error(draft.row, "url", "This row has no url."))
    else:
        try:
            canonical = canonical_url(url)
        except ValueError as error:
            errors.append(row_error(draft.row, "url", str(error), url))
    if apply_url != url:
        try:
            mailbox_of(apply_url) if is_email(apply_url) else canonical_url(apply_url)
        except (BadAddress, ValueError) as error:
            errors.append(row_error(draft.row, "apply_url", str(error), apply_url))
    try:
        description = sanitised(_UNSEEN.sub("", draft.description))
    except ValueError as error:
        errors.append(row_error(draft.row, "description", str(error), draft.description))
    if errors:
        return errors
    channel, reason = way_of(url, apply_url, draft.questions)
    return PostingRow(
        draft.row, title, company, location, url, canonical, apply_url, description,
        one_line(draft.external_id), draft.questions, draft.extra, draft.applied_on, draft.valid_through,
        channel, reason, draft.tracker_status, company_key(company), title_key(title),
    )  # fmt: skip


def _apply_address(given: str) -> str:
    """A page or a `mailto:`; an email address as people type it becomes one."""
    return f"mailto:{given}" if _MAILBOX.fullmatch(given) else with_scheme(given)


def with_scheme(url: str) -> str:
    """An address as people type it (`www.harrow.example/jobs`), with https:// in front; others as they are."""
    return f"https://{url}" if _BARE_HOST.match(url) else url


def _lines(row: int, **texts: str) -> Iterator[RowError]:
    for column, text in texts.items():
        if not text and column != "location":
            yield row_error(row, column, f"This row has no {column}.")
        if len(text) > MAX_LINE:
            yield row_error(row, column, f"The {column} is longer than {MAX_LINE} characters.", text)
