"""Lever's Postings API: a list of postings, or one.

Source: https://github.com/lever/postings-api. It names no company (the site's name in `hostedUrl` stands in)
and does not tell which questions a form asks.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from holdgate.postings.formats.description import paragraphs
from holdgate.postings.formats.rows import (
    Draft,
    RowError,
    UnreadableFile,
    labelled,
    list_of,
    object_of,
    one_line,
    row_error,
    text_of,
)


def postings(document: object) -> Iterator[Draft | RowError]:
    """Yield the postings of a decoded document; `row` counts them from 1."""
    if object_of(document).get("ok") is False:
        said = one_line(text_of(object_of(document).get("error")))[:200]
        raise UnreadableFile(f"This is an error message, not a list of postings: {said or 'no reason is named'}.")
    for row, posting in enumerate(list_of(document), 1):
        yield (
            _draft(row, posting) if isinstance(posting, dict) else row_error(row, "", "This entry is not a posting.")
        )


def _draft(row: int, posting: Mapping[str, object]) -> Draft:
    url = text_of(posting.get("hostedUrl"))
    categories = object_of(posting.get("categories"))
    return Draft(
        row=row,
        title=text_of(posting.get("text")),
        company=_site(url),
        url=url,
        location="; ".join(filter(None, map(text_of, list_of(categories.get("allLocations")))))
        or text_of(categories.get("location")),
        apply_url=text_of(posting.get("applyUrl")),
        description=_description(posting),
        external_id=text_of(posting.get("id")),
        extra=labelled(
            team=categories.get("team"),
            department=categories.get("department"),
            commitment=categories.get("commitment"),
            workplace=posting.get("workplaceType"),
            country=posting.get("country"),
            salary=_salary(object_of(posting.get("salaryRange"))),
        ),
    )


def _salary(given: Mapping[str, object]) -> str:
    """Lever's salary range in words: `GBP 28,000–34,000 per year`."""
    amounts = [f"{amount:,}" for name in ("min", "max") if isinstance(amount := given.get(name), int | float)]
    interval = text_of(given.get("interval")).removesuffix("-salary").removesuffix("-wage").replace("-", " ")
    return f"{text_of(given.get('currency'))} {'–'.join(dict.fromkeys(amounts))} {interval}" if amounts else ""


def _site(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.hostname or ""
    return unquote(parts.path.strip("/").partition("/")[0]) if f".{host}".endswith(".lever.co") else ""


def _description(posting: Mapping[str, object]) -> str:
    """Join opening, lists and closing, as the hosted page shows them one below the other."""
    parts = [_either(posting, "description")]
    for item in map(object_of, list_of(posting.get("lists"))):
        parts.append(f"<h3>{paragraphs(text_of(item.get('text'))).removeprefix('<p>').removesuffix('</p>')}</h3>")
        parts.append(f"<ul>{text_of(item.get('content'))}</ul>")
    parts += _either(posting, "salaryDescription"), _either(posting, "additional")
    return "".join(parts)


def _either(posting: Mapping[str, object], name: str) -> str:
    """Return a text as HTML: the styled one where there is one, else the plain one."""
    styled = text_of(posting.get(name))
    return styled if styled.strip() else paragraphs(text_of(posting.get(f"{name}Plain")))
