"""What a web page tells about its posting: its JSON-LD blocks and its own address.

Not html.parser: on unclosed tags it takes time quadratic in the page (60 kB of `<a ` took 25 seconds). This
looks only at comments, `<script …>`, `<link …>` and `<meta …>`, and passes over the text once.
"""

import html
import re

import msgspec

_START = re.compile(r"<!--|<(script|link|meta)\b([^<>]{0,2000})>", re.IGNORECASE)
_END = re.compile(r"</script", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"(?<![\w-])(type|rel|href|property|content)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE
)
_SHELL = re.compile(
    r"^\s*(?:<!--|<!\[CDATA\[|(?:/\*|//)\s*<!\[CDATA\[\s*(?:\*/)?)|(?:-->|\]\]>|(?:/\*|//)\s*\]\]>\s*(?:\*/)?)\s*$"
)
_SAVED = re.compile(r"\s*saved from url=\(\d+\)(https?://\S{1,2000})")


class JobPage(msgspec.Struct, frozen=True):
    """`blocks` are the texts of the JSON-LD scripts, `address` is the page's own or empty: its canonical link, else its
    `og:url`, else what the browser noted as it saved the page."""

    blocks: list[str]
    address: str


def read_page(text: str) -> JobPage:
    """Read an HTML page, however broken."""
    blocks: list[str] = []
    canonical = shared = saved = ""
    position = 0
    while found := _START.search(text, position):
        position = found.end()
        if found[1] is None:
            end = text.find("-->", position)
            if end < 0:
                break
            if note := _SAVED.match(text, position):
                saved = saved or note[1]
            position = end
            continue
        attributes = {name.lower(): html.unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(found[2])}
        if found[1].lower() == "link":
            if "canonical" in attributes.get("rel", "").lower().split():
                canonical = canonical or attributes.get("href", "")
            continue
        if found[1].lower() == "meta":
            if attributes.get("property", "").lower() == "og:url":
                shared = shared or attributes.get("content", "")
            continue
        closing = _END.search(text, position)
        if closing is None:
            break
        if attributes.get("type", "").partition(";")[0].strip().lower() == "application/ld+json":
            blocks.append(_SHELL.sub("", text[position : closing.start()]))
        position = closing.end()
    return JobPage(blocks, next((url for url in (canonical, shared, saved) if url.startswith("http")), canonical))
