"""Job postings out of files: bytes in, checked rows and errors out; no file, network or database is touched."""

from holdgate.postings.formats import csv_file, greenhouse, json_ld, lever
from holdgate.postings.formats.detect import FORMATS, decoded, detected, is_json, json_of
from holdgate.postings.formats.rows import (
    MAX_BYTES,
    MAX_ROWS,
    Parsed,
    PostingQuestion,
    PostingRow,
    RowError,
    UnreadableFile,
    checked,
)

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_ROWS",
    "Parsed",
    "PostingQuestion",
    "PostingRow",
    "RowError",
    "UnreadableFile",
    "parse",
]


def parse(data: bytes, filename: str | None = None, format: str | None = None) -> Parsed:
    """Read the postings of one file.

    `format` is one of FORMATS, or is found out. Takes up to some seconds of CPU for the largest files: call it
    in a thread. Raises UnreadableFile when there is nothing to be had; a bad row is a RowError in the result.
    """
    text = decoded(data)
    format = format or detected(text, filename)
    match format:
        case "csv":
            drafts = csv_file.postings(text)
        case "greenhouse":
            drafts = greenhouse.postings(json_of(text))
        case "lever":
            drafts = lever.postings(json_of(text))
        case "json-ld" if is_json(text):
            drafts = json_ld.postings(json_of(text))
        case "json-ld":
            drafts = json_ld.postings_of_page(text)
        case _:
            raise UnreadableFile(f"The format is not one of {', '.join(FORMATS)}.")
    return checked(format, drafts)
