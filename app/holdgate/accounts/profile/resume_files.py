"""Which files are accepted as a résumé. The content decides, not the name."""

import io
import re
import zipfile

import msgspec

from holdgate.core.errors import Invalid

MOST_BYTES = 5 * 1024 * 1024
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
SUFFIXES = {"application/pdf": ".pdf", DOCX: ".docx", ODT: ".odt", "text/plain": ".txt"}


class Document(msgspec.Struct, frozen=True):
    name: str
    media_type: str
    content: bytes


def document(name: str, content: bytes) -> Document:
    """The file with its true type and a harmless name.

    Raises:
        Invalid: too large, empty, or of another kind.
    """
    if len(content) > MOST_BYTES:
        _refuse(f"The file is too large: at most {MOST_BYTES // 1024**2} MB, please.")
    if not content.strip():
        _refuse("The file is empty.")
    media_type = _media_type(content)
    if media_type is None:
        _refuse("A résumé must be a PDF, a Word document (.docx), an OpenDocument text (.odt) or plain text.")
    assert media_type is not None
    return Document(_harmless(name, SUFFIXES[media_type]), media_type, content)


def _media_type(content: bytes) -> str | None:
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"PK\x03\x04"):
        return _zipped_type(content)
    return "text/plain" if _is_text(content) else None


def _zipped_type(content: bytes) -> str | None:
    """Only names and the small member `mimetype` are looked at: nothing large is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names and "word/document.xml" in names:
                return DOCX
            if "mimetype" in names and archive.getinfo("mimetype").file_size == len(ODT):
                return ODT if archive.read("mimetype") == ODT.encode() else None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError):
        return None
    return None


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text)


def _harmless(name: str, suffix: str) -> str:
    """The last part of a path, with the suffix that the content has, without what headers and shells dislike."""
    stem = re.split(r"[/\\]", name)[-1].rsplit(".", 1)[0]
    stem = " ".join(re.sub(r"[^\w .()+-]", " ", stem).split()).strip(" .")[:80].strip()
    return (stem or "resume") + suffix


def _refuse(sentence: str) -> None:
    raise Invalid(sentence, {"resume": sentence})
