"""Tables of postings, whatever file they stand in: the header, which column is which, and what each row says."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import msgspec

from holdgate.postings.formats import columns
from holdgate.postings.formats.columns import KNOWN, REQUIRED
from holdgate.postings.formats.questions import questions_in
from holdgate.postings.formats.rows import (
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
SAMPLE = 80  # characters

_MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\((https?://[^()\s]+)\)")
_NOTION_PAGE = re.compile(r"\(https://(?:www\.)?notion\.so/[^()\s]*\)$")

Records = Iterable[tuple[int, list[str] | str]]
"""Number and cells of each row, or a sentence in place of the cells of one that can’t be read."""


class HeaderColumn(msgspec.Struct, frozen=True):
    """A column by its place. `field` is one of KNOWN, or "" for one that is kept under its own `name`; `sample` is what
    it says in the first row."""

    place: int
    name: str
    field: str
    sample: str = ""


class TableChoice(msgspec.Struct, frozen=True):
    """What a person says of a table: `fields` by the names of columns, and whether they name the company elsewhere."""

    fields: Mapping[str, str] = {}
    has_company: bool = False


class LinkedText(str):
    """A cell's text that leads somewhere, as spreadsheets have it."""

    href: str = ""


class UnknownColumns(UnreadableFile):
    """No header says which columns are title, company and address. `columns` are those that may be."""

    def __init__(self, header: list[HeaderColumn], missing: list[str]) -> None:
        found = [column.name for column in header]
        super().__init__(
            f"The header lacks {_listed(missing)}. Columns found: {_listed(found) or 'none'}. "
            "The first row must name the columns title, company and url; "
            "location, apply_url and description may follow."
        )
        self.columns = header


def postings(
    records: Records, choice: TableChoice
) -> tuple[list[HeaderColumn], Iterator[Draft | RowError | RowWarning]]:
    """The header, and the rows below it with the numbers that they have.

    Raises:
        UnknownColumns: nothing near the top names the columns that are required. UnreadableFile: it can’t be parsed.
    """
    rows = iter(records)
    above: list[list[str]] = []
    for _, record in rows:
        if isinstance(record, str):
            raise UnreadableFile(f"The header can’t be read. {record}")
        if not any(cell.strip() for cell in record):
            continue
        header = _header_of(record, choice)
        if not _missing(header, choice):
            return _with_rows(header, rows)
        above.append(record)
        if len(above) > HEADINGS:
            break
    if not above:
        return [], iter(())
    # The first of the fullest rows is most like a header.
    best = max(range(len(above)), key=lambda place: (sum(bool(cell.strip()) for cell in above[place]), -place))
    header = _header_of(above[best], choice)
    raise UnknownColumns(_sampled(header, above[best + 1] if best + 1 < len(above) else []), _missing(header, choice))


def _missing(header: list[HeaderColumn], choice: TableChoice) -> list[str]:
    taken = {column.field for column in header}
    needed = [name for name in REQUIRED if name != "company" or not choice.has_company]
    return [name for name in needed if name not in taken] + [
        name for name in choice.fields if name not in {column.name for column in header}
    ]


def _with_rows(
    header: list[HeaderColumn], rows: Iterator[tuple[int, list[str] | str]]
) -> tuple[list[HeaderColumn], Iterator[Draft | RowError | RowWarning]]:
    first = next(rows, None)
    sample = first[1] if first is not None and isinstance(first[1], list) else []
    return _sampled(header, sample), _rows(header, chain([first] if first else [], rows))


def _sampled(header: list[HeaderColumn], record: list[str]) -> list[HeaderColumn]:
    texts = [one_line(cell)[:SAMPLE] for cell in record[: len(header)]] + [""] * (len(header) - len(record))
    return [msgspec.structs.replace(column, sample=texts[column.place]) for column in header]


def _rows(header: list[HeaderColumn], records: Records) -> Iterator[Draft | RowError | RowWarning]:
    for row, record in records:
        if isinstance(record, str):
            yield row_error(row, "", record)
        elif any(cell.strip() for cell in record):
            yield _draft(row, header, record)


def chosen_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Which column is which, as a person says; "" keeps one under its own name. Raises ValueError with a sentence."""
    for name, field in fields.items():
        if field and field not in KNOWN:
            raise ValueError(f"{field} is none of the fields {', '.join(KNOWN)}.")
        if len(name) > MAX_NAME + 10:
            raise ValueError(f"A column's name is longer than {MAX_NAME} characters.")
    if len(fields) > MAX_COLUMNS:
        raise ValueError(f"There are more than {MAX_COLUMNS} columns.")
    return dict(fields)


def _header_of(record: list[str], choice: TableChoice) -> list[HeaderColumn]:
    names = [one_line(cell.removeprefix("\ufeff")) for cell in record]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS or any(len(name) > MAX_NAME for name in names):
        raise UnreadableFile(
            f"The header has more than {MAX_COLUMNS} columns or a name of over {MAX_NAME} characters. "
            "Is the first row really the header?"
        )
    # Our own name goes before another's: a column `position` beside `title` is one of the others.
    chosen = set(choice.fields.values())
    ours = {columns.known(name) for name in names if columns.own(name)} | chosen
    header: list[HeaderColumn] = []
    taken: set[str] = set()
    for place, given in enumerate(names):
        name = _unused(given or f"column {place + 1}", header)
        field = choice.fields.get(name)
        if field is None:
            field = columns.known(given)
            if field and (field in chosen or (not columns.own(given) and (field in ours or field in taken))):
                field = ""
        taken.add(field)
        header.append(HeaderColumn(place, name, field))
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
    links: dict[str, str] = {}
    for column in header:
        cell = record[column.place] if column.place < len(record) else ""
        if isinstance(cell, LinkedText):
            links[column.field] = cell.href
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
    status = columns.tracker_status(cells.get("status", ""))
    return Draft(
        row=row,
        title=cells["title"],
        company=_NOTION_PAGE.sub("", cells.get("company", "").rstrip()).rstrip(),
        url=links.get("url") or _link(cells["url"]),
        location=cells.get("location", ""),
        apply_url=links.get("apply_url") or _link(cells.get("apply_url", "")),
        description=cells.get("description", ""),
        external_id=cells.get("external_id", ""),
        questions=questions,
        extra=_extra(header, record),
        errors=errors,
        warnings=warnings,
        applied_on=columns.applied_on(status, cells.get("applied", "")),
        tracker_status=status,
    )


def _extra(header: list[HeaderColumn], record: list[str]) -> dict[str, str]:
    """What is kept under its own name; the words of a tracker about its status, too."""
    kept = (column for column in header if not column.field or column.field in ("status", "applied"))
    return labelled(**{column.name: record[column.place] for column in kept if column.place < len(record)})


def _link(cell: str) -> str:
    """The address of a cell, also of one that is a link in Markdown, as Notion exports it."""
    found = _MARKDOWN_LINK.fullmatch(cell.strip())
    return found[1] if found else cell
