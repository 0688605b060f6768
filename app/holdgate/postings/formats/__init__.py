"""Job postings out of files: bytes in, checked rows and errors out; no file, network or database is touched."""

from collections.abc import Callable, Iterator
from itertools import chain

import msgspec

from holdgate.postings.formats import boards, csv_file, greenhouse, json_ld, lever, personio, table, xlsx, xml_file
from holdgate.postings.formats.detect import ARCHIVE, ENCODINGS, FORMATS, decoded, detected, is_json, json_of, unpacked
from holdgate.postings.formats.rows import (
    MAX_BYTES,
    MAX_ROWS,
    Draft,
    Parsed,
    PostingQuestion,
    PostingRow,
    RowError,
    RowWarning,
    UnreadableFile,
    checked,
)
from holdgate.postings.formats.table import HeaderColumn, TableChoice, UnknownColumns

__all__ = [
    "ENCODINGS",
    "FORMATS",
    "MAX_BYTES",
    "MAX_ROWS",
    "FileReading",
    "HeaderColumn",
    "Parsed",
    "PostingQuestion",
    "PostingRow",
    "RowError",
    "RowWarning",
    "UnknownColumns",
    "UnreadableFile",
    "parse",
    "read",
]


GUESSED = (
    "The file does not say how its letters are encoded. It is read as Western European (Windows-1252). "
    "If names look wrong, import it again and choose its encoding."
)


class FileReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of a file that it does not tell itself.

    `format` is one of FORMATS and `encoding` one of ENCODINGS, or they are found out. `fields` says which column of a
    table is which: the names of columns → fields of a posting (columns.KNOWN), "" for one that is kept as a detail.
    `company` is that of the postings whose rows name none, or only a site that stands in. `address` is where the file
    was fetched.
    """

    filename: str = ""
    format: str = ""
    encoding: str = ""
    address: str = ""
    fields: dict[str, str] = {}
    company: str = ""


def parse(
    data: bytes, filename: str | None = None, format: str | None = None, encoding: str | None = None, address: str = ""
) -> Parsed:
    """`read` with what is mostly said of a file."""
    reading = FileReading(filename=filename or "", format=format or "", encoding=encoding or "", address=address)
    return read(data, reading)


def read(data: bytes, reading: FileReading) -> Parsed:
    """Read the postings of one file.

    Takes up to some seconds of CPU for the largest files: call it in a thread. Raises UnreadableFile when there is
    nothing to be had, and of a table UnknownColumns; a bad row is a RowError in the result, and what to look at a
    RowWarning.
    """
    choice = TableChoice(reading.fields, bool(reading.company))
    if len(data) <= MAX_BYTES and data.startswith(ARCHIVE) and xlsx.is_workbook(data):
        header, drafts = table.postings(xlsx.records(data), choice)
        return _with(checked("xlsx", drafts, reading.company), "", header)
    found = decoded(data, reading.encoding or None)
    text, saved_from = unpacked(found.text)
    format = reading.format or detected(text, reading.filename or None)
    header = []
    match format:
        case "csv" | "xml":
            records = csv_file.records(text) if format == "csv" else xml_file.records(text)
            header, drafts = table.postings(records, choice)
        case "personio":
            drafts = personio.postings(text, reading.address)
        case "json-ld" if not is_json(text):
            drafts = json_ld.postings_of_page(text, saved_from or reading.address)
        case _ if format in _OF_JSON:
            drafts = _OF_JSON[format](json_of(text))
        case _:
            raise UnreadableFile(f"The format is not one of {', '.join(FORMATS)}.")
    guess = [RowWarning(0, "", GUESSED)] if found.guessed and not text.isascii() else []
    return _with(checked(format, chain(guess, drafts), reading.company), found.encoding, header)


def _with(parsed: Parsed, encoding: str, header: list[HeaderColumn]) -> Parsed:
    return msgspec.structs.replace(parsed, encoding=encoding, columns=msgspec.to_builtins(header))


_OF_JSON: dict[str, Callable[[object], Iterator[Draft | RowError | RowWarning]]] = {
    "greenhouse": greenhouse.postings,
    "lever": lever.postings,
    "ashby": boards.ashby,
    "workable": boards.workable,
    "recruitee": boards.recruitee,
    "smartrecruiters": boards.smartrecruiters,
    "json-ld": json_ld.postings,
}
