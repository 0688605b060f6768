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

from holdgate.postings.formats import columns
from holdgate.postings.formats.rows import MAX_BYTES, UnreadableFile
from holdgate.postings.formats.table import HEADINGS

_SEPARATOR = re.compile(r"\ufeff?[\"']?sep=(.)[\"']?[ \t]*(?:\r\n|\r|\n)", re.IGNORECASE)
# Process-wide, and only ever loosened: the file's size is the limit, and a description that is too long
# must be an error of its row instead of one of the file.
csv.field_size_limit(MAX_BYTES)


def records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield number (as a spreadsheet shows it) and cells of each row, or a sentence in place of a bad one's."""
    named = _SEPARATOR.match(text)
    above = 1 if named else 0
    body = text[named.end() :] if named else text
    for row, record in _records(body, named[1] if named else _delimiter(text)):
        yield row + above, record


def _delimiter(text: str) -> str:
    """Return the delimiter that makes the most known columns of a line near the top, or of none the most columns."""
    lines = [
        line[:10_000] for line in re.split(r"\r\n|\r|\n", text.lstrip("\ufeff\r\n\t "), maxsplit=HEADINGS)[:HEADINGS]
    ]

    def fields(delimiter: str) -> tuple[int, int]:
        rows = [next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), []) for line in lines]
        return max(len({columns.known(cell) for cell in cells} - {""}) for cells in rows), max(map(len, rows))

    return max((",", ";", "\t", "|"), key=fields)


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
