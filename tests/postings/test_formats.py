"""FileReading any file of postings: which format it is, what is refused, and what holds for every format."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdgate.postings.formats import FORMATS, MAX_BYTES, MAX_ROWS, Parsed, UnreadableFile, parse

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
HEADER = "title,company,url\n"
JOB = {"id": 1, "title": "Clerk", "absolute_url": "https://job-boards.greenhouse.io/harrow/jobs/1"}
LEVER = {"id": "a", "text": "Clerk", "hostedUrl": "https://jobs.lever.co/harrow/a", "categories": {}}
NODE = {"@type": "JobPosting", "title": "Clerk", "hiringOrganization": "Harrow", "url": "https://harrow.example/1"}


def refusal(data: bytes, filename: str | None = None, format: str | None = None) -> str:
    with pytest.raises(UnreadableFile) as refused:
        parse(data, filename, format)
    assert str(refused.value)[0].isupper()
    assert str(refused.value).endswith(".")
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "format", "rows", "errors"),
    [
        ("postings.csv", "csv", 12, 0),
        ("greenhouse.json", "greenhouse", 5, 0),
        ("lever.json", "lever", 5, 0),
        ("jobposting.html", "json-ld", 2, 0),
        ("broken.csv", "csv", 3, 7),
    ],
)
def test_the_samples_read_as_the_documentation_says(name: str, format: str, rows: int, errors: int) -> None:
    parsed = parse((SAMPLES / name).read_bytes(), name)
    assert (parsed.format, len(parsed.rows), len(parsed.errors)) == (format, rows, errors)


@pytest.mark.parametrize("name", ["postings.csv", "greenhouse.json", "lever.json", "jobposting.html"])
def test_every_sample_can_be_applied_to_on_the_local_careers_site(name: str) -> None:
    for row in parse((SAMPLES / name).read_bytes(), name).rows:
        assert row.apply_url.partition("?")[0].startswith("http://127.0.0.1:8090/jobs/")
        assert row.apply_url.partition("?")[0].endswith("/apply")
        assert row.description.startswith("<")


def test_two_csv_samples_and_one_of_greenhouse_ask_questions() -> None:
    for name, count in (("postings.csv", 2), ("greenhouse.json", 1)):
        asking = [row for row in parse((SAMPLES / name).read_bytes(), name).rows if row.questions]
        assert len(asking) == count
        assert all(row.questions[0].required for row in asking)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (HEADER, "csv"),
        (json.dumps({"jobs": [JOB], "meta": {"total": 1}}), "greenhouse"),
        (json.dumps({"jobs": []}), "greenhouse"),
        (json.dumps(JOB), "greenhouse"),
        (json.dumps([JOB]), "greenhouse"),
        (json.dumps([LEVER]), "lever"),
        (json.dumps(LEVER), "lever"),
        ("[]", "lever"),
        (json.dumps(NODE), "json-ld"),
        (json.dumps([NODE]), "json-ld"),
        (json.dumps({"@graph": [NODE]}), "json-ld"),
        (f'<html><script type="application/ld+json">{json.dumps(NODE)}</script>', "json-ld"),
    ],
)
@pytest.mark.parametrize("filename", [None, "file", "misleading.pdf"])
def test_the_content_tells_the_format_whatever_the_name(text: str, format: str, filename: str | None) -> None:
    assert parse(f"\n {text}".encode(), filename).format == format


def test_the_name_decides_where_the_content_leaves_it_open() -> None:
    page = f'Careers <script type="application/ld+json">{json.dumps(NODE)}</script>'.encode()
    assert parse(page, "careers.HTML").format == "json-ld"
    assert parse(b"[x],title,company,url\n", "jobs.csv").format == "csv"
    assert "not valid JSON" in refusal(b"title,company,url\n", "jobs.json")


def test_a_format_that_is_asked_for_is_taken() -> None:
    assert parse(HEADER.encode(), "jobs.json", "csv").format == "csv"
    assert parse(b"[]", None, "greenhouse").format == "greenhouse"
    assert ", ".join(FORMATS) in refusal(HEADER.encode(), None, "xlsx")
    assert "not valid JSON" in refusal(HEADER.encode(), None, "lever")
    assert "no JSON-LD block" in refusal(HEADER.encode(), None, "json-ld")


@pytest.mark.parametrize("data", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", b"\xff\xfe"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert refusal(data) == "The file is empty."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"title,\x00company", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a text file"),
        (b"\xe9\x01\x02", "not a text file"),
        (b"title,company,url\n\x81,a,b", "encoding"),
        (b"\xff\xfe\x00\xd8", "encoding"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, reason: str) -> None:
    assert reason in refusal(data)


def test_a_file_over_the_size_limit_is_refused() -> None:
    padding = b" " * (MAX_BYTES - len(HEADER))
    assert parse(HEADER.encode() + padding).rows == []
    assert "10 MiB" in refusal(HEADER.encode() + padding + b" ")


def test_more_rows_than_the_limit_are_refused_and_as_many_are_read() -> None:
    lines = [f"Clerk,Harrow,https://harrow.example/{number}\n" for number in range(MAX_ROWS + 1)]
    assert len(parse((HEADER + "".join(lines[:-1])).encode()).rows) == MAX_ROWS
    assert "10,000" in refusal((HEADER + "".join(lines)).encode())
    assert "10,000" in refusal(json.dumps([LEVER] * (MAX_ROWS + 1)).encode())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"jobs": [', "not valid JSON"),
        ('{"a": NaN}', "not valid JSON"),
        ('["\\ud800"]', "not valid JSON"),
        ("[1e999]", "not valid JSON"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"@graph":' * 100_000, "nested deeper than 64 levels"),
        ("{}", "none of the known kinds"),
        ("[1, 2]", "none of the known kinds"),
        ('{"jobs": [{"title": "x", "link": "y"}]}', "none of the known kinds"),
        ('{"jobs": 7}', "none of the known kinds"),
        ('{"@type": "Organization"}', "describes no job"),
        ("<p>Careers</p>", "no JSON-LD block"),
    ],
)
def test_json_and_pages_of_an_unknown_shape_are_refused(text: str, reason: str) -> None:
    assert reason in refusal(text.encode())


@pytest.mark.parametrize("format", ["greenhouse", "lever"])
def test_an_entry_that_is_no_object_is_an_error_of_its_own_row(format: str) -> None:
    good = JOB if format == "greenhouse" else LEVER
    parsed = parse(json.dumps([good, 7, None, "x", [good]]).encode(), None, format)
    assert [row.row for row in parsed.rows] == [1]
    assert [error.row for error in parsed.errors] == [2, 3, 4, 5]


def test_the_first_of_two_rows_with_one_address_wins() -> None:
    text = (
        HEADER + "Clerk,Harrow,https://harrow.example/1\n"
        "Clerk,Harrow,http://www.harrow.example/1/?utm_source=mail#top\n"
        "Cook,Harrow,https://harrow.example/2\n"
    )
    parsed = parse(text.encode())
    assert [row.row for row in parsed.rows] == [2, 4]
    assert parsed.errors == []
    [warning] = parsed.warnings
    assert (warning.row, warning.column) == (3, "url")
    assert "row 2" in warning.message


def test_a_row_that_is_refused_does_not_take_the_address_of_a_good_one() -> None:
    text = HEADER + ",Harrow,https://harrow.example/1\nClerk,Harrow,https://harrow.example/1\n"
    assert [row.row for row in parse(text.encode()).rows] == [3]


def test_control_characters_and_marks_that_turn_the_text_are_dropped() -> None:
    job = JOB | {"title": "Cl\u0000er\u202ek\u2028 II", "content": "a\u0000b", "requisition_id": "x\u0000"}
    [row] = parse(json.dumps(job).encode()).rows
    assert (row.title, row.description, row.extra) == ("Clerk II", "<p>ab</p>", {"requisition_id": "x"})


def holds(parsed: Parsed) -> None:
    """What is true of the result of any file."""
    assert parsed.format in FORMATS
    numbers = [row.row for row in parsed.rows]
    assert numbers == sorted(set(numbers))
    assert [error.row for error in parsed.errors] == sorted(error.row for error in parsed.errors)
    assert not set(numbers) & {error.row for error in parsed.errors}
    assert len({row.canonical_url for row in parsed.rows}) == len(parsed.rows)
    for row in parsed.rows:
        assert row.title and row.company and row.url and row.canonical_url and row.apply_url
        assert "\x00" not in repr(row)
    for error in parsed.errors:
        assert len(error.value) <= 80
        assert error.message.endswith(".")


def survives(data: bytes, filename: str | None = None, format: str | None = None) -> None:
    try:
        parsed = parse(data, filename, format)
    except UnreadableFile as refused:
        assert str(refused).endswith((".", "?"))
    else:
        holds(parsed)


NAMES = st.sampled_from([None, "x.csv", "x.json", "x.html", "x"])
CHOSEN = st.sampled_from([None, *FORMATS])


@settings(deadline=None)
@given(st.binary(), NAMES, CHOSEN)
def test_no_bytes_whatever_raise_anything_but_unreadable_file(
    data: bytes, filename: str | None, format: str | None
) -> None:
    survives(data, filename, format)


CELL = st.one_of(st.text('",;\t\n\r<b>é ', max_size=8), st.sampled_from(["https://a.example/1", "Clerk", '""', "[{}]"]))


@settings(deadline=None)
@given(st.lists(st.lists(CELL, max_size=5), max_size=6), st.sampled_from([",", ";", "\t"]))
def test_no_csv_whatever_raises_anything_but_unreadable_file(rows: list[list[str]], delimiter: str) -> None:
    header = delimiter.join(["title", "company", "url", "questions"])
    lines = [header, *(delimiter.join(row) for row in rows)]
    survives("\n".join(lines).encode(), None, "csv")


KEYS = st.sampled_from(
    [*JOB, *LEVER, *NODE, "jobs", "@graph", "@id", "questions", "fields", "name", "type", "content", "lists",
     "values", "label", "jobLocation", "address", "potentialAction", "target", "location", "item"]
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10),
    st.sampled_from(["JobPosting", "https://a.example/1", "//[", "https://jobs.lever.co/x/1", "<p>x", "select"]),
)  # fmt: skip
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.sampled_from([JOB, LEVER, NODE]), CHOSEN, st.booleans())
def test_no_json_whatever_raises_anything_but_unreadable_file(
    document: object, good: dict[str, object], format: str | None, in_page: bool
) -> None:
    changed = good | document if isinstance(document, dict) else [good, document]
    text = json.dumps(changed)
    survives(f'<script type="application/ld+json">{text}</script>'.encode() if in_page else text.encode(), None, format)


@settings(deadline=None)
@given(st.text("<>!-/script typelinkhref=\"'{}[]"))
def test_no_page_whatever_raises_anything_but_unreadable_file(text: str) -> None:
    survives(f"<{text}".encode())
    survives(f'<script type="application/ld+json">{text}'.encode())
