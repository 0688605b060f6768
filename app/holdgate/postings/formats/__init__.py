"""Job postings out of files: bytes in, checked rows and errors out; no file, network or database is touched."""

from itertools import chain

from holdgate.postings.formats import boards, csv_file, greenhouse, json_ld, lever, personio
from holdgate.postings.formats.detect import ENCODINGS, FORMATS, decoded, detected, is_json, json_of, unpacked
from holdgate.postings.formats.rows import (
    MAX_BYTES,
    MAX_ROWS,
    Parsed,
    PostingQuestion,
    PostingRow,
    RowError,
    RowWarning,
    UnreadableFile,
    checked,
)

__all__ = [
    "ENCODINGS",
    "FORMATS",
    "MAX_BYTES",
    "MAX_ROWS",
    "Parsed",
    "PostingQuestion",
    "PostingRow",
    "RowError",
    "RowWarning",
    "UnreadableFile",
    "parse",
]


GUESSED = (
    "The file does not say how its letters are encoded. It is read as Western European (Windows-1252). "
    "If names look wrong, import it again and choose its encoding."
)


def parse(
    data: bytes, filename: str | None = None, format: str | None = None, encoding: str | None = None, address: str = ""
) -> Parsed:
    """Read the postings of one file.

    `format` is one of FORMATS and `encoding` one of ENCODINGS, or they are found out; `address` is where it was
    fetched. Takes up to some seconds of CPU
    for the largest files: call it in a thread. Raises UnreadableFile when there is nothing to be had; a bad row is a
    RowError in the result, and what to look at a RowWarning.
    """
    read = decoded(data, encoding)
    text, saved_from = unpacked(read.text)
    format = format or detected(text, filename)
    match format:
        case "csv":
            drafts = csv_file.postings(text)
        case "greenhouse":
            drafts = greenhouse.postings(json_of(text))
        case "lever":
            drafts = lever.postings(json_of(text))
        case "ashby":
            drafts = boards.ashby(json_of(text))
        case "workable":
            drafts = boards.workable(json_of(text))
        case "recruitee":
            drafts = boards.recruitee(json_of(text))
        case "smartrecruiters":
            drafts = boards.smartrecruiters(json_of(text))
        case "personio":
            drafts = personio.postings(text, address)
        case "json-ld" if is_json(text):
            drafts = json_ld.postings(json_of(text))
        case "json-ld":
            drafts = json_ld.postings_of_page(text, saved_from or address)
        case _:
            raise UnreadableFile(f"The format is not one of {', '.join(FORMATS)}.")
    guess = [RowWarning(0, "", GUESSED)] if read.guessed and not text.isascii() else []
    return checked(format, chain(guess, drafts))
