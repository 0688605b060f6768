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


_OTHERS = {
    b"{\\rtf": "an RTF file",
    b"\xd0\xcf\x11\xe0": "an old Word document (.doc)",
}
_DOCX_MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_MARKUP = re.compile(rb"\s*(?:<!doctype html|<html|<\?xml|<head|<body|<div)", re.IGNORECASE)


class Document(msgspec.Struct, frozen=True):
    """A résumé as it is kept. `warning` is a sentence for the person when employers may not be able to read it."""

    name: str
    media_type: str
    content: bytes
    warning: str = ""


def document(name: str, content: bytes) -> Document:
    """The file with its true type and a harmless name.

    Raises:
        Invalid: too large, empty, or of another kind.
    """
    if len(content) > MOST_BYTES:
        _refuse(f"The file is too large. The limit is {MOST_BYTES // 1024**2} MB.")
    if not content.strip():
        _refuse("The file is empty.")
    content = _as_utf8(content)
    if other := _other(content):
        _refuse(f"This is {other}. Save it as PDF or .docx and choose that file; employers' systems read those.")
    media_type = _media_type(content)
    if media_type is None:
        _refuse("A résumé must be a PDF, a Word document (.docx), an OpenDocument text (.odt) or plain text.")
    assert media_type is not None
    warning = ""
    if media_type == "application/pdf":
        if b"%%EOF" not in content:
            _refuse("This PDF is incomplete: its end is missing. Save or download it again.")
        if b"/Encrypt" in content:
            warning = "This PDF is protected by a password; many employers' systems refuse it. Better save it without."
    return Document(_harmless(name, SUFFIXES[media_type]), media_type, content, warning)


def _as_utf8(content: bytes) -> bytes:
    """A text in another encoding as UTF-8, which every employer can read; anything else as it is."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif content.startswith((b"%PDF", b"PK", *_OTHERS)) or _is_text(content):
        return content
    else:
        encoding = "windows-1252"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return content
    return text.encode() if _is_text(text.encode()) else content


def _other(content: bytes) -> str:
    """What the file is, when it is text or a document that is no résumé to be sent."""
    for magic, words in _OTHERS.items():
        if content.startswith(magic):
            return words
    if _MARKUP.match(content):
        return "a web page"
    try:
        return "data in JSON" if isinstance(msgspec.json.decode(content), dict) else ""
    except (msgspec.DecodeError, RecursionError):
        return ""


def _media_type(content: bytes) -> str | None:
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"PK\x03\x04"):
        return _zipped_type(content)
    return "text/plain" if _is_text(content) else None


def _zipped_type(content: bytes) -> str | None:
    """Only names and two small members are looked at: nothing large is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names and _names_a_document(archive):
                return DOCX
            if "mimetype" in names and archive.getinfo("mimetype").file_size == len(ODT):
                return ODT if archive.read("mimetype") == ODT.encode() else None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError):
        return None
    return None


def _names_a_document(archive: zipfile.ZipFile) -> bool:
    """Whether the package's list of parts names a Word document: Word Online's main part is `word/document2.xml`."""
    if archive.getinfo("[Content_Types].xml").file_size > 1024 * 1024:
        return False
    return _DOCX_MAIN in archive.read("[Content_Types].xml")


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
