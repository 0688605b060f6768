"""Which files are accepted as a résumé. The content decides, not the name."""

import re

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.file_types import DOCX, ODT, PDF, SUFFIXES, TEXT, harmless_name, is_text, media_type

MOST_BYTES = 5 * 1024 * 1024
PDF_END = 2048  # bytes in which readers look for its mark
ACCEPTED = (PDF, DOCX, ODT, TEXT)

_OTHERS = {
    b"{\\rtf": "an RTF file",
    b"\xd0\xcf\x11\xe0": "an old Word document (.doc)",
}
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
    found = media_type(content)
    if found not in ACCEPTED:
        _refuse("A résumé must be a PDF, a Word document (.docx), an OpenDocument text (.odt) or plain text.")
    assert found is not None
    warning = ""
    if found == PDF:
        whole = b"%%EOF" in content[-PDF_END:]
        if not whole and b" obj" not in content:
            _refuse("This PDF is incomplete: there is nothing in it. Save or download it again.")
        if b"/Encrypt" in content:
            warning = "This PDF is protected by a password; many employers' systems refuse it. Better save it without."
        elif not whole:
            warning = "This PDF is incomplete: its end is missing. Employers may be unable to open it: save it again."
    return Document(harmless_name(name, SUFFIXES[found], unnamed="resume"), found, content, warning)


def _as_utf8(content: bytes) -> bytes:
    """A text in another encoding as UTF-8, which every employer can read; anything else as it is."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif content.startswith((b"%PDF", b"PK", *_OTHERS)) or is_text(content):
        return content
    else:
        encoding = "windows-1252"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return content
    return text.encode() if is_text(text.encode()) else content


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


def _refuse(sentence: str) -> None:
    raise Invalid(sentence, {"resume": sentence})
