"""Postings as CSV, with the header `title,company,location,url,apply_url,description` in any order.

Read as spreadsheets write it: comma, semicolon or tab; quoted values may hold line ends. Strictly: a quote
in the wrong place is reported and never guessed at, since it moves values into other columns.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from holdgate.postings.formats.questions import questions_in
from holdgate.postings.formats.rows import (
    MAX_BYTES,
    Draft,
    RowError,
    UnreadableFile,
    labelled,
    one_line,
    row_error,
)

REQUIRED = ("title", "company", "url")
KNOWN = (*REQUIRED, "location", "apply_url", "description", "external_id", "questions")
MAX_COLUMNS = 100
MAX_NAME = 100

# Process-wide, and only ever loosened: the file's size is the limit, and a description that is too long
# must be an error of its row instead of one of the file.
csv.field_size_limit(MAX_BYTES)


def postings(text: str) -> Iterator[Draft | RowError]:
    """Yield the rows below the header; `row` is the number a spreadsheet shows, blank rows counted."""
    records = _records(text, _delimiter(text))
    header: list[str] = []
    for row, record in records:
        if isinstance(record, str):
            if not header:
                raise UnreadableFile(f"The header cannot be read. {record}")
            yield row_error(row, "", record)
        elif not any(cell.strip() for cell in record):
            continue
        elif not header:
            header = _header(record)
        else:
            yield _draft(row, header, record)


def _delimiter(text: str) -> str:
    """Return the delimiter that makes the most known columns of the first line, a comma when in doubt."""
    line = text.lstrip("\ufeff\r\n\t ").partition("\n")[0].partition("\r")[0][:10_000]

    def known(delimiter: str) -> int:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        return sum(_name(cell) in KNOWN for cell in cells)

    return max((",", ";", "\t"), key=known)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield number and cells of every record, or a sentence in place of the cells of a malformed one."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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


def _header(record: list[str]) -> list[str]:
    names = [_name(cell) for cell in record]
    while names and not names[-1]:
        names.pop()
    names = [name or f"column {number}" for number, name in enumerate(names, 1)]
    if len(names) > MAX_COLUMNS or any(len(name) > MAX_NAME for name in names):
        raise UnreadableFile(
            f"The header has more than {MAX_COLUMNS} columns or a name of over {MAX_NAME} characters. "
            "Is the first row really the header?"
        )
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise UnreadableFile(f"The header names {_listed(repeated)} more than once. Rename or remove the others.")
    if missing := [name for name in REQUIRED if name not in names]:
        found = [name for cell in record if (name := one_line(cell))]
        raise UnreadableFile(
            f"The header lacks {_listed(missing)}. Columns found: {_listed(found) or 'none'}. "
            "The first row must name the columns title, company and url; "
            "location, apply_url and description may follow."
        )
    return names


def _name(cell: str) -> str:
    """Return a column's name: as written, but a known one in its own spelling (`Apply URL` is `apply_url`)."""
    name = one_line(cell.removeprefix("\ufeff"))
    known = name.lower().replace(" ", "_").replace("-", "_")
    return known if known in KNOWN else name


def _listed(names: list[str]) -> str:
    shown = [name if len(name) <= 40 else f"{name[:39]}…" for name in names[:12]]
    return ", ".join(shown) + (" …" if len(names) > 12 else "")


def _draft(row: int, header: list[str], record: list[str]) -> Draft | RowError:
    cells = dict(zip(header, record, strict=False))
    if len(record) < len(header):
        column = header[len(record)]
        return row_error(row, column, f"The row ends before this column: {len(record)} of {len(header)} values.")
    for number, cell in enumerate(record[len(header) :], len(header) + 1):
        if cell.strip():
            message = f"The row has a value in column {number}, but the header ends at {len(header)}."
            return row_error(row, f"column {number}", message, cell)
    errors = []
    questions = []
    try:
        questions = questions_in(cells.get("questions", ""))
    except ValueError as error:
        errors.append(row_error(row, "questions", str(error), cells["questions"]))
    return Draft(
        row=row,
        title=cells["title"],
        company=cells["company"],
        url=cells["url"],
        location=cells.get("location", ""),
        apply_url=cells.get("apply_url", ""),
        description=cells.get("description", ""),
        external_id=cells.get("external_id", ""),
        questions=questions,
        extra=labelled(**{name: text for name, text in cells.items() if name not in KNOWN}),
        errors=errors,
    )
