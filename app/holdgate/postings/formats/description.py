"""A posting's description as HTML that a page may show as it is."""

import html
import re
from collections import Counter

import nh3

MAX_DESCRIPTION = 100_000
"""In characters, both as given and once sanitised."""

MAX_DEPTH = 100

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)\b")
# Elements that never hold another, and those that the next of their name closes.
_FLAT = frozenset({"br", "col", "embed", "hr", "img", "input", "li", "link", "meta", "p", "source", "wbr"})
_HTML = re.compile(
    r"</?(?:a|abbr|article|b|blockquote|br|code|div|em|figure|font|h[1-6]|hr|i|iframe|img|li|main|ol|p|pre|script"
    r"|section|small|span|strong|style|sub|sup|table|tbody|td|th|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
# Blocks outside the allow-list become the nearest one inside it; without this their texts would run together.
_INSTEAD = {
    **dict.fromkeys(("h1", "h2"), "h3"),
    **dict.fromkeys(("h5", "h6"), "h4"),
    **dict.fromkeys(("article", "blockquote", "div", "dd", "dt", "footer", "header", "main", "pre", "section"), "p"),
    **dict.fromkeys(("table", "td", "th", "tr"), "p"),
}
_EMPTY = re.compile(r"<(p|h3|h4|li|ul|ol)>(?:\s|&nbsp;|<br>)*</\1>")
_LINE_END = re.compile(r"<br>|</(?:p|h3|h4|ul|ol)>")
_ANY_TAG = re.compile(r"<[^<>]*>")
_CLEANER = nh3.Cleaner(
    tags={"p", "br", "ul", "ol", "li", "strong", "em", "b", "i", "h3", "h4", "a"},
    attributes={"a": {"href"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="nofollow noopener",
)


def sanitised(text: str) -> str:
    """Return HTML or plain text as HTML of a few harmless elements.

    Raises ValueError with a sentence when it is too long, or nested so deep that cleaning it would take
    seconds (the time grows with the square of the depth).
    """
    if len(text) > MAX_DESCRIPTION:
        raise ValueError(f"The description is longer than {MAX_DESCRIPTION:,} characters.")
    if not text.strip():
        return ""
    if not is_html(text):
        clean = paragraphs(text)
    else:
        text = _TAG.sub(_renamed, text)
        if _depth(text) > MAX_DEPTH:
            raise ValueError(f"The HTML of the description is nested deeper than {MAX_DEPTH} levels.")
        clean = _EMPTY.sub("", _CLEANER.clean(text)).strip()
    if len(clean) > MAX_DESCRIPTION:
        raise ValueError(f"The description is longer than {MAX_DESCRIPTION:,} characters as HTML.")
    return clean


def as_text(description: str) -> str:
    """Return a sanitised description as plain text: its lines, with a dash before those of a list."""
    lines = _ANY_TAG.sub("", _LINE_END.sub("\n", description.replace("<li>", "<br>- ")))
    return re.sub(r"\n\s*\n", "\n\n", html.unescape(lines)).strip()


def is_html(text: str) -> bool:
    """Tell whether the text contains an HTML element; `a < b` and `List<String>` do not count."""
    return _HTML.search(text) is not None


def paragraphs(text: str) -> str:
    """Return plain text as escaped HTML: blank lines part paragraphs, other line ends stay."""
    lines = html.escape(text.replace("\r\n", "\n").replace("\r", "\n"), quote=False)
    blocks = (block.strip() for block in re.split(r"\n[^\S\n]*\n", lines))
    return "".join(f"<p>{block.replace(chr(10), '<br>')}</p>" for block in blocks if block)


def unescaped(text: str) -> str:
    """Return HTML that was escaped once more for transport (Greenhouse, many JSON-LD pages) as HTML."""
    for _ in range(2):
        if is_html(text) or "&" not in text:
            break
        text = html.unescape(text)
    return text


def _depth(text: str) -> int:
    """Return how deep elements nest at most; closing tags count only against their own name."""
    is_open: Counter[str] = Counter()
    depth = deepest = 0
    for closes, name in _TAG.findall(text):
        if name in _FLAT:
            continue
        if not closes:
            is_open[name] += 1
            depth += 1
        elif is_open[name]:
            is_open[name] -= 1
            depth -= 1
        deepest = max(deepest, depth)
    return deepest


def _renamed(found: re.Match[str]) -> str:
    name = found[2].lower()
    return f"<{found[1]}{_INSTEAD.get(name, name)}"
