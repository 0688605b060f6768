"""Which format a file has, told by its content first and by its name only where the content leaves it open."""

import re
from pathlib import PurePath

import msgspec

from holdgate.core.text.shape import json_problem
from holdgate.postings.formats.rows import MAX_BYTES, UnreadableFile

FORMATS = ("csv", "greenhouse", "lever", "json-ld")

_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or ZIP archive. In the spreadsheet choose “Save as” and CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook. In the spreadsheet choose “Save as” and CSV",
    b"%PDF": "a PDF. Import a CSV file or a job board's JSON",
    b"\x1f\x8b": "a gzip archive. Unpack it first",
}
# Valid UTF-8 may hold stray control characters pasted out of a PDF (they are dropped later), but no NUL;
# almost any bytes are valid Windows-1252, so there every control character counts.
_BINARY = {
    "utf-8-sig": re.compile(r"\x00"),
    "utf-16": re.compile(r"\x00"),
    "cp1252": re.compile(r"[\x00-\x08\x0e-\x1f]"),
}


def decoded(data: bytes) -> str:
    """Return the file's text: UTF-8, UTF-16 with its mark, else Windows-1252, as Excel saves on Windows."""
    if len(data) > MAX_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_BYTES // 1024**2} MiB. Split it into smaller files.")
    if not data.strip():
        raise UnreadableFile("The file is empty.")
    for magic, sentence in _MAGIC.items():
        if data.startswith(magic):
            raise UnreadableFile(f"This is {sentence}.")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if wide else ["utf-8-sig", "cp1252"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _BINARY[encoding].search(text):
            raise UnreadableFile("This is not a text file. Import a CSV file or a job board's JSON.")
        if not text.strip("\ufeff \t\r\n"):
            raise UnreadableFile("The file is empty.")
        return text
    raise UnreadableFile("The file's character encoding cannot be read. Save it as UTF-8 and import it again.")


def json_of(text: str) -> object:
    """Return the decoded document, or raise UnreadableFile with the place of the mistake."""
    if problem := json_problem(text.encode(), many=True):
        raise UnreadableFile(problem)
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UnreadableFile(f"The file is not valid JSON: {error}. Download it again, or import a CSV file.") from None


def is_json(text: str) -> bool:
    """Tell whether the text begins as a JSON document of postings must."""
    return text.lstrip().startswith(("{", "["))


def detected(text: str, filename: str | None) -> str:
    """Return the format's name. Raises UnreadableFile when there is none."""
    suffix = PurePath(filename or "").suffix.lower()
    if is_json(text):
        try:
            return _shape(json_of(text))
        except UnreadableFile:
            if suffix in (".csv", ".tsv"):
                return "csv"
            raise
    if text.lstrip().startswith("<") or suffix in (".html", ".htm"):
        return "json-ld"
    if suffix in (".json", ".jsonld"):
        json_of(text)
    return "csv"


def _shape(document: object) -> str:
    if document == []:
        return "lever"  # its answer for a site without postings
    if isinstance(document, dict) and isinstance(jobs := document.get("jobs"), list):
        sample = next((job for job in jobs if isinstance(job, dict)), None)
        if not jobs or (sample and "absolute_url" in sample):
            return "greenhouse"
    items = document if isinstance(document, list) else [document]
    sample = next((item for item in items if isinstance(item, dict)), {})
    if not sample.keys().isdisjoint({"@type", "@graph", "@context"}):
        return "json-ld"
    if "absolute_url" in sample:
        return "greenhouse"
    if "hostedUrl" in sample or {"text", "categories"} <= sample.keys():
        return "lever"
    raise UnreadableFile(
        "This JSON is none of the known kinds: a Greenhouse job board, a list of Lever postings, or schema.org "
        "JobPosting. Convert it to CSV with the columns title, company and url."
    )
