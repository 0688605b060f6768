"""Postings as CSV, with the header `title,company,location,url,apply_url,description` in any order, or as trackers
and boards name these columns (columns.py).

Read as spreadsheets write it: comma, semicolon or tab, also named by a first line `sep=;`; headings above the header;
empty cells left out at the end of a row; quoted values may hold line ends. Strictly: a quote in the wrong place is
reported and never guessed at, since it moves values into other columns.
"""

import csv
import io
import re
from collections.abc import Iterator

import msgspec

from holdgate.postings.formats import columns
from holdgate.postings.formats.columns import REQUIRED
from holdgate.postings.formats.questions import questions_in
from holdgate.postings.formats.rows import (
    MAX_BYTES,
    Draft,
    PostingQuestion,
    RowError,
    RowWarning,
    UnreadableFile,
    labelled,
    one_line,
    row_error,
)

MAX_COLUMNS = 100
MAX_NAME = 100
HEADINGS = 10
"""Rows above the header that are passed over: a title, empty lines."""

_SEPARATOR = re.compile(r"\ufeff?[\"']?sep=(.)[\"']?[ \t]*(?:\r\n|\r|\n)", re.IGNORECASE)
_MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\((https?://[^()\s]+)\)")
_NOTION_PAGE = re.compile(r"\(https://(?:www\.)?notion\.so/[^()\s]*\)$")

# Process-wide, and only ever loosened: the file's size is the limit, and a description that is too long
# must be an error of its row instead of one of the file.
csv.field_size_limit(MAX_BYTES)


class HeaderColumn(msgspec.Struct, frozen=True):
    """A column by its place. `field` is one of KNOWN, or "" for one that is kept under its own `name`."""

    place: int
    name: str
    field: str


def postings(text: str) -> Iterator[Draft | RowError | RowWarning]:
    """Yield the rows below the header; `row` is the number a spreadsheet shows, blank rows and headings counted."""
    named = _SEPARATOR.match(text)
    delimiter = named[1] if named else _delimiter(text)
    above = 1 if named else 0
    first: list[str] | None = None
    header: list[HeaderColumn] = []
    for row, record in _records(text[named.end() :] if named else text, delimiter):
        if isinstance(record, str):
            if not header:
                raise UnreadableFile(f"The header can’t be read. {record}")
            yield row_error(row + above, "", record)
        elif not any(cell.strip() for cell in record):
            continue
        elif header:
            yield _draft(row + above, header, record)
        elif _is_header(record):
            header = _header(record)
        elif row > HEADINGS:
            break
        else:
            first = first or record
    if not header and first is not None:
        _header(first)


def _is_header(record: list[str]) -> bool:
    return set(REQUIRED) <= {columns.known(cell) for cell in record}


def _delimiter(text: str) -> str:
    """Return the delimiter that makes the most known columns of a line near the top, a comma when in doubt."""
    lines = [
        line[:10_000] for line in re.split(r"\r\n|\r|\n", text.lstrip("\ufeff\r\n\t "), maxsplit=HEADINGS)[:HEADINGS]
    ]

    def fields(delimiter: str) -> int:
        reads = (next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), []) for line in lines)
        return max(len({columns.known(cell) for cell in cells} - {""}) for cells in reads)

    return max((",", ";", "\t"), key=fields)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield number and cells of every record, or a sentence in place of the cells of a malformed one."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    row = 0
    while True:
        row += 1
        line = reader.line_num + 1
        try:
            yield row, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # Where the record went on over lines, its quote has swallowed an unknown number of rows.
            if reader.line_num > line or "unexpected end" in str(error):
                raise UnreadableFile(
                    f"A quote in the row that begins on line {line} is not closed properly. "
                    'Close it, or double it ("") where it belongs to the text.'
                ) from None
            yield row, 'Text follows a closing quote. Write a quote inside a quoted value twice ("").'


def _header(record: list[str]) -> list[HeaderColumn]:
    names = [one_line(cell.removeprefix("\ufeff")) for cell in record]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS or any(len(name) > MAX_NAME for name in names):
        raise UnreadableFile(
            f"The header has more than {MAX_COLUMNS} columns or a name of over {MAX_NAME} characters. "
            "Is the first row really the header?"
        )
    # Our own name goes before another's: a column `position` beside `title` is one of the others.
    ours = {columns.known(name) for name in names if columns.own(name)}
    taken: set[str] = set()
    header: list[HeaderColumn] = []
    for place, name in enumerate(names):
        field = columns.known(name)
        if field and not columns.own(name) and (field in ours or field in taken):
            field = ""
        taken.add(field)
        header.append(HeaderColumn(place, _unused(name or f"column {place + 1}", header), field))
    if missing := [name for name in REQUIRED if name not in taken]:
        found = [name for name in names if name]
        raise UnreadableFile(
            f"The header lacks {_listed(missing)}. Columns found: {_listed(found) or 'none'}. "
            "The first row must name the columns title, company and url; "
            "location, apply_url and description may follow."
        )
    return header


def _unused(name: str, header: list[HeaderColumn]) -> str:
    """A name that no column before has: of two `Note` the second is `Note 2`."""
    taken = {column.name for column in header}
    return next(new for n in range(1, MAX_COLUMNS + 2) if (new := name if n == 1 else f"{name} {n}") not in taken)


def _listed(names: list[str]) -> str:
    shown = [name if len(name) <= 40 else f"{name[:39]}…" for name in names[:12]]
    return ", ".join(shown) + (" …" if len(names) > 12 else "")


def _draft(row: int, header: list[HeaderColumn], record: list[str]) -> Draft | RowError:
    for number, cell in enumerate(record[len(header) :], len(header) + 1):
        if cell.strip():
            message = f"The row has a value in column {number}, but the header ends at {len(header)}."
            return row_error(row, f"column {number}", message, cell)
    cells: dict[str, str] = {}
    for column in header:
        cell = record[column.place] if column.place < len(record) else ""
        if not column.field:
            continue
        earlier = cells.setdefault(column.field, cell)
        if cell.strip() and earlier.strip() and cell.strip() != earlier.strip():
            message = f"Two columns are the {column.field}, and differ in this row. Remove one of them."
            return row_error(row, column.name, message, cell)
        cells[column.field] = earlier if earlier.strip() else cell
    errors = []
    questions: list[PostingQuestion] = []
    warnings: list[RowWarning] = []
    try:
        questions, warnings = questions_in(cells.get("questions", ""), row)
    except ValueError as error:
        errors.append(row_error(row, "questions", str(error), cells["questions"]))
    return Draft(
        row=row,
        title=cells["title"],
        company=_NOTION_PAGE.sub("", cells["company"].rstrip()).rstrip(),
        url=_link(cells["url"]),
        location=cells.get("location", ""),
        apply_url=_link(cells.get("apply_url", "")),
        description=cells.get("description", ""),
        external_id=cells.get("external_id", ""),
        questions=questions,
        extra=_extra(header, record),
        errors=errors,
        warnings=warnings,
        applied_on=columns.applied_on(cells.get("status", ""), cells.get("applied", "")),
    )


def _extra(header: list[HeaderColumn], record: list[str]) -> dict[str, str]:
    """What is kept under its own name; the words of a tracker about its status, too."""
    kept = (column for column in header if not column.field or column.field in ("status", "applied"))
    return labelled(**{column.name: record[column.place] for column in kept if column.place < len(record)})


def _link(cell: str) -> str:
    """The address of a cell, also of one that is a link in Markdown, as Notion exports it."""
    found = _MARKDOWN_LINK.fullmatch(cell.strip())
    return found[1] if found else cell
