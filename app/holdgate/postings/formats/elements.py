"""Elements of an XML document one after the other, in little memory and time, whoever has written it."""

from collections.abc import Iterator, Set
from typing import IO
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

from holdgate.postings.formats.rows import UnreadableFile

MAX_ELEMENTS = 800_000
MAX_INSIDE = 70_000
"""In one element that is given as a whole."""
PIECE = 4 * 1024 * 1024


def elements(source: IO[bytes], names: Set[str]) -> Iterator[Element]:
    """Yield each element with one of these (lower-case) names when it ends, with what it holds; all else is dropped.

    Raises:
        UnreadableFile: there are too many. ParseError; DefusedXmlException: it declares a document type.
    """
    open_ones: list[Element] = []
    whole = inside = count = 0
    for event, element in iterparse(_Pieces(source), events=("start", "end"), forbid_dtd=True):
        wanted = name_of(element).lower() in names
        if event == "start":
            open_ones.append(element)
            count += 1
            inside = inside + 1 if whole else 0
            whole += wanted
            if count > MAX_ELEMENTS or inside > MAX_INSIDE:
                raise UnreadableFile("The file has too many cells or elements for a list of postings. Save it as CSV.")
            continue
        open_ones.pop()
        whole -= wanted
        if wanted:
            yield element
        if not whole and open_ones:
            del open_ones[-1][:]


class _Pieces:
    """Read in large pieces: with each one the parser begins anew at a comment, or a text, that has not ended."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def read(self, _: int = -1) -> bytes:
        return self._source.read(PIECE)


def name_of(element: Element) -> str:
    """Without its name space."""
    return str(element.tag).rpartition("}")[2]
