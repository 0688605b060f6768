"""The first visible sheet of an Excel workbook (.xlsx, .xlsm) as rows of texts.

Read here and not by a library: a workbook is an archive of XML that anybody can send. What is unpacked is counted as
it comes, whatever the archive says of itself; cells are taken row by row, up to the rows and columns of an import,
wherever they say they stand; no document type is read.

Source: ECMA-376, part 1, chapter 18.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, cast
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError

from holdgate.core.file_types import DAMAGED
from holdgate.postings.formats.elements import elements, name_of
from holdgate.postings.formats.rows import MAX_ROWS, UnreadableFile
from holdgate.postings.formats.table import HEADINGS, MAX_COLUMNS, LinkedText

MAX_UNPACKED = 48 * 1024 * 1024
MAX_CELL = 300_000  # characters
LAST_ROW = 1_048_576  # that a sheet can have; larger numbers are none in the database either

# Those of the formats that come with Excel which are dates, without times of day alone.
_DATES = frozenset({14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 59)})
_FORMAT_TEXT = re.compile(r'"[^"]*"|\\.|\[[^\[\]]*\]')
_PLACE = re.compile(r"([A-Z]{1,3})(\d+)")


def is_workbook(data: bytes) -> bool:
    """Whether an archive is a workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except DAMAGED:
        return False


def records(data: bytes) -> list[tuple[int, list[str] | str]]:
    """Number and cells of each row that has any. Raises UnreadableFile."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _Workbook(archive).rows()
    except DefusedXmlException:
        raise UnreadableFile("This workbook declares a document type, which is not read here.") from None
    except (ParseError, *DAMAGED):
        raise UnreadableFile(
            "This workbook is damaged or protected by a password. Open it, and save it as .xlsx or CSV."
        ) from None


class _Counted:
    """A member as it is unpacked, up to what is left for all of them."""

    def __init__(self, member: IO[bytes], budget: list[int]) -> None:
        self._member, self._budget = member, budget

    def read(self, size: int = -1) -> bytes:
        piece = self._member.read(size)
        self._budget[0] -= len(piece)
        if self._budget[0] < 0:
            raise UnreadableFile(
                f"The workbook unpacks to more than {MAX_UNPACKED // 1024**2} MiB. Save the sheet as CSV."
            )
        return piece


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._budget = [MAX_UNPACKED]
        self._since = datetime(1899, 12, 30)
        self._texts = list(self._shared()) if "xl/sharedStrings.xml" in archive.namelist() else []
        self._date_styles = self._dates() if "xl/styles.xml" in archive.namelist() else frozenset()

    def rows(self) -> list[tuple[int, list[str] | str]]:
        path = self._sheet()
        links = self._targets(path)
        found: list[tuple[int, list[str]]] = []
        linked: dict[tuple[int, int], str] = {}
        number = 0
        for element in self._elements(path, "row", "hyperlink"):
            match name_of(element):
                case "row":
                    number = int(element.get("r") or number + 1)
                    if number > LAST_ROW:
                        raise ValueError("no sheet has such a row")
                    if len(found) > MAX_ROWS + HEADINGS:
                        raise UnreadableFile(f"The sheet has more than {MAX_ROWS:,} rows. Split it into smaller files.")
                    if any(cells := self._cells(element)):
                        found.append((number, cells))
                case "hyperlink":
                    place, target = _place(element.get("ref", "")), links.get(_attribute(element, "id"), "")
                    if place and target.startswith(("http://", "https://", "mailto:")):
                        linked[place] = target
        return [(row, [_linked(cell, linked.get((row, n))) for n, cell in enumerate(cells)]) for row, cells in found]

    def _sheet(self) -> str:
        """The path of the first sheet that is not hidden."""
        sheets: list[str] = []
        for element in self._elements("xl/workbook.xml", "workbookPr", "sheet"):
            if name_of(element) == "workbookPr" and element.get("date1904") in ("1", "true"):
                self._since = datetime(1904, 1, 1)
            if name_of(element) == "sheet" and element.get("state", "visible") == "visible":
                sheets.append(_attribute(element, "id"))
        return self._targets("xl/workbook.xml")[sheets[0]] if sheets else "xl/worksheets/sheet1.xml"

    def _targets(self, path: str) -> dict[str, str]:
        """Where the relations of a part lead, by their ids: parts of the archive, or addresses."""
        folder, name = posixpath.split(path)
        relations = f"{folder}/_rels/{name}.rels"
        if relations not in self._archive.namelist():
            return {}
        targets = {}
        for element in self._elements(relations, "Relationship"):
            target = element.get("Target", "")
            if element.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join(folder, target)).lstrip("/")
            targets[element.get("Id", "")] = target
        return targets

    def _elements(self, path: str, *names: str) -> Iterator[Element]:
        with self._archive.open(path) as member:
            counted = cast("IO[bytes]", _Counted(member, self._budget))
            yield from elements(counted, {name.lower() for name in names})

    def _shared(self) -> Iterator[str]:
        return map(_text, self._elements("xl/sharedStrings.xml", "si"))

    def _dates(self) -> frozenset[int]:
        """The styles of cells that show a date."""
        own: dict[int, str] = {}
        styles: list[int] = []
        for element in self._elements("xl/styles.xml", "numFmt", "cellXfs"):
            if name_of(element) == "numFmt":
                own[int(element.get("numFmtId", "0"))] = _FORMAT_TEXT.sub("", element.get("formatCode", "")).lower()
            if name_of(element) == "cellXfs":
                styles = [int(each.get("numFmtId", "0")) for each in element]
        dates = _DATES | {number for number, code in own.items() if "y" in code or "d" in code}
        return frozenset(place for place, number in enumerate(styles) if number in dates)

    def _cells(self, row: Element) -> list[str]:
        cells: list[str] = []
        for element in row:
            if name_of(element) != "c":
                continue
            place = _place(element.get("r", ""))
            column = place[1] if place else len(cells)
            if column > MAX_COLUMNS:
                continue
            cells += [""] * (column + 1 - len(cells))
            cells[column] = self._value(element)
        return cells

    def _value(self, cell: Element) -> str:
        if cell.get("t") == "inlineStr":
            return _text(cell)[:MAX_CELL]
        value = next((each.text or "" for each in cell if name_of(each) == "v"), "")
        match cell.get("t", "n"):
            case "s":
                return self._texts[int(value)][:MAX_CELL] if value else ""
            case "b":
                return "yes" if value == "1" else "no"
            case "e":
                return ""
            case "n" if value:
                return self._number(value, int(cell.get("s", "0")))
        return value[:MAX_CELL]

    def _number(self, value: str, style: int) -> str:
        number = float(value)
        if style in self._date_styles and 0 < number < 2_958_466:
            return f"{self._since + timedelta(days=int(number)):%Y-%m-%d}"
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else value


def _attribute(element: Element, name: str) -> str:
    """Of whatever name space: `r:id`."""
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")


def _text(element: Element) -> str:
    """The runs of a text, without the reading aids of Japanese."""
    parts = []
    for each in element:
        match name_of(each):
            case "t":
                parts.append(each.text or "")
            case "r" | "is":
                parts.append(_text(each))
    return "".join(parts)


def _place(reference: str) -> tuple[int, int] | None:
    """Row and column (from 0) of `B3`, or of the first cell of `B3:C4`."""
    found = _PLACE.match(reference)
    if found is None:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]), column - 1


def _linked(cell: str, target: str | None) -> str:
    if target is None:
        return cell
    text = LinkedText(cell or target)
    text.href = target
    return text
