"""schema.org JobPosting as JSON-LD: an object, a list, an `@graph`, or a web page that carries some.

Source: https://schema.org/JobPosting. Nodes of other types are passed over.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

import msgspec

from holdgate.postings.formats.columns import iso_date
from holdgate.postings.formats.description import unescaped
from holdgate.postings.formats.page import read_page
from holdgate.postings.formats.rows import (
    Draft,
    RowError,
    RowWarning,
    UnreadableFile,
    host_of,
    labelled,
    list_of,
    object_of,
    row_error,
    text_of,
)

MAX_LOCATIONS = 5
# A comma before a closing bracket, where it is not inside a string.
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_INSIDE = ("@graph", "itemListElement", "item", "mainEntity")


def postings(document: object) -> Iterator[Draft | RowError]:
    """Yield the JobPosting nodes of a decoded document; `row` counts them, in the order of the text, from 1."""
    nodes = list(_nodes(document))
    named = _named(nodes)
    jobs = [node for node in nodes if _is_a(node, "JobPosting")]
    if not jobs:
        raise UnreadableFile("The JSON-LD in this file describes no job (no node has the type JobPosting).")
    for row, job in enumerate(jobs, 1):
        yield _draft(row, job, named)


def postings_of_page(text: str, saved_from: str = "") -> Iterator[Draft | RowError | RowWarning]:
    """Yield the JobPosting nodes of a web page; a broken JSON-LD block that may be a posting counts as one more row.

    Args:
        saved_from: the page's address, where the page itself does not tell it.
    """
    page = read_page(text)
    if not page.blocks:
        raise UnreadableFile(
            "This page carries no JSON-LD block. Save the page of a single job, "
            "or import a CSV file with the columns title, company and url."
        )
    page_address = page.address or saved_from
    found: list[Mapping[str, object] | str] = []
    nodes: list[Mapping[str, object]] = []
    for block in page.blocks:
        try:
            inside = list(_nodes(_decoded(block)))
        except (ValueError, RecursionError):
            if "JobPosting" in block:
                found.append(block)
            else:
                yield RowWarning(0, "", "One block of data on this page is not readable. It seems to be no posting.")
            continue
        nodes += inside
        found += [node for node in inside if _is_a(node, "JobPosting")]
    if not found:
        raise UnreadableFile("The JSON-LD of this page describes no job. Save the page of a single job instead.")
    named = _named(nodes)
    # The page's own address stands in for a missing one only where it cannot mean another job.
    address = page_address if len(found) == 1 else ""
    for row, job in enumerate(found, 1):
        if isinstance(job, str):
            yield row_error(row, "", "This JSON-LD block is not readable as JSON.", job)
        else:
            yield _draft(row, job, named, address, page_address)


def _decoded(block: str) -> object:
    """Decode JSON as browsers' other readers take it: with raw line ends inside strings and commas before brackets.

    Raises ValueError when it is not readable even so.
    """
    try:
        return msgspec.json.decode(block)
    except msgspec.DecodeError:
        return json.loads(_TRAILING.sub(lambda found: found[1] or "", block), strict=False)


def _nodes(document: object) -> Iterator[Mapping[str, object]]:
    """Yield every node that can be a posting or be referred to, without recursion: depth is the sender's choice."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += reversed([value[key] for key in _INSIDE if key in value])
        elif isinstance(value, list):
            waiting += reversed(value)


def _named(nodes: list[Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    """Return the nodes by their `@id`, leaving out those that only refer to another."""
    return {name: node for node in nodes if len(node) > 1 and (name := text_of(node.get("@id")))}


def _is_a(node: Mapping[str, object], name: str) -> bool:
    """Tell whether a node has the type, written `X`, `schema:X` or `https://schema.org/X`."""
    types = (text_of(item) for item in list_of(node.get("@type")))
    return any(item.replace(":", "/").rpartition("/")[2] == name for item in types)


def _draft(
    row: int,
    job: Mapping[str, object],
    named: Mapping[str, Mapping[str, object]],
    address: str = "",
    page_address: str = "",
) -> Draft:
    """`address` stands in for a missing one; a relative one is one of `page_address`."""
    company = next(iter(list_of(job.get("hiringOrganization"))), None)
    organization = object_of(company)
    if "name" not in organization:
        organization = named.get(text_of(organization.get("@id")), {})
    identifier = job.get("identifier")
    node_id = text_of(job.get("@id"))
    own = node_id if node_id.startswith(("http://", "https://")) else ""
    url = text_of(job.get("url")).strip() or address or own
    if page_address and url and "://" not in url:
        url = urljoin(page_address, url)
    name = _plain(organization.get("name")) or _plain(company)
    warnings = []
    if not name and (name := host_of(url)):
        warnings.append(RowWarning(row, "company", f"The page names no company; its site, {name}, stands in."))
    return Draft(
        row=row,
        title=_plain(job.get("title")) or _plain(job.get("name")),
        company=name,
        url=url,
        location=_location(job),
        apply_url=_apply_url(job),
        description=unescaped(text_of(job.get("description"))),
        external_id=text_of(object_of(identifier).get("value")) or text_of(identifier),
        extra=labelled(
            employment_type=", ".join(filter(None, map(text_of, list_of(job.get("employmentType"))))),
            date_posted=job.get("datePosted"),
            valid_through=job.get("validThrough"),
        ),
        warnings=warnings,
        valid_through=iso_date(text_of(job.get("validThrough"))),
    )


def _plain(value: object) -> str:
    return html.unescape(text_of(value))


def _apply_url(job: Mapping[str, object]) -> str:
    for action in map(object_of, list_of(job.get("potentialAction"))):
        for target in list_of(action.get("target")) if _is_a(action, "ApplyAction") else ():
            entry = object_of(target)
            if url := text_of(target) or text_of(entry.get("urlTemplate")) or text_of(entry.get("url")):
                return url
    return ""


def _location(job: Mapping[str, object]) -> str:
    """Return the places as `Town, Region, Country; …`, and `Remote` for a job from anywhere."""
    found = [_place(item) for item in list_of(job.get("jobLocation"))]
    if "TELECOMMUTE" in map(text_of, list_of(job.get("jobLocationType"))):
        found.append("Remote")
    places = list(dict.fromkeys(filter(None, found)))
    more = len(places) - MAX_LOCATIONS
    return "; ".join(places[:MAX_LOCATIONS]) + (f"; and {more} more" if more > 0 else "")


def _place(value: object) -> str:
    place = object_of(value)
    address = place.get("address", value)
    parts = object_of(address)
    country = parts.get("addressCountry")
    texts = [
        _plain(parts.get("addressLocality")),
        _plain(parts.get("addressRegion")),
        _plain(object_of(country).get("name")) or _plain(country),
    ]
    return ", ".join(dict.fromkeys(filter(None, texts))) or _plain(address) or _plain(place.get("name"))
