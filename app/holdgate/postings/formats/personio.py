"""Personio's XML feed: `<workzag-jobs><position>…`, which names the postings' ids but not the site they are on.

Source: https://developer.personio.de/docs/retrieving-open-job-positions.
"""

import html
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from holdgate.postings.formats.rows import Draft, RowError, UnreadableFile, labelled


def postings(text: str, address: str) -> Iterator[Draft | RowError]:
    """Yield the positions of a feed that was fetched at `address`; a saved file does not tell where they are."""
    host = urlsplit(address).netloc
    if not host:
        raise UnreadableFile(
            "This is XML of Personio, which does not say where its postings are. Import the address of the board "
            "(https://….jobs.personio.de) instead of the file."
        )
    try:
        root = fromstring(text.encode(), forbid_dtd=True)
    except DefusedXmlException:
        raise UnreadableFile("This XML declares a document type, which is not read here.") from None
    except ParseError as error:
        raise UnreadableFile(f"The XML is not readable: {error}. Fetch it again.") from None
    scheme = urlsplit(address).scheme
    for row, position in enumerate(root.iter("position"), 1):
        yield _draft(row, position, f"{scheme}://{host}")


def _draft(row: int, position: Element, site: str) -> Draft:
    number = _text(position, "id")
    parts = position.findall("jobDescriptions/jobDescription")
    others = (office.text or "" for office in position.findall("additionalOffices/office"))
    return Draft(
        row=row,
        title=_text(position, "name"),
        company=_text(position, "subcompany") or (urlsplit(site).hostname or "").partition(".")[0],
        url=f"{site}/job/{number}",
        location="; ".join(dict.fromkeys(filter(None, (_text(position, "office"), *others)))),
        description="".join(f"<h3>{html.escape(_text(part, 'name'))}</h3>{_text(part, 'value')}" for part in parts),
        external_id=number,
        extra=labelled(
            department=_text(position, "department"),
            employment_type=_text(position, "employmentType"),
            schedule=_text(position, "schedule"),
        ),
    )


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()
