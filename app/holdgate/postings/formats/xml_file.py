"""XML feeds of postings that no board of ours writes: RSS, Atom, and the many `<jobs><job>…` of careers sites.

Each entry becomes a row of a table whose columns are its elements, so that names are known, or chosen, as those of CSV.
"""

import io
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError

from holdgate.postings.formats.elements import elements, name_of
from holdgate.postings.formats.rows import MAX_ROWS, UnreadableFile
from holdgate.postings.formats.table import MAX_COLUMNS

ENTRIES = frozenset(
    {
        "annonce", "entry", "item", "job", "job_posting", "jobposting", "listing", "oferta", "offer", "offre",
        "opening", "position", "posting", "record", "row", "stelle", "stellenangebot", "vacancy",
    }
)  # fmt: skip
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# What RSS and Atom call what they have, where no element of another name says it better.
_FEED = {
    "summary": "description",
    "content": "description",
    "creator": "company",
    "author": "company",
    "id": "",
    "guid": "",
}


def records(text: str) -> list[tuple[int, list[str] | str]]:
    """A header and a row for each entry, numbered from 1 below it. Raises UnreadableFile."""
    try:
        entries = list(_entries(text))
    except DefusedXmlException:
        raise UnreadableFile("This XML declares a document type, which is not read here.") from None
    except ParseError as error:
        raise UnreadableFile(f"The XML is not readable: {error}. Fetch it again, or export a CSV file.") from None
    if not entries:
        raise UnreadableFile(
            "This is XML without postings that are known here (job, position, vacancy, item, entry …). "
            "Export a CSV file with the columns title, company and url."
        )
    names = list(dict.fromkeys(name for entry in entries for name in entry))[:MAX_COLUMNS]
    header: tuple[int, list[str] | str] = (0, names)
    return [header, *((row, [entry.get(name, "") for name in names]) for row, entry in enumerate(entries, 1))]


def _entries(text: str) -> Iterator[dict[str, str]]:
    count = 0
    for element in elements(io.BytesIO(text.encode()), ENTRIES):
        # An entry may stand in another, as a job in a listing: then that one is empty, and none itself.
        cells = _cells(element) if len(element) > 1 else {}
        element.clear()
        if cells:
            count += 1
            if count > MAX_ROWS:
                raise UnreadableFile(f"The file holds more than {MAX_ROWS:,} postings. Split it into smaller files.")
            yield cells


def _cells(entry: Element) -> dict[str, str]:
    cells: dict[str, str] = {}
    for child in entry:
        name = _HUMP.sub(" ", name_of(child))
        name = _FEED.get(name.lower(), name)
        value = " ".join(part.strip() for part in child.itertext() if part.strip()) or child.get("href", "")
        if name and value and (name not in cells or child.get("rel") == "alternate"):
            cells[name] = value
    return cells
