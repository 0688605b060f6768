"""Postings as the JSON of Greenhouse and Lever."""

import json
from typing import Any, Literal

import pytest

from holdgate.postings.channels import Channel
from holdgate.postings.formats import Parsed, PostingQuestion, PostingRow, parse

GREENHOUSE = {
    "id": 127817,
    "internal_job_id": 144381,
    "title": "Vault Designer",
    "updated_at": "2026-01-14T10:55:28-05:00",
    "requisition_id": "50",
    "location": {"name": "Leeds"},
    "absolute_url": "https://job-boards.greenhouse.io/vaulttec/jobs/127817?gh_src=abc",
    "company_name": "Vault Tec",
    "metadata": None,
    "content": "&lt;h2&gt;Vaults&lt;/h2&gt;&lt;p&gt;Ours &amp;amp; yours.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;",
    "departments": [{"id": 1, "name": "Design"}, {"id": 2, "name": "Doors"}],
    "offices": [],
}
LEVER = {
    "id": "0f8b3c2e-1d2a-4b5c-9e7f-123456789abc",
    "text": "Field Technician",
    "categories": {"location": "Riga", "team": "Operations", "commitment": "Full-time"},
    "description": "<div>You own <b>boots</b>.</div>",
    "descriptionPlain": "You own boots.",
    "lists": [{"text": "Needs & wants", "content": "<li>Boots</li><li>Patience</li>"}],
    "additional": "",
    "additionalPlain": "Everyone\nis welcome.",
    "hostedUrl": "https://jobs.lever.co/peatmoss/0f8b3c2e-1d2a-4b5c-9e7f-123456789abc",
    "applyUrl": "https://jobs.lever.co/peatmoss/0f8b3c2e-1d2a-4b5c-9e7f-123456789abc/apply",
    "workplaceType": "on-site",
    "country": None,
}


def read(document: object, format: str | None = None) -> Parsed:
    return parse(json.dumps(document).encode(), format=format)


def only(document: object) -> PostingRow:
    parsed = read(document)
    assert parsed.errors == []
    [row] = parsed.rows
    return row


def asked(*questions: object) -> list[PostingQuestion]:
    return only(GREENHOUSE | {"questions": list(questions)}).questions


def custom(type: str, **more: Any) -> dict[str, Any]:
    return {"label": "Why?", "required": True, "fields": [{"name": "question_1", "type": type, **more}]}


def test_a_greenhouse_job_is_read() -> None:
    assert only({"jobs": [GREENHOUSE], "meta": {"total": 1}}) == PostingRow(
        row=1,
        title="Vault Designer",
        company="Vault Tec",
        location="Leeds",
        url="https://job-boards.greenhouse.io/vaulttec/jobs/127817?gh_src=abc",
        canonical_url="https://job-boards.greenhouse.io/vaulttec/jobs/127817",
        apply_url="https://job-boards.greenhouse.io/vaulttec/jobs/127817?gh_src=abc",
        description="<h3>Vaults</h3><p>Ours &amp; yours.</p>",
        external_id="127817",
        questions=[],
        extra={
            "departments": "Design, Doors",
            "requisition_id": "50",
            "updated_at": "2026-01-14T10:55:28-05:00",
        },
        channel=Channel.BY_HAND,
        channel_reason="Greenhouse takes applications on its own page only.",
        company_key="vaulttec",
        title_key="vaultdesigner",
    )


@pytest.mark.parametrize(
    ("url", "company"),
    [
        ("https://boards.greenhouse.io/vaulttec/jobs/1", "vaulttec"),
        ("https://job-boards.eu.greenhouse.io/vaulttec/jobs/1", "vaulttec"),
        ("https://boards.greenhouse.io/embed/job_app?for=vaulttec&token=1", "vaulttec"),
    ],
)
def test_without_a_company_name_the_token_of_the_board_stands_in(url: str, company: str) -> None:
    assert only(GREENHOUSE | {"absolute_url": url, "company_name": None}).company == company


@pytest.mark.parametrize("host", ["vault.example", "notgreenhouse.io"])
def test_without_a_company_name_another_sites_host_stands_in_and_that_is_told(host: str) -> None:
    parsed = read(GREENHOUSE | {"absolute_url": f"https://{host}/jobs?gh_jid=1", "company_name": ""})
    assert [row.company for row in parsed.rows] == [host]
    assert [(warning.row, warning.column) for warning in parsed.warnings] == [(1, "company")]


def test_without_a_company_name_and_address_there_is_no_company() -> None:
    errors = read(GREENHOUSE | {"absolute_url": "https://[", "company_name": ""}).errors
    assert (errors[0].row, errors[0].column) == (1, "company")


def test_jobs_that_differ_in_gh_jid_only_are_two_postings() -> None:
    jobs = [GREENHOUSE | {"absolute_url": f"https://vault.example/jobs?gh_jid={number}"} for number in (1, 2)]
    assert len(read({"jobs": jobs}).rows) == 2


def test_the_standard_fields_of_the_form_are_no_questions() -> None:
    standard = [
        {"label": name, "required": True, "fields": [{"name": name, "type": "input_text"}]}
        for name in ("first_name", "last_name", "email", "phone")
    ]
    files = [
        {
            "label": name,
            "required": True,
            "fields": [{"name": name, "type": "input_file"}, {"name": f"{name}_text", "type": "textarea"}],
        }
        for name in ("resume", "cover_letter")
    ]
    assert asked(*standard, *files, custom("input_hidden")) == []


@pytest.mark.parametrize(
    ("given", "type"),
    [("input_text", "text"), ("textarea", "textarea"), ("input_file", "file"), ("boolean", "boolean")],
)
def test_a_question_keeps_name_label_and_whether_it_is_required(given: str, type: str) -> None:
    assert asked(custom(given, values=[])) == [PostingQuestion("question_1", "Why?", True, type, [])]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "ours"), [("multi_value_single_select", "select"), ("multi_value_multi_select", "several")]
)
def test_a_select_offers_the_labels_of_its_values(type: str, ours: Literal["select", "several"]) -> None:
    values = [{"value": 0, "label": "No"}, {"value": 1, "label": "Yes"}]
    assert asked(custom(type, values=values)) == [PostingQuestion("question_1", "Why?", True, ours, ["No", "Yes"])]


def test_of_several_ways_to_answer_a_question_the_one_to_be_typed_is_asked() -> None:
    two = {
        "label": "Portfolio",
        "required": False,
        "fields": [{"name": "question_2", "type": "input_file"}, {"name": "question_2_text", "type": "textarea"}],
    }
    assert asked(two) == [PostingQuestion("question_2_text", "Portfolio", False, "textarea", [])]


@pytest.mark.parametrize(
    ("questions", "reason"),
    [
        ({"label": "x"}, "JSON list"),
        (["x"], "JSON object"),
        ([{"label": "x", "required": True, "fields": [{"type": "input_text"}]}], "no name"),
        ([{"name": "n" * 201, "required": True}], "no name"),
        ([custom("input_text"), custom("textarea")], "Two questions"),
        ([{"name": f"question_{number}"} for number in range(101)], "more than 100"),
    ],
)
def test_what_is_no_list_of_questions_is_an_error_of_the_row(questions: object, reason: str) -> None:
    [error] = read(GREENHOUSE | {"questions": questions}).errors
    assert (error.row, error.column) == (1, "questions")
    assert reason in error.message


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (custom("oracle"), "not known"),
        (custom("multi_value_single_select", values=[]), "options"),
        (custom("multi_value_multi_select", values=list(range(501))), "options"),
    ],
)
def test_a_required_question_that_cannot_be_asked_makes_the_posting_by_hand_and_an_optional_one_is_left_out(
    question: dict[str, object], reason: str
) -> None:
    where = {"absolute_url": "https://careers.harrow.example/1"}
    parsed = read(GREENHOUSE | where | {"questions": [question, custom("input_text") | {"label": "Why us?"}]})
    assert parsed.errors and "Two questions" in parsed.errors[0].message, "its name counts as any other"
    parsed = read(GREENHOUSE | where | {"questions": [question]})
    [row], [warning] = parsed.rows, parsed.warnings
    assert (row.channel, [(each.name, each.type) for each in row.questions]) == ("by_hand", [("question_1", "other")])
    assert "Why?" in row.channel_reason
    assert (warning.column, reason in warning.message, "by hand" in warning.message) == ("questions", True, True)
    parsed = read(GREENHOUSE | where | {"questions": [question | {"required": False}]})
    assert (parsed.rows[0].questions, "skipped" in parsed.warnings[0].message) == ([], True)


def test_a_lever_posting_is_read() -> None:
    assert only([LEVER]) == PostingRow(
        row=1,
        title="Field Technician",
        company="peatmoss",
        location="Riga",
        url="https://jobs.lever.co/peatmoss/0f8b3c2e-1d2a-4b5c-9e7f-123456789abc",
        canonical_url="https://jobs.lever.co/peatmoss/0f8b3c2e-1d2a-4b5c-9e7f-123456789abc",
        apply_url="https://jobs.lever.co/peatmoss/0f8b3c2e-1d2a-4b5c-9e7f-123456789abc/apply",
        description=(
            "<p>You own <b>boots</b>.</p><h3>Needs &amp; wants</h3><ul><li>Boots</li><li>Patience</li></ul>"
            "<p>Everyone<br>is welcome.</p>"
        ),
        external_id="0f8b3c2e-1d2a-4b5c-9e7f-123456789abc",
        questions=[],
        extra={"team": "Operations", "commitment": "Full-time", "workplace": "on-site"},
        channel=Channel.BY_HAND,
        channel_reason="Lever takes applications on its own page only.",
        company_key="peatmoss",
        title_key="fieldtechnician",
    )


def test_a_lever_posting_of_the_european_instance_names_its_site() -> None:
    assert only([LEVER | {"hostedUrl": "https://jobs.eu.lever.co/peat%20moss/1"}]).company == "peat moss"


def test_a_lever_posting_with_plain_texts_only_shows_them_as_they_are() -> None:
    plain = LEVER | {"description": "", "descriptionPlain": "List<p> & more", "lists": None, "additionalPlain": ""}
    assert only([plain]).description == "<p>List&lt;p&gt; &amp; more</p>"


@pytest.mark.parametrize("change", [{"text": None}, {"text": ["x"]}, {"hostedUrl": 7}, {"hostedUrl": "https://["}])
def test_a_lever_posting_with_a_missing_or_odd_value_is_a_row_error(change: dict[str, object]) -> None:
    parsed = read([LEVER | change, LEVER], "lever")
    assert {error.row for error in parsed.errors} == {1}
    assert [row.row for row in parsed.rows] == [2]
