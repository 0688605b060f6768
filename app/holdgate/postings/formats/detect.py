"""Which format a file has, told by its content first and by its name only where the content leaves it open."""

import email
import email.policy
import re
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from holdgate.core.text.shape import json_problem
from holdgate.postings.formats.rows import MAX_BYTES, UnreadableFile, list_of, object_of

FORMATS = (
    "csv",
    "xlsx",
    "xml",
    "greenhouse",
    "lever",
    "ashby",
    "workable",
    "recruitee",
    "smartrecruiters",
    "personio",
    "json-ld",
)
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "windows-1250", "windows-1251", "windows-1253", "windows-1254",
             "iso-8859-15", "shift_jis", "gb18030", "euc-kr", "big5")  # fmt: skip

ARCHIVE = b"PK\x03\x04"
_MAGIC = {
    ARCHIVE: "a ZIP archive. Unpack it first; of spreadsheets .xlsx and CSV are read",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls). In Excel choose “Save as” and .xlsx or CSV",
    b"%PDF": "a PDF. Import a CSV file or a job board's JSON",
    b"\x1f\x8b": "a gzip archive. Unpack it first",
}
# Valid UTF-8 may hold stray control characters pasted out of a PDF (they are dropped later), but no NUL;
# almost any bytes are valid Windows-1252, so there every control character counts.
_BINARY = {
    "utf-8-sig": re.compile(r"\x00"),
    "utf-16": re.compile(r"\x00"),
    "windows-1252": re.compile(r"[\x00-\x08\x0e-\x1f]"),
}
_XML = re.compile(
    r"\s*(?:<\?xml(?!.{0,2000}<html)|<(?:rss|feed|rdf:RDF|jobs?|source|positions|vacancies)\b)", re.I | re.S
)
_NUL = re.compile(r"\x00")
_MHTML = re.compile(r"(?:[\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){1,30}\s", re.ASCII)


class Decoded(NamedTuple):
    """A file's text. `guessed`: nothing in the file says that its encoding is this one."""

    text: str
    encoding: str
    guessed: bool


def decoded(data: bytes, encoding: str | None = None) -> Decoded:
    """Return the file's text: in `encoding`, one of ENCODINGS, or UTF-8, UTF-16 with its mark, what a web page says of
    itself, else Windows-1252, as Excel saves on Windows."""
    if len(data) > MAX_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_BYTES // 1024**2} MiB. Split it into smaller files.")
    if not data.strip():
        raise UnreadableFile("The file is empty.")
    for magic, sentence in _MAGIC.items():
        if data.startswith(magic):
            raise UnreadableFile(f"This is {sentence}.")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if encoding is not None:
        tried = [encoding]
    else:
        tried = ["utf-16"] if wide else ["utf-8-sig", *_declared(data), "windows-1252"]
    for name in tried:
        try:
            text = data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        if _BINARY.get(name, _NUL).search(text):
            raise UnreadableFile("This is not a text file. Import a CSV file or a job board's JSON.")
        if not text.strip("\ufeff \t\r\n"):
            raise UnreadableFile("The file is empty.")
        return Decoded(text, name.removesuffix("-sig"), encoding is None and name == "windows-1252" and len(tried) == 2)
    if encoding is not None:
        raise UnreadableFile(f"The file is not {encoding}. Choose another encoding, or automatic detection.")
    raise UnreadableFile("The file’s character encoding can’t be read. Save it as UTF-8 and import it again.")


def _declared(data: bytes) -> list[str]:
    """The encoding that a web page names near its top, if it is one of ours."""
    found = re.search(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{1,40})""", data[:4096], re.IGNORECASE)
    name = found[1].decode("ascii", "replace").lower() if found else ""
    name = {"iso-8859-1": "windows-1252", "latin1": "windows-1252", "gb2312": "gb18030", "gbk": "gb18030"}.get(
        name, name
    )
    return [name] if name in ENCODINGS and not name.startswith("utf") else []


def unpacked(text: str) -> tuple[str, str]:
    """Return the web page inside of a “Webpage, single file” (MHTML) and its address; other text as it is, and ""."""
    if not _MHTML.match(text):
        return text, ""
    message = email.message_from_string(text, policy=email.policy.default)
    for part in message.walk():
        if part.get_content_type() == "text/html":
            content = part.get_content()
            where = str(part.get("Content-Location") or message.get("Snapshot-Content-Location") or "")
            return content if isinstance(content, str) else "", where if where.startswith("http") else ""
    raise UnreadableFile("This saved web page holds no HTML. Save the page again as “Webpage, HTML only”.")


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
    if "<workzag-jobs" in text[:2000]:
        return "personio"
    if _XML.match(text):
        return "xml"
    if text.lstrip().startswith("<") or suffix in (".html", ".htm", ".mhtml", ".mht") or _MHTML.match(text):
        return "json-ld"
    if suffix in (".json", ".jsonld"):
        json_of(text)
    return "csv"


def _of_smartrecruiters(content: object) -> bool:
    return any("company" in object_of(item) and "name" in object_of(item) for item in list_of(content)[:1])


def _shape(document: object) -> str:
    if document == []:
        return "lever"  # its answer for a site without postings
    if isinstance(document, dict) and isinstance(jobs := document.get("jobs"), list):
        sample = next((job for job in jobs if isinstance(job, dict)), None)
        if sample and "jobUrl" in sample:
            return "ashby"
        if sample and "shortcode" in sample:
            return "workable"
        if not jobs or (sample and "absolute_url" in sample):
            return "greenhouse"
    if isinstance(document, dict) and ("jobAd" in document or _of_smartrecruiters(document.get("content"))):
        return "smartrecruiters"
    if isinstance(document, dict) and isinstance(document.get("offers"), list):
        return "recruitee"
    if isinstance(document, dict) and any("jobs" in object_of(one) for one in list_of(document.get("departments"))):
        return "greenhouse"
    if isinstance(document, dict) and document.get("ok") is False:
        return "lever"
    items = document if isinstance(document, list) else [document]
    sample = next((item for item in items if isinstance(item, dict)), {})
    if not sample.keys().isdisjoint({"@type", "@graph", "@context"}):
        return "json-ld"
    if "absolute_url" in sample:
        return "greenhouse"
    if "hostedUrl" in sample or {"text", "categories"} <= sample.keys():
        return "lever"
    raise UnreadableFile(
        "This JSON is none of the known kinds: a Greenhouse, Lever, Ashby, Workable or Recruitee board, or schema.org "
        "JobPosting. Convert it to CSV with the columns title, company and url."
    )
