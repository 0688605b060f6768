"""Files as job seekers have them (cases/README.md says of each what the right result is)."""

from pathlib import Path

import pytest

from holdgate.core.db import Database
from holdgate.postings.formats import Parsed, UnreadableFile, parse
from tests.elements import texts
from tests.factories.people import Browser, words
from tests.factories.postings import count

CASES = Path(__file__).parent / "cases"

BELL = "Bell Founder | Tenor Foundry | Loughborough, Leics, GB | https://tenor.example/jobs/1"
KILN = "Kiln Technician | Marl Pottery | Leeds | https://job-boards.greenhouse.io/marlpottery/jobs/"
THATCHER = "Thatcher | Reed & Co |  | https://reed.example/1"

# File → its postings as title | company | location | canonical address, and a word of each warning.
READ: dict[str, tuple[list[str], list[str]]] = {
    "greenhouse-multi-select.json": ([f"{KILN}501"], []),
    "greenhouse-compliance.json": ([f"{KILN}502"], ["demographic questions, consent"]),
    "greenhouse-file-question.json": ([f"{KILN}507"], []),
    "greenhouse-new-type.json": ([f"{KILN}508"], ["optional and was skipped"]),
    "greenhouse-departments.json": ([f"{KILN}505".replace("Marl Pottery", "marlpottery")], []),
    "greenhouse-no-company.json": (
        [
            "Kiln Technician | careers.marl-pottery.example | Leeds"
            " | https://careers.marl-pottery.example/open?gh_jid=506"
        ],
        ["names no company"],
    ),
    "lever-salary-locations.json": (
        [
            "Weaver | thread-and-loom | Bradford; Halifax"
            " | https://jobs.eu.lever.co/thread-and-loom/0d9f6a3e-0000-4000-8000-000000000001"
        ],
        [],
    ),
    "ashby-board.json": (
        ["Glass Blower | lagoon-glass | Murano; Remote (IT) | https://jobs.ashbyhq.com/lagoon-glass/a1"],
        [],
    ),
    "workable-widget.json": (["Glass Blower | Lagoon Glass | Murano, Italy | https://apply.workable.com/j/ABC123"], []),
    "recruitee.json": (["Glass Blower | Lagoon Glass | Murano | https://lagoon.recruitee.com/o/glass-blower"], []),
    "jsonld-raw-newline.html": ([BELL], []),
    "jsonld-trailing-comma.html": ([BELL], []),
    "jsonld-cdata-slashes.html": ([BELL], []),
    "jsonld-broken-other-block.html": ([BELL], ["not readable"]),
    "jsonld-twice.html": ([BELL], ["same posting as row 1"]),
    "jsonld-no-url-ogurl.html": ([BELL], []),
    "jsonld-saved-page.html": ([BELL], []),
    "jsonld-relative-url.html": ([BELL], []),
    "jsonld-expired.html": ([BELL], []),
    "jsonld-confidential.html": ([BELL.replace("Tenor Foundry", "tenor.example")], ["names no company"]),
    "excel-sep-line.csv": ([THATCHER], []),
    "excel-short-rows.csv": (
        ["Thatcher | Reed & Co | Diss | https://reed.example/1"]
        + [f"Thatcher {n} | Reed & Co |  | https://reed.example/{n}" for n in (2, 3, 4)],
        [],
    ),
    "linkedin-applications.csv": (["Thatcher | Reed & Co |  | https://linkedin.com/jobs/view/4000000001"], []),
    "notion.csv": ([THATCHER], []),
    "german.csv": (["Reetdachdecker | Ried & Söhne | Husum | https://ried.example/1"], ["Windows-1252"]),
    "tracker-already-applied.csv": ([THATCHER, THATCHER.replace("/1", "/2")], []),
    "two-boards.csv": (
        [
            "Thatcher | Reed & Co | Diss | https://job-boards.greenhouse.io/reedco/jobs/4000001",
            "Thatcher | Reed & Co | Diss | https://linkedin.com/jobs/view/4000000001",
        ],
        ["same posting as row 2", "Probably the same job as row 2"],
    ),
    "linkedin-variants.csv": (
        ["Thatcher | Reed & Co |  | https://linkedin.com/jobs/view/4000000001"],
        ["same posting as row 2"] * 4,
    ),
    "hash-routes.csv": (
        [
            f"{title} | Reed & Co |  | https://jobs.reed.example/#/job/{n}"
            for n, title in ((101, "Thatcher"), (102, "Hedger"), (103, "Dyker"))
        ],
        [],
    ),
    "ref-is-identity.csv": (
        [
            "Thatcher | Reed & Co |  | https://reed.example/vacancy?ref=TH101",
            "Hedger | Reed & Co |  | https://reed.example/vacancy?ref=HE102",
        ],
        [],
    ),
    "url-no-scheme.csv": (
        [
            "Thatcher | Reed & Co |  | https://reed.example/jobs/1",
            "Hedger | Reed & Co |  | https://reed.example/jobs/2",
        ],
        [],
    ),
    "leading-title-row.csv": ([THATCHER], []),
    "duplicate-header.csv": ([THATCHER], []),
    "utf16.csv": (["Thatcher – ½ time | Ried & Söhne |  | https://ried.example/1"], []),
    "quoted-space.csv": (["Thatcher | Reed & Co, Ltd |  | https://reed.example/1"], []),
    "cp1251.csv": (["Êðîâåëüùèê | Òðîñòíèê |  | https://reed.example/1"], ["choose its encoding"]),
}

REFUSED = {
    "lever-error.json": "This is an error message, not a list of postings: Document not found.",
    "personio.xml": "This is XML",
}


def read(name: str, encoding: str | None = None) -> Parsed:
    return parse((CASES / name).read_bytes(), name, encoding=encoding)


@pytest.mark.parametrize("name", READ)
def test_a_file_gives_its_postings_and_warns_of_what_is_odd(name: str) -> None:
    parsed = read(name)
    rows, warnings = READ[name]
    assert parsed.errors == []
    assert [f"{row.title} | {row.company} | {row.location} | {row.canonical_url}" for row in parsed.rows] == rows
    assert len(parsed.warnings) == len(warnings)
    for warning, word in zip(parsed.warnings, warnings, strict=True):
        assert word in warning.message


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_holds_no_postings_says_what_it_is(name: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(name)
    assert str(refused.value).startswith(REFUSED[name])


def test_every_case_is_tried() -> None:
    cases = {path.name for path in CASES.iterdir()} - {"README.md"}
    assert {name for name in cases if not name.startswith("resume")} == {*READ, *REFUSED, "mhtml-saved.mhtml"}


def test_a_page_saved_as_a_single_file_is_read() -> None:
    saved = (CASES / "mhtml-saved.mhtml").read_text()
    assert [error.column for error in parse(saved.encode(), "a.mhtml").errors] == ["title", "company", "url"]
    full = saved.replace(
        '"@type":"JobPosting"', '"@type":"JobPosting","title":"Bell Founder","hiringOrganization":"Tenor Foundry"'
    ).replace("Content-Type: text/html\n", "Content-Type: text/html\nContent-Location: https://tenor.example/jobs/1\n")
    [row] = parse(full.encode(), None).rows
    assert (row.title, row.company, row.url) == ("Bell Founder", "Tenor Foundry", "https://tenor.example/jobs/1")


def test_an_encoding_that_is_chosen_is_taken() -> None:
    [row] = read("cp1251.csv", "windows-1251").rows
    assert (row.title, row.company) == ("Кровельщик", "Тростник")
    with pytest.raises(UnreadableFile, match="not utf-8"):
        read("cp1251.csv", "utf-8")


def test_a_page_that_names_its_encoding_is_read_in_it() -> None:
    page = (
        '<meta charset="windows-1251"><script type="application/ld+json">{"@type":"JobPosting","title":"Кровельщик",'
        '"hiringOrganization":"Тростник","url":"https://reed.example/1"}</script>'
    )
    parsed = parse(page.encode("cp1251"), "a.html")
    assert [row.title for row in parsed.rows] == ["Кровельщик"]
    assert parsed.warnings == []


def test_the_text_field_is_asked_instead_of_the_file_and_unknown_ones_are_left_out() -> None:
    [file] = read("greenhouse-file-question.json").rows
    assert [(question.name, question.type) for question in file.questions] == [("question_7011", "textarea")]
    [new] = read("greenhouse-new-type.json").rows
    assert new.questions == []


def test_a_salary_and_what_the_form_asks_for_beside_are_among_the_details() -> None:
    assert "demographic questions" in read("greenhouse-compliance.json").rows[0].extra["also_asks_for"]
    assert read("lever-salary-locations.json").rows[0].extra["salary"] == "GBP 28,000–34,000 per year"


async def test_what_was_applied_to_elsewhere_or_is_closed_stays_out_of_the_run(
    browser: Browser, database: Database
) -> None:
    sent = await browser.send_form(
        "/postings/import", files={"file": ("t.csv", (CASES / "tracker-already-applied.csv").read_bytes())}
    )
    where = sent.headers["location"]
    assert "2 October 2026" in texts(await browser.get(where), data_applied=True)[0]
    await browser.send_form(f"{where}/start", {"name": "Monday"})
    assert await count(database, "tasks") == 1

    sent = await browser.send_form(
        "/postings/import", files={"file": ("e.html", (CASES / "jsonld-expired.html").read_bytes())}
    )
    assert "31 January 2020" in texts(await browser.get(sent.headers["location"]), data_closed=True)[0]
    await browser.send_form(sent.headers["location"])
    assert "Closed" in words(await browser.get("/postings"))
    assert "Bell Founder" not in words(await browser.get("/runs/new"))
    again = await browser.send_form("/runs", {"name": "All", "all": "true"})
    assert again.status_code == 422
    assert await count(database, "tasks") == 1


async def test_the_form_takes_an_encoding(browser: Browser) -> None:
    sent = await browser.send_form(
        "/postings/import",
        {"encoding": "windows-1251"},
        files={"file": ("c.csv", (CASES / "cp1251.csv").read_bytes())},
    )
    assert "Кровельщик" in words(await browser.get(sent.headers["location"]))
