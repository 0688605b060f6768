"""Of what type a file is, by its content: a name proves nothing."""

import io
import re
import zipfile
import zlib

_OFFICE = "application/vnd.openxmlformats-officedocument."
PDF, TEXT, CSV = "application/pdf", "text/plain", "text/csv"
PNG, JPEG, WEBP = "image/png", "image/jpeg", "image/webp"
DOCX = f"{_OFFICE}wordprocessingml.document"
XLSX = f"{_OFFICE}spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"

SUFFIXES = {
    PDF: ".pdf",
    PNG: ".png",
    JPEG: ".jpg",
    WEBP: ".webp",
    DOCX: ".docx",
    XLSX: ".xlsx",
    ODT: ".odt",
    CSV: ".csv",
    TEXT: ".txt",
}
DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError,
    LookupError, ArithmeticError, RuntimeError, ValueError,
)  # fmt: skip
"""What reading an archive raises that is not one, is broken or protected, or says what cannot be of what it holds."""
_STARTS = {b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG}


def media_type(content: bytes) -> str | None:
    """None: it is of no type that is known here. A CSV file is plain text."""
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return PDF
    for start, found in _STARTS.items():
        if content.startswith(start):
            return found
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return WEBP
    if content.startswith(b"PK\x03\x04"):
        return _zipped_type(content)
    return TEXT if is_text(content) else None


def is_text(content: bytes) -> bool:
    """UTF-8, without control characters."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text)


def harmless_name(name: str, suffix: str, *, unnamed: str) -> str:
    """The last part of a path, with the suffix that the content has, without what headers and shells dislike."""
    stem = re.split(r"[/\\]", name)[-1].rsplit(".", 1)[0]
    stem = " ".join(re.sub(r"[^\w .()+-]", " ", stem).split()).strip(" .")[:80].strip()
    return (stem or unnamed) + suffix


def _zipped_type(content: bytes) -> str | None:
    """Only names and two small members are looked at: nothing large is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names:
                return _office_type(archive)
            if "mimetype" in names and archive.getinfo("mimetype").file_size == len(ODT):
                return ODT if archive.read("mimetype") == ODT.encode() else None
    except DAMAGED:
        return None
    return None


def _office_type(archive: zipfile.ZipFile) -> str | None:
    """By the package's list of parts, without macros: Word Online's main part is `word/document2.xml`."""
    if archive.getinfo("[Content_Types].xml").file_size > 1024 * 1024:
        return None
    parts = archive.read("[Content_Types].xml")
    return next((found for found in (DOCX, XLSX) if f"{found}.main+xml".encode() in parts), None)
