"""What a rendered mail looks like on the wire."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any
from uuid import UUID

import pytest
from jinja2 import UndefinedError

from holdgate.core.config import Settings
from holdgate.core.text.addresses import BadAddress
from holdgate.mail.message import SUBJECT_LIMIT, line, render, time_allowed

TASK = UUID("019a205f-41df-74ea-bf1b-b396bcf12626")
AT = datetime(2026, 11, 23, 9, 5, 12, tzinfo=UTC)
CONTEXT = {
    "title": "Send the application to Zürich Re",
    "asker": "Łucja Ünal",
    "run_name": "Week 48",
    "kind": "application.submit",
    "what": [("Company", "Zürich Re"), ("Position", "Engineer <staff> & more")],
    "url": "https://hold.example/review/abc",
    "minutes": 20,
    "expires_hint": "",
    "sender": "",
    "note": "",
    "signs_in": False,
    "needed": 1,
    "because": "",
    "deadline": "",
    "replaces": "",
}


def rendered(settings: Settings | None = None, to: str = "ada@example.org", **changed: Any) -> EmailMessage:
    """As the recipient's program reads it from the wire."""
    settings = settings or Settings(mail_from="Höldpoint <hold@mail.example>", base_url="https://hold.example")
    made = render("approval_request", {**CONTEXT, **changed}, to=to, task_id=TASK, settings=settings, now=AT)
    return message_from_bytes(made.as_bytes(), policy=modern)


def part(message: EmailMessage, subtype: str) -> str:
    found = message.get_body(preferencelist=(subtype,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_the_headers_are_those_of_a_good_transactional_mail() -> None:
    message = rendered()
    assert {name: str(value) for name, value in message.items() if name != "Content-Type"} == {
        "Subject": "Approval needed: Send the application to Zürich Re",
        "From": "Höldpoint <hold@mail.example>",
        "To": "ada@example.org",
        "Date": "Mon, 23 Nov 2026 09:05:12 +0000",
        "Message-ID": f"<{TASK}@mail.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Entity-Ref-ID": str(TASK),
        "MIME-Version": "1.0",
        "Content-Language": "en",
    }
    assert message.get_content_type() == "multipart/alternative"


def test_the_text_comes_first_and_the_html_beside_it() -> None:
    assert [p.get_content_type() for p in rendered().iter_parts()] == ["text/plain", "text/html"]


def test_only_ascii_and_short_lines_go_over_the_wire() -> None:
    made = render("approval_request", CONTEXT, to="ada@example.org", task_id=TASK, settings=Settings())
    assert made.as_bytes().isascii()
    assert max(map(len, made.as_bytes().split(b"\r\n"))) <= 998


def test_the_same_mail_rendered_again_has_the_same_bytes() -> None:
    assert rendered().as_bytes() == rendered().as_bytes()


def test_letters_of_all_alphabets_arrive_in_subject_and_body() -> None:
    message = rendered(title="申请 Ωμέγα 🎉", asker="Юлия")
    assert "申请 Ωμέγα 🎉" in str(message["Subject"])
    for subtype in ("plain", "html"):
        assert "申请 Ωμέγα 🎉" in part(message, subtype)
        assert "Юлия" in part(message, subtype)


def test_values_are_escaped_in_html_and_plain_in_text() -> None:
    message = rendered(title="<script>alert(1)</script>")
    assert "<script" not in part(message, "html")
    assert "&lt;staff&gt; &amp; more" in part(message, "html")
    assert "Engineer <staff> & more" in part(message, "plain")


def test_a_title_cannot_add_a_header() -> None:
    message = rendered(title="Hello\r\nBcc: eve@example.org\r\n\r\nA body")
    assert message["Bcc"] is None
    assert str(message["Subject"]) == "Approval needed: Hello Bcc: eve@example.org A body"


@pytest.mark.parametrize("to", ["ada@example.org\r\nBcc: eve@example.org", "ada@example.org, eve@example.org"])
def test_an_address_cannot_add_a_header_or_a_recipient(to: str) -> None:
    with pytest.raises(BadAddress):
        rendered(to=to)


def test_a_value_cannot_forge_lines_of_the_text_part() -> None:
    text = part(rendered(what=[("Company", "Zürich\n\nhttps://evil.example/review")]), "plain")
    assert "Company: Zürich https://evil.example/review" in text


def test_a_long_subject_is_cut_and_long_values_too() -> None:
    message = rendered(title="x" * 5000, what=[("Letter", "word " * 5000)])
    assert len(str(message["Subject"])) == SUBJECT_LIMIT
    assert str(message["Subject"]).endswith("…")
    assert part(message, "plain").count("word") < 100
    assert part(message, "html").count("word") < 100


def test_the_link_stands_once_in_each_part_and_alone_on_its_line_in_the_text() -> None:
    message = rendered()
    assert CONTEXT["url"] in part(message, "plain").split("\n")
    assert part(message, "html").count("href=") == 1
    assert f'href="{CONTEXT["url"]}"' in part(message, "html")


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_the_mail_says_that_opening_decides_nothing_and_that_the_link_is_personal(subtype: str) -> None:
    text = part(rendered(), subtype)
    assert "Opening the link doesn’t decide anything" in text
    assert "don’t forward" in text
    assert "20 minutes" in text


def test_nothing_is_loaded_when_the_mail_is_opened() -> None:
    html = part(rendered(), "html")
    for loading in ("<img", "<link", "<script", "url(", "src=", "@import", "@font-face"):
        assert loading not in html


def test_without_a_deadline_no_time_is_named() -> None:
    message = rendered(minutes=None, run_name="", what=[])
    assert str(message["Subject"]) == "Approval needed: Send the application to Zürich Re"
    assert "minutes" not in part(message, "plain")
    assert "in the run" not in part(message, "plain")


def test_the_request_for_input_names_what_is_needed_and_says_it_once() -> None:
    settings = Settings()
    context = {
        "title": "Which start date?",
        "reason": "Which start date?",
        "asker": "Ann",
        "run_name": "",
        "kind": "x",
        "deadline": "",
        "url": "http://127.0.0.1:8000/review/x",
    }
    message = render("input_needed", context, to="ada@example.org", task_id=TASK, settings=settings)
    assert str(message["Subject"]) == "Input needed: Which start date?"
    assert part(message, "plain").count("Which start date?") == 1
    context["reason"] = "The employer asks for it."
    message = render("input_needed", context, to="ada@example.org", task_id=TASK, settings=settings)
    for subtype in ("plain", "html"):
        assert "The employer asks for it." in part(message, subtype)
        assert "don’t forward" in part(message, subtype)


def test_a_missing_variable_is_an_error_and_not_a_gap() -> None:
    incomplete = {name: value for name, value in CONTEXT.items() if name != "url"}
    with pytest.raises(UndefinedError, match="url"):
        render("approval_request", incomplete, to="ada@example.org", task_id=TASK, settings=Settings())


def test_a_line_shows_control_characters_and_those_that_turn_text() -> None:
    assert (
        line("a\r\nb\tc\x00d\x1be\u202egpj.exe\u2066 \ud800z")
        == "a b c‹U+0000›d‹U+001B›e‹U+202E›gpj.exe‹U+2066› ‹U+D800›z"
    )
    assert line("family 👨‍👩‍👧 stays") == "family 👨‍👩‍👧 stays"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (1, "1 minute"),
        (20, "20 minutes"),
        (60, "1 hour"),
        (90, "1 hour 30 minutes"),
        (2880, "2 days"),
        (0, "less than a minute"),
    ],
)
def test_the_time_allowed_reads_well(minutes: int, words: str) -> None:
    assert time_allowed(minutes) == words
