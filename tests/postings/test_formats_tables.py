"""Tables in other files than CSV: Excel workbooks and XML feeds; and columns that a person names."""

import io
import zipfile

import pytest

from holdgate.postings.formats import FileReading, UnknownColumns, UnreadableFile, elements, parse, read, xlsx
from tests.postings.workbooks import MAIN, Cells, workbook

HEADER: Cells = ["Position", "Firma", "Link", "Date applied", "Ort"]
THATCHER: Cells = ["Thatcher", "Reed & Co", "https://reed.example/1", 46297, "Diss"]


def test_the_first_visible_sheet_of_a_workbook_is_read() -> None:
    parsed = parse(
        workbook({2: ["My search"], 4: HEADER, 5: THATCHER, 9: ["Hedger", "Reed & Co", "reed.example/2"]}), None
    )
    assert (parsed.format, parsed.errors) == ("xlsx", [])
    assert [(row.row, row.title, row.url, row.applied_on, row.location) for row in parsed.rows] == [
        (5, "Thatcher", "https://reed.example/1", "2026-10-02", "Diss"),
        (9, "Hedger", "https://reed.example/2", "", ""),
    ]


def test_a_cell_that_leads_to_the_posting_is_its_address() -> None:
    rows: dict[int, Cells] = {1: ["Title", "Company", "Url"], 2: ["Thatcher", "Reed & Co", "Open"]}
    [row] = parse(workbook(rows, {"C2": "https://reed.example/1", "A2": "https://reed.example/other"}), None).rows
    assert (row.title, row.url) == ("Thatcher", "https://reed.example/1")


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"xl/worksheets/jobs.xml": b"<worksheet><!--" + b" " * 2_000_000}, "unpacks to more"),
        ({"xl/worksheets/jobs.xml": b"<worksheet>" + b"<row/>" * 110_000}, "too many cells"),
        ({"xl/worksheets/jobs.xml": b"<worksheet><row>" + b"<c/>" * 80_000}, "too many cells"),
        ({"xl/sharedStrings.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><sst/>"}, "document type"),
        ({"xl/worksheets/jobs.xml": b"<worksheet><row>"}, "damaged"),
        (
            {"xl/worksheets/jobs.xml": f'<worksheet xmlns="{MAIN}">{"<row><c><v>1</v></c></row>" * 11_000}'.encode()},
            "more than 10,000 rows",
        ),
    ],
)
def test_a_workbook_that_is_no_list_of_postings_is_refused(
    monkeypatch: pytest.MonkeyPatch, parts: dict[str, bytes], why: str
) -> None:
    # The limits themselves would take the test some seconds each.
    monkeypatch.setattr(xlsx, "MAX_UNPACKED", 2_000_000)
    monkeypatch.setattr(elements, "MAX_ELEMENTS", 100_000)
    with pytest.raises(UnreadableFile, match=why):
        parse(workbook({1: HEADER, 2: THATCHER}, parts=parts), None)


def damaged_sheet(data: bytes) -> bytes:
    """The workbook with other bytes where its sheet is packed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.getinfo("xl/worksheets/jobs.xml")
    begin = sheet.header_offset + 30 + len(sheet.filename)
    return data[:begin] + b"\xff" * sheet.compress_size + data[begin + sheet.compress_size :]


def cell(more: str) -> dict[str, bytes]:
    return {"xl/worksheets/jobs.xml": f'<worksheet xmlns="{MAIN}"><row><c {more}</c></row></worksheet>'.encode()}


@pytest.mark.parametrize(
    "data",
    [
        damaged_sheet(workbook({1: HEADER, 2: THATCHER})),
        workbook({}, parts=cell('t="s"><v>7</v>')),
        workbook({}, parts={"xl/worksheets/jobs.xml": b'<worksheet><row r="99999999999"><c/></row></worksheet>'}),
        workbook(
            {},
            parts={
                **cell('s="1"><v>2958465</v>'),
                "xl/workbook.xml": b'<workbook><workbookPr date1904="1"/></workbook>',
                "xl/worksheets/sheet1.xml": cell('s="1"><v>2958465</v>')["xl/worksheets/jobs.xml"],
            },
        ),
    ],
    ids=["packed wrongly", "a text that is not there", "a row that is none", "a day after the last"],
)
def test_a_damaged_workbook_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(UnreadableFile, match="damaged"):
        parse(data, None)


def test_cells_far_away_cost_nothing() -> None:
    far = (
        f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    with pytest.raises(UnknownColumns):
        parse(workbook({}, parts={"xl/worksheets/jobs.xml": far.encode()}), None)


def test_feeds_are_tables_whose_columns_are_elements() -> None:
    jobs = (
        '<?xml version="1.0"?><source><job><jobTitle><![CDATA[Bell Founder]]></jobTitle><company>Tenor</company>'
        "<url>https://tenor.example/jobs/1</url><city>Leeds</city><salary>GBP 30,000</salary></job></source>"
    )
    [row] = parse(jobs.encode(), None).rows
    assert (row.title, row.company, row.location, row.extra["salary"]) == (
        "Bell Founder",
        "Tenor",
        "Leeds",
        "GBP 30,000",
    )

    rss = (
        "<rss><channel><title>Jobs</title><item><title>Bell Founder</title><link>https://tenor.example/1</link>"
        "<description>&lt;p&gt;Bronze.&lt;/p&gt;</description></item></channel></rss>"
    )
    with pytest.raises(UnknownColumns, match="lacks company"):
        parse(rss.encode(), None)
    [row] = read(rss.encode(), FileReading(company="Tenor")).rows
    assert (row.company, row.description) == ("Tenor", "<p>Bronze.</p>")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><jobs><job/></jobs>", "document type"),
        ("<?xml version='1.0'?><jobs><job>", "not readable"),
        ("<?xml version='1.0'?><menu><dish>Soup</dish></menu>", "without postings"),
    ],
)
def test_other_xml_is_refused_by_what_it_is(text: str, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        parse(text.encode(), None)


UNKNOWN = "Meine Liste,,\nWas,Wo,Netz\nReetdachdecker,Ried,https://ried.example/1\n"


def test_a_header_that_nobody_knows_is_shown_with_its_first_row() -> None:
    with pytest.raises(UnknownColumns) as unknown:
        parse(UNKNOWN.encode(), "a.csv")
    assert [(column.name, column.field, column.sample) for column in unknown.value.columns] == [
        ("Was", "", "Reetdachdecker"),
        ("Wo", "", "Ried"),
        ("Netz", "", "https://ried.example/1"),
    ]


def test_columns_are_what_a_person_says() -> None:
    fields = {"Was": "title", "Wo": "company", "Netz": "url"}
    [row] = read(UNKNOWN.encode(), FileReading(fields=fields)).rows
    assert (row.row, row.title, row.company) == (3, "Reetdachdecker", "Ried")
    # What they say goes before what a name says.
    swapped = "title,company,url\nReed,Thatcher,https://reed.example/1\n"
    [row] = read(swapped.encode(), FileReading(fields={"title": "company", "company": "title", "url": "url"})).rows
    assert (row.title, row.company) == ("Thatcher", "Reed")
    [row] = read(UNKNOWN.encode(), FileReading(fields={"Was": "title", "Netz": "url", "Wo": ""}, company="Ried")).rows
    assert (row.company, row.extra) == ("Ried", {"Wo": "Ried"})
