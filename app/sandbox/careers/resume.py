"""What kind of document a résumé is, told by its content and never by its name or declared type."""

import io
import zipfile
import zlib

MAX_BYTES = 5 * 1024 * 1024

_PDF_HEADER_WITHIN = 1024  # ISO 32000: readers accept the header anywhere in the first kilobyte
_ODT_MARK = b"mimetypeapplication/vnd.oasis.opendocument.text"
_DOCX_PARTS = {"[Content_Types].xml", "word/document.xml"}
_ALLOWED_CONTROLS = frozenset("\t\n\r\f")


def document_type(data: bytes) -> str | None:
    """`pdf`, `docx`, `odt`, `txt`, or None for anything else."""
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        return _office_type(data)
    return "txt" if _is_text(data) else None


def _office_type(data: bytes) -> str | None:
    # OpenDocument puts an uncompressed entry `mimetype` first, so that its bytes stand at a fixed place.
    # The next entry's `PK` follows at once, which tells a text from a template.
    if data.startswith(_ODT_MARK + b"PK", 30):
        return "odt"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())  # reads the directory only, so a zip bomb stays packed
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, OSError, EOFError):
        return None
    return "docx" if names >= _DOCX_PARTS else None


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return all(character >= " " or character in _ALLOWED_CONTROLS for character in text)
