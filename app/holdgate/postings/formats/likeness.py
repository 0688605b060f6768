"""By what two postings are likely one: the names of employer and position, without what boards write differently."""

import re
import unicodedata

# Legal forms, which some boards write behind a name.
_FORMS = frozenset(
    {
        "ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "ev", "gmbh", "inc", "incorporated", "kg",
        "kgaa", "limited", "llc", "llp", "ltd", "mbh", "nv", "oy", "plc", "pty", "sa", "sarl", "sas", "se", "sl", "spa",
        "srl", "ug",
    }
)  # fmt: skip
# Marks of who may apply, as in “Welder (m/f/d)”.
_GENDERS = re.compile(
    r"[(\[]?\b(?:[mwfhd](?:\s?[/|]\s?[mwfdxgiv*]){2}|m\s?/\s?[wf]|[wf]\s?/\s?m|h\s?/\s?f|f\s?/\s?h)(?!\w)[)\]]?"
    r"|\((?:all genders?|gn|x)\)",
    re.IGNORECASE,
)


def company_key(company: str) -> str:
    """`Reed & Co. Ltd`, `REED & CO` → `reed`; "" for a name without letters and digits."""
    words = re.findall(r"\w+", _plain(company).replace(".", ""))
    while len(words) > 1 and words[-1] in _FORMS:
        words.pop()
    return "".join(words)


def title_key(title: str) -> str:
    """`Thatcher (m/f/d)`, `THATCHER` → `thatcher`; `C++ Developer` is not `C Developer`."""
    return "".join(re.findall(r"[\w+#]", _plain(_GENDERS.sub(" ", title)))).replace("_", "")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
