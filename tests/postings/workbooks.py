"""Excel workbooks as Excel writes them, in small."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OF = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DATE = 1  # the style of a date

Cells = Sequence[str | int | None]


def column(place: int) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place]


def workbook(
    rows: Mapping[int, Cells],
    links: Mapping[str, str] | None = None,
    parts: Mapping[str, bytes] | None = None,
) -> bytes:
    """Row number → cells: texts are shared ones, numbers are dates. `links`: a cell's place → where it leads."""
    shared: list[str] = []
    sheet = "".join(f'<row r="{n}">{_cells(n, cells, shared)}</row>' for n, cells in rows.items())
    targets = dict(enumerate((links or {}).items(), 1))
    hyperlinks = "".join(f'<hyperlink ref="{ref}" r:id="rId{n}"/>' for n, (ref, _) in targets.items())
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OF}"><workbookPr/><sheets>'
        '<sheet name="Lists" sheetId="1" state="hidden" r:id="rId1"/><sheet name="Jobs" sheetId="2" r:id="rId2"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _relations({1: ("worksheets/sheet1.xml", ""), 2: ("worksheets/jobs.xml", "")}),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>',
        "xl/worksheets/jobs.xml": f'<worksheet xmlns="{MAIN}" xmlns:r="{OF}"><sheetData>{sheet}</sheetData>'
        f"<hyperlinks>{hyperlinks}</hyperlinks></worksheet>",
        "xl/worksheets/_rels/jobs.xml.rels": _relations({n: (to, "External") for n, (_, to) in targets.items()}),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy"/>'
        '</numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si><t>{escape(t)}</t></si>" for t in shared)}</sst>',
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, **(parts or {})}.items():
            archive.writestr(name, content)
    return made.getvalue()


def _cells(row: int, cells: Cells, shared: list[str]) -> str:
    written = []
    for place, cell in enumerate(cells):
        where = f'r="{column(place)}{row}"'
        if isinstance(cell, int):
            written.append(f'<c {where} s="{DATE}"><v>{cell}</v></c>')
        elif cell is not None:
            shared.append(cell)
            written.append(f'<c {where} t="s"><v>{len(shared) - 1}</v></c>')
    return "".join(written)


def _relations(targets: Mapping[int, tuple[str, str]]) -> str:
    inside = "".join(
        f'<Relationship Id="rId{n}" Target="{escape(to)}"{f""" TargetMode="{mode}" """ if mode else ""}/>'
        for n, (to, mode) in targets.items()
    )
    return f'<Relationships xmlns="{RELATIONS}">{inside}</Relationships>'
