"""Characters that cannot be seen, or that change how others are read, written out: `‹U+202E›`.

Who decides reads a title, a name or an address. A right-to-left override makes `ann@example.org` of other bytes, a
zero-width space two addresses look like one, a tag hides a sentence. So wherever a text is shown, in pages,
emails and terminals, these are replaced by their code point; what is stored and what a field sends back stays exact.

Kept is what a reader sees by its effect and what writing needs: a joiner in an emoji, between letters that join (Arabic
scripts) or behind a virama (Indic scripts), a variation selector behind a symbol or an ideograph, and the spaces
that people type. Not kept, though some use them: marks of direction (each value is isolated, so they are rarely
needed), soft hyphens, and the flags made of tags, which can hide any text.
"""

import re
import unicodedata

# Everything of these that Unicode calls control (Cc, without tab and line feed), format (Cf), line or paragraph
# separator (Zl, Zp), surrogate (Cs) or default ignorable, without the signs around Arabic numbers, which can be
# seen; and the spaces that nobody types. A return before a line feed is a line's end.
_UNSEEN = re.compile(
    "\r(?!\n)|["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u2008\u200a-\u200f\u2028-\u202e\u205f-\u206f\u2800\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PRINTABLE = bytes([9, 10, *range(0x20, 0x7F)])
_JOINERS = "\u200c\u200d"
# Letters of Arabic, Syriac, N'Ko, Mandaic and Mongolian: what stands between two of them changes their shapes.
_CURSIVE = re.compile("[\u0620-\u065f\u066e-\u06d3\u06d5\u06fa-\u06ff\u0710-\u08ff\u1820-\u18aa]")
_TEXT_SELECTORS = "\ufe0e\ufe0f"
_KEYCAP = "\u20e3"


def visible(text: str) -> str:
    """The text with what cannot be seen in it written as code points."""
    return _UNSEEN.sub(_written, text)


# In sanitised HTML an attribute may hold `<` and `>`: `<textarea>` in there begins none.
_TAG = re.compile(r"""(<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>)""")
_READ = re.compile(r"((?<![\w-])(?:title|alt|aria-label|placeholder|data-confirm|hx-confirm)=\"[^\"]*\")")


def visible_html(html: str) -> str:
    """HTML whose texts, and attributes that people read, show every character.

    All others, and what is in a textarea, stay exact: they are what a form sends back.
    """
    # Nearly every page: what is no printable ASCII is little, and looked at alone.
    rest = html.encode("utf-8", "surrogatepass").translate(None, _PRINTABLE)
    if not _UNSEEN.search(rest.decode("utf-8", "surrogatepass")) or visible(html) == html:
        return html
    pieces = _TAG.split(html)
    editing = False
    for number, piece in enumerate(pieces):
        if not number % 2:
            pieces[number] = piece if editing else visible(piece)
            continue
        editing = piece.startswith("<textarea") or (editing and piece != "</textarea>")
        pieces[number] = "".join(visible(part) if at % 2 else part for at, part in enumerate(_READ.split(piece)))
    return "".join(pieces)


def unseen(text: str) -> list[str]:
    """The code points and names of what is written out, each once, the first five: to warn where a text is edited."""
    found = dict.fromkeys(each[0] for each in _UNSEEN.finditer(text) if _written(each) != each[0])
    return [f"U+{ord(each):04X} {unicodedata.name(each, 'control character')}" for each in list(found)[:5]]


def is_blank(text: str) -> bool:
    """Whether there is nothing in it that can be seen."""
    return not _UNSEEN.sub("", text).strip()


def _written(found: re.Match[str]) -> str:
    text, at = found.string, found.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return found[0] if _has_effect(found[0], before, after) else f"‹U+{ord(found[0]):04X}›"


def _has_effect(sign: str, before: str, after: str) -> bool:
    if not before:
        return False
    if sign in _JOINERS:
        if unicodedata.combining(before) == 9:  # a virama
            return True
        if sign == "\u200d":
            return _is_symbol(before) and _is_symbol(after)
        return bool(_CURSIVE.match(before) and _CURSIVE.match(after))
    if sign in _TEXT_SELECTORS:
        return after == _KEYCAP or (before not in _TEXT_SELECTORS and _is_symbol(before))
    if "\U000e0100" <= sign <= "\U000e01ef":  # which of its forms a name is written with
        return unicodedata.name(before, "").startswith("CJK ")
    return False


def _is_symbol(sign: str) -> bool:
    if not sign or (sign < "\u2000" and sign not in "©®"):
        return False
    return sign in _TEXT_SELECTORS or unicodedata.category(sign) in ("So", "Sk", "Sm")
