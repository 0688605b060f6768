"""Postings as schema.org JobPosting, alone or inside a web page."""

import json
import time

import pytest

from holdgate.postings.channels import Channel
from holdgate.postings.formats import Parsed, PostingRow, UnreadableFile, parse

NODE = {
    "@context": "https://schema.org/",
    "@type": "JobPosting",
    "title": "R&amp;D Engineer",
    "description": "&lt;p&gt;Labs &amp;amp; coats.&lt;/p&gt;",
    "identifier": {"@type": "PropertyValue", "name": "Wren", "value": "W-1"},
    "datePosted": "2026-11-09",
    "employmentType": ["FULL_TIME", "TEMPORARY"],
    "hiringOrganization": {"@type": "Organization", "name": "Wren"},
    "jobLocation": {
        "@type": "Place",
        "address": {"addressLocality": "Aarhus", "addressRegion": "Midtjylland", "addressCountry": "DK"},
    },
    "url": "https://wren.example/jobs/1",
}


def read(document: object) -> Parsed:
    return parse(json.dumps(document).encode(), format="json-ld")


def only(document: object) -> PostingRow:
    parsed = read(document)
    assert parsed.errors == []
    [row] = parsed.rows
    return row


def page(*blocks: str, head: str = "", type: str = '"application/ld+json"') -> bytes:
    scripts = "".join(f"<script type={type}>{block}</script>" for block in blocks)
    return f"<!doctype html><html><head>{head}{scripts}</head><body><p>Jobs</p></body></html>".encode()


def test_a_job_posting_is_read() -> None:
    assert only(NODE) == PostingRow(
        row=1,
        title="R&D Engineer",
        company="Wren",
        location="Aarhus, Midtjylland, DK",
        url="https://wren.example/jobs/1",
        canonical_url="https://wren.example/jobs/1",
        apply_url="https://wren.example/jobs/1",
        description="<p>Labs &amp; coats.</p>",
        external_id="W-1",
        questions=[],
        extra={"employment_type": "FULL_TIME, TEMPORARY", "date_posted": "2026-11-09"},
        channel=Channel.BY_HAND,
        channel_reason="The posting names a page to read, but no address that takes applications.",
        company_key="wren",
        title_key="rdengineer",
    )


def test_nodes_of_other_types_are_passed_over_and_postings_counted_in_order() -> None:
    other = {"@type": "WebSite", "name": "Wren"}
    second = NODE | {"url": "https://wren.example/jobs/2"}
    third = NODE | {"url": "https://wren.example/jobs/3"}
    items = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": third}]}
    parsed = read([other, NODE, {"@graph": [other, second]}, 7, items])
    assert [(row.row, row.url[-1]) for row in parsed.rows] == [(1, "1"), (2, "2"), (3, "3")]


@pytest.mark.parametrize("type", ["schema:JobPosting", "http://schema.org/JobPosting", ["Thing", "JobPosting"]])
def test_the_type_is_known_in_every_spelling(type: object) -> None:
    assert only(NODE | {"@type": type}).title == "R&D Engineer"


@pytest.mark.parametrize("type", [None, 7, "NotAJobPosting", "JobPostings", []])
def test_a_document_without_a_job_posting_is_refused(type: object) -> None:
    with pytest.raises(UnreadableFile, match="describes no job"):
        read(NODE | {"@type": type})


@pytest.mark.parametrize(
    "organization", ["Wren", {"name": "Wren"}, [{"name": "Wren"}], {"@id": "#wren"}, {"@id": "#wren", "@type": "X"}]
)
def test_the_organization_may_be_a_name_an_object_or_a_reference(organization: object) -> None:
    graph = [{"@type": "Organization", "@id": "#wren", "name": "Wren"}, NODE | {"hiringOrganization": organization}]
    assert only({"@graph": graph}).company == "Wren"


@pytest.mark.parametrize("organization", [None, {}, {"@id": "#other"}, {"@type": "Organization"}, []])
def test_an_organization_that_is_not_named_is_not_taken_from_elsewhere(organization: object) -> None:
    graph = [{"@type": "WebSite", "name": "Another"}, NODE | {"hiringOrganization": organization}]
    parsed = read({"@graph": graph})
    assert [row.company for row in parsed.rows] == ["wren.example"]
    assert [(warning.row, warning.column) for warning in parsed.warnings] == [(1, "company")]


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (None, ""),
        ("Aarhus", "Aarhus"),
        ({"address": "Lane 4, Aarhus"}, "Lane 4, Aarhus"),
        ({"name": "Head office"}, "Head office"),
        ({"address": {"addressLocality": "Aarhus", "addressCountry": {"name": "Denmark"}}}, "Aarhus, Denmark"),
        ({"address": {"addressLocality": "Singapore", "addressCountry": "Singapore"}}, "Singapore"),
        (["Aarhus", "Odense", "Aarhus"], "Aarhus; Odense"),
        (list("ABCDEFG"), "A; B; C; D; E; and 2 more"),
    ],
)
def test_the_location_is_one_line_of_text(location: object, text: str) -> None:
    assert only(NODE | {"jobLocation": location}).location == text


def test_a_job_from_anywhere_is_remote() -> None:
    assert only(NODE | {"jobLocation": None, "jobLocationType": "TELECOMMUTE"}).location == "Remote"


@pytest.mark.parametrize(
    "target",
    [
        "https://wren.example/apply",
        {"urlTemplate": "https://wren.example/apply"},
        [{"url": "https://wren.example/apply"}],
    ],
)
def test_the_target_of_an_apply_action_is_where_one_applies(target: object) -> None:
    actions = [{"@type": "ViewAction", "target": "https://x.example"}, {"@type": "ApplyAction", "target": target}]
    assert only(NODE | {"potentialAction": actions}).apply_url == "https://wren.example/apply"


def test_a_page_yields_the_postings_of_all_its_blocks() -> None:
    second = NODE | {"url": "https://wren.example/jobs/2"}
    parsed = parse(page(json.dumps(NODE), '{"@type": "WebSite"}', f"<!--{json.dumps([second])}-->"))
    assert (parsed.format, [row.row for row in parsed.rows], parsed.errors) == ("json-ld", [1, 2], [])


@pytest.mark.parametrize(
    "type", ["application/ld+json", "'Application/LD+JSON'", '"application/ld&#43;json; charset=utf-8"']
)
def test_the_script_type_is_known_in_every_spelling(type: str) -> None:
    assert len(parse(page(json.dumps(NODE), type=type)).rows) == 1


def test_a_block_that_is_broken_is_an_error_and_the_others_are_read() -> None:
    parsed = parse(page('{"@type": "JobPosting",', json.dumps(NODE)))
    assert [(error.row, error.column) for error in parsed.errors] == [(1, "")]
    assert [row.row for row in parsed.rows] == [2]


def test_the_address_of_the_page_stands_in_only_for_a_single_posting() -> None:
    link = '<link href="https://wren.example/jobs/9?utm_source=x" rel=canonical>'
    bare = {key: value for key, value in NODE.items() if key != "url"}
    [row] = parse(page(json.dumps(bare), head=link)).rows
    assert row.canonical_url == "https://wren.example/jobs/9"
    assert [error.column for error in parse(page(json.dumps([bare, bare]), head=link)).errors] == ["url", "url"]


def test_what_a_comment_or_another_script_holds_is_not_read() -> None:
    block = f'<script type="application/ld+json">{json.dumps(NODE)}</script>'
    for text in (f"<!-- {block} --><p>", f"<!-- {block}", f"<script>'<script>{block.replace('</script>', '')}"):
        with pytest.raises(UnreadableFile, match="no JSON-LD block"):
            parse(text.encode())


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", "<script", "<script ", "<script type=", "<link rel=", "<![CDATA[", '<a href="', "</"]
)
def test_a_hostile_page_is_read_in_a_single_pass(piece: str) -> None:
    text = "<" + piece * (2_000_000 // len(piece))
    start = time.perf_counter()
    with pytest.raises(UnreadableFile):
        parse(text.encode())
    assert time.perf_counter() - start < 5, "a quadratic reader needs hours for this"
