"""The two things a web page tells about its posting: its JSON-LD blocks and its canonical link.

Not html.parser: on unclosed tags it takes time quadratic in the page (60 kB of `<a ` took 25 seconds). This
looks only at comments, `<script …>` and `<link …>`, and passes over the text once.
"""

import html
import re

import msgspec

_START = re.compile(r"<!--|<(script|link)\b([^<>]{0,2000})>", re.IGNORECASE)
_END = re.compile(r"</script", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(?<![\w-])(type|rel|href)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE)
_SHELL = re.compile(r"^\s*(?:<!--|<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/)|(?:-->|\]\]>|/\*\s*\]\]>\s*\*/)\s*$")


class JobPage(msgspec.Struct, frozen=True):
    """`blocks` are the texts of the JSON-LD scripts, `canonical` the page's own address or empty."""

    blocks: list[str]
    canonical: str


def read_page(text: str) -> JobPage:
    """Read an HTML page, however broken."""
    blocks: list[str] = []
    canonical = ""
    position = 0
    while found := _START.search(text, position):
        position = found.end()
        if found[1] is None:
            end = text.find("-->", position)
            if end < 0:
                break
            position = end
            continue
        attributes = {name.lower(): html.unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(found[2])}
        if found[1].lower() == "link":
            if "canonical" in attributes.get("rel", "").lower().split():
                canonical = canonical or attributes.get("href", "")
            continue
        closing = _END.search(text, position)
        if closing is None:
            break
        if attributes.get("type", "").partition(";")[0].strip().lower() == "application/ld+json":
            blocks.append(_SHELL.sub("", text[position : closing.start()]))
        position = closing.end()
    return JobPage(blocks, canonical)
