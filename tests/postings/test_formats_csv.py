"""Postings as CSV."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdgate.applications.states import AFTERWARDS
from holdgate.postings.formats import Parsed, PostingRow, RowError, UnreadableFile, parse
from holdgate.postings.formats.columns import STATUSES, tracker_status

HEADER = "title,company,location,url,apply_url,description"
ROW = "Clerk,Harrow,Leeds,https://harrow.example/1,https://harrow.example/1/apply,Files things."


def read(*lines: str) -> Parsed:
    return parse("\n".join(lines).encode(), format="csv")


def only(*lines: str) -> PostingRow:
    parsed = read(*lines)
    assert parsed.errors == []
    [row] = parsed.rows
    return row


def refusal(data: str | bytes) -> str:
    with pytest.raises(UnreadableFile) as refused:
        parse(data if isinstance(data, bytes) else data.encode(), format="csv")
    return str(refused.value)


def test_a_full_row_is_read() -> None:
    assert only(HEADER, ROW) == PostingRow(
        row=2,
        title="Clerk",
        company="Harrow",
        location="Leeds",
        url="https://harrow.example/1",
        canonical_url="https://harrow.example/1",
        apply_url="https://harrow.example/1/apply",
        description="<p>Files things.</p>",
        external_id="",
        questions=[],
        extra={},
        channel_reason="Sent to harrow.example.",
        company_key="harrow",
        title_key="clerk",
    )


def test_columns_come_in_any_order_case_and_padding() -> None:
    row = only(" URL ,Company, TITLE", "https://harrow.example/1,Harrow,Clerk")
    assert (row.title, row.company, row.url) == ("Clerk", "Harrow", "https://harrow.example/1")
    assert only("Title,Company,URL,Apply URL", "Clerk,Harrow,https://h.example/1,https://h.example/2").apply_url == (
        "https://h.example/2"
    )


def test_without_an_apply_url_the_url_is_where_one_applies() -> None:
    assert only(HEADER, "Clerk,Harrow,,https://harrow.example/1, ,").apply_url == "https://harrow.example/1"
    assert only("title,company,url", "Clerk,Harrow,https://harrow.example/1").apply_url == "https://harrow.example/1"


def test_more_columns_are_kept_as_extra() -> None:
    header = "title,company,url,Salary Band,,external_id,Note"
    row = only(header, "Clerk,Harrow,https://harrow.example/1,B2,unnamed,H-7,")
    assert row.extra == {"Salary Band": "B2", "column 5": "unnamed"}
    assert row.external_id == "H-7"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found_in_the_header(delimiter: str, newline: str) -> None:
    lines = [HEADER.replace(",", delimiter), ROW.replace(",", delimiter)]
    [row] = parse(newline.join(lines).encode()).rows
    assert (row.title, row.location) == ("Clerk", "Leeds")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_encodings_that_spreadsheets_write_are_read(encoding: str) -> None:
    text = "title,company,url\nBäcker – früh,Café Öl,https://oel.example/1\n"
    [row] = parse(text.encode(encoding)).rows
    assert (row.title, row.company) == ("Bäcker – früh", "Café Öl")


def test_a_quoted_value_may_hold_delimiters_quotes_and_line_ends() -> None:
    row = only("title,company,url,description", '"Clerk, ""senior""",Harrow,https://h.example/1,"One.\n\nTwo\nthree."')
    assert row.title == 'Clerk, "senior"'
    assert row.description == "<p>One.</p><p>Two<br>three.</p>"


def test_row_numbers_are_those_of_a_spreadsheet() -> None:
    parsed = read(
        "title,company,url",
        '"Two\nlines",Harrow,https://harrow.example/2',
        "",
        ",,",
        ",Harrow,https://harrow.example/5",
        "Clerk,Harrow,https://harrow.example/6",
    )
    assert [row.row for row in parsed.rows] == [2, 6]
    assert [error.row for error in parsed.errors] == [5]


def test_blank_lines_above_the_header_are_passed_over() -> None:
    assert only("", ",,", "title,company,url", "Clerk,Harrow,https://harrow.example/1").row == 4


@pytest.mark.parametrize("column", ["title", "company", "url"])
@pytest.mark.parametrize("blank", ["", "  ", "\u00a0"])
def test_a_missing_required_value_is_an_error_of_that_row_and_column(column: str, blank: str) -> None:
    values = {"title": "Clerk", "company": "Harrow", "url": "https://harrow.example/1"} | {column: blank}
    [error] = read("title,company,url", ",".join(values.values())).errors
    assert error == RowError(2, column, f"This row has no {column}.", "")


@pytest.mark.parametrize("bad", ["harrow", "ftp://harrow.example", "javascript:alert(1)"])
@pytest.mark.parametrize("column", ["url", "apply_url"])
def test_an_address_that_is_not_http_is_an_error_of_that_row_and_column(column: str, bad: str) -> None:
    values = {"url": "https://harrow.example/1", "apply_url": "https://harrow.example/2"} | {column: bad}
    [error] = read("title,company,url,apply_url", f"Clerk,Harrow,{values['url']},{values['apply_url']}").errors
    assert (error.row, error.column, error.value) == (2, column, bad)
    assert "http://" in error.message


def test_all_errors_of_a_row_are_told_at_once() -> None:
    errors = read("title,company,url,apply_url", ",,x,y").errors
    assert [error.column for error in errors] == ["title", "company", "url", "apply_url"]


@pytest.mark.parametrize(
    ("column", "limit"), [("title", 300), ("company", 300), ("location", 300), ("url", 2_000), ("apply_url", 2_000)]
)
def test_a_value_over_its_length_is_refused_and_one_at_its_length_is_read(column: str, limit: int) -> None:
    values = {"title": "Clerk", "company": "Harrow", "location": "", "url": "https://h.example/1", "apply_url": ""}
    start = "https://h.example/" if "url" in column else ""
    for length in (limit, limit + 1):
        changed = values | {column: start + "a" * (length - len(start))}
        parsed = read(",".join(values), ",".join(changed.values()))
        assert [error.column for error in parsed.errors] == ([column] if length > limit else [])
        assert all(len(error.value) == 80 for error in parsed.errors)


def test_a_very_long_description_is_an_error_of_its_row_only() -> None:
    parsed = read(
        "title,company,url,description",
        f"Clerk,Harrow,https://h.example/1,{'a' * 200_000}",
        "Cook,Harrow,https://h.example/2,",
    )
    assert [(error.row, error.column) for error in parsed.errors] == [(2, "description")]
    assert [row.row for row in parsed.rows] == [3]


def test_a_short_row_lacks_its_last_columns_which_may_be_required() -> None:
    [error] = read(HEADER, "Clerk,Harrow,Leeds").errors
    assert (error.row, error.column) == (2, "url")
    assert only(HEADER, "Clerk,Harrow,Leeds,https://harrow.example/1").description == ""


def test_a_row_that_is_too_long_names_the_column_that_is_not_in_the_header() -> None:
    [error] = read(HEADER, ROW + ",surplus").errors
    assert (error.row, error.column, error.value) == (2, "column 7", "surplus")


def test_empty_cells_beyond_the_header_do_no_harm() -> None:
    assert only(HEADER + ",,", ROW + ",,,").title == "Clerk"


def test_text_after_a_closing_quote_is_an_error_of_that_row_only() -> None:
    parsed = read(HEADER, '"Clerk"s,Harrow,,https://h.example/1,,', ROW)
    assert [(error.row, error.column) for error in parsed.errors] == [(2, "")]
    assert "twice" in parsed.errors[0].message
    assert [row.row for row in parsed.rows] == [3]


def test_a_quote_that_is_never_closed_names_its_line() -> None:
    assert "line 3 " in refusal(f'{HEADER}\n{ROW}\n"Clerk,Harrow,Leeds\n{ROW}\n{ROW}\n')
    assert "line 2 " in refusal(f'{HEADER}\n"Clerk')
    assert "line 2 " in refusal(f'{HEADER}\n"Clerk,Harrow\n{ROW}\n"Cook",Harrow,,,,\n')
    assert "line 1 " in refusal('"title,company,url\n')


def test_a_quote_in_the_wrong_place_of_the_header_is_refused() -> None:
    assert "header" in refusal('"title"s,company,url\n')


def test_a_header_that_lacks_columns_names_all_of_them_and_those_found() -> None:
    sentence = refusal("name,Company,where\nClerk,Harrow,https://h.example/1\n")
    assert "lacks title, url." in sentence
    assert "Columns found: name, Company, where." in sentence


def test_prose_is_not_taken_for_a_csv_file() -> None:
    assert "lacks title, company, url" in refusal("Dear reader, this is a letter.\nYours\n")


def test_of_two_columns_of_one_name_the_values_must_not_differ() -> None:
    parsed = read("title,company,url,URL", "Clerk,Harrow,https://h.example/1,", "Cook,Harrow,https://h.example/2,x")
    assert [row.url for row in parsed.rows] == ["https://h.example/1"]
    [error] = parsed.errors
    assert (error.row, error.column) == (3, "URL")


def test_two_columns_of_an_unknown_name_are_both_kept() -> None:
    assert only("title,company,url,Note,Note", "Clerk,Harrow,https://h.example/1,a,b").extra == {
        "Note": "a",
        "Note 2": "b",
    }


def test_our_own_name_of_a_column_goes_before_what_others_call_it() -> None:
    row = only("Position,title,Firma,url", "third,Clerk,Harrow,https://h.example/1")
    assert (row.title, row.extra) == ("Clerk", {"Position": "third"})


@pytest.mark.parametrize(
    ("status", "when", "applied"),
    [
        ("Applied", "2026-10-02", "2026-10-02"),
        ("", "2 October 2026", "2026-10-02"),
        ("", "October 2nd, 2026", "2026-10-02"),
        ("", "02.10.2026", "2026-10-02"),
        ("", "25/12/26", "2026-12-25"),
        ("", "10/2/26, 9:15 AM", "unknown"),  # of October, or of February
        ("Interviewing", "", "unknown"),
        ("beworben", "2026-99-99", "unknown"),
        ("Wishlist", "", ""),
        ("to apply", "", ""),
        ("Bookmarked", "", ""),
    ],
)
def test_a_tracker_says_what_has_been_applied_to(status: str, when: str, applied: str) -> None:
    row = only("title,company,url,Status,Date Applied", f'Clerk,Harrow,https://h.example/1,{status},"{when}"')
    assert row.applied_on == applied


def test_the_status_of_a_tracker_becomes_one_of_ours_and_all_of_ours_can_be_said() -> None:
    for status, words in STATUSES.items():
        assert {tracker_status(word) for word in (*words, words[0].upper(), f"✅ {words[0]} 2")} == {status}
    assert set(STATUSES) == set(AFTERWARDS)
    said = (
        "2nd Interview",
        "Technical-Interview",
        "Closed – Rejected",
        "Saved",
        "Wishlist",
        "To Apply",
        "no interview",
    )
    assert [tracker_status(cell) for cell in said] == ["interview", "interview", "rejected", "", "", "", ""]


def test_a_header_of_absurd_size_is_refused() -> None:
    assert "really the header" in refusal("title,company,url," + ",".join(f"c{n}" for n in range(100)))
    assert "really the header" in refusal("title,company,url," + "x" * 101)


def test_a_header_without_rows_is_an_empty_list() -> None:
    parsed = read(HEADER)
    assert (parsed.rows, parsed.errors) == ([], [])


def test_questions_come_as_json_in_a_column() -> None:
    questions = json.dumps([{"name": "permit", "label": "Permit?", "required": True, "type": "boolean"}])
    cell = '"' + questions.replace('"', '""') + '"'
    [question] = only("title,company,url,questions", f"Clerk,Harrow,https://h.example/1,{cell}").questions
    assert (question.name, question.label, question.required, question.type) == ("permit", "Permit?", True, "boolean")


@pytest.mark.parametrize(
    "cell",
    ["maybe", "{}", "[1]", "[{}]", "[" * 9_999],
)
def test_questions_that_cannot_be_read_are_an_error_of_their_row(cell: str) -> None:
    [error] = read("title,company,url,questions", f"Clerk,Harrow,https://h.example/1,{cell}").errors
    assert (error.row, error.column) == (2, "questions")


VALUE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs"]), min_size=1, max_size=20).filter(
    str.strip
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(VALUE, VALUE, st.booleans(), st.integers(0, 2)), max_size=8),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_is_written_is_read_with_the_right_row_numbers(
    rows: list[tuple[str, str, bool, int]], delimiter: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["title", "company", "url", "description"])
    number, good, bad = 1, {}, []
    for index, (title, company, is_good, blanks) in enumerate(rows):
        out.write("\n" * blanks)
        number += blanks + 1
        writer.writerow([title, company, f"https://h.example/{index}" if is_good else "nowhere", "a\nb"])
        if is_good:
            good[number] = (" ".join(title.split()), " ".join(company.split()))
        else:
            bad.append(number)
    parsed = parse(out.getvalue().encode())
    assert {row.row: (row.title, row.company) for row in parsed.rows} == good
    assert [error.row for error in parsed.errors] == bad


@pytest.mark.parametrize("given", ["mailto:Jobs@harrow.example?subject=x", "mailto:jobs@harrow.example"])
def test_an_email_address_takes_applications(given: str) -> None:
    row = only(HEADER, f"Clerk,Harrow,,https://harrow.example/1,{given},")
    assert (row.apply_url, row.channel) == (given, "email")
    assert only(HEADER, "Clerk,Harrow,,https://harrow.example/1,jobs@harrow.example,").apply_url == (
        "mailto:jobs@harrow.example"
    )
