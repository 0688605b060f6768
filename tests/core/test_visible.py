"""What cannot be seen is written out, and what writing needs is left alone."""

import unicodedata

import pytest

from holdgate.core.text.visible import is_blank, unseen, visible, visible_html

OVERRIDE, ZERO = "\u202e", "\u200b"
# Signs around Arabic numbers and the like: format characters that have a shape.
SEEN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"


def test_every_control_format_and_separating_character_is_written_out() -> None:
    wanted = [
        sign
        for code in range(0x110000)
        if unicodedata.category(sign := chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in "\t\n" + SEEN
    ]
    assert len(wanted) > 2000
    for sign in (*wanted, "\u3164", "\u115f", "\uffa0", "\u2800", "\u034f", "\ufe0f", "\U000e0100", "\u2003", "\u200a"):
        assert visible(f"a{sign}b") == f"a‹U+{ord(sign):04X}›b"


@pytest.mark.parametrize(
    "text",
    [
        "Zahle 10 € an Jürgen\n\tund 2 an Zoë\r\n",
        "1\u202f000\u00a0€ 東京\u3000都",
        "👨\u200d👩\u200d👧 ❤\ufe0f 👍🏽 1\ufe0f\u20e3 🏳\ufe0f\u200d🌈",
        "می\u200cخواهم",
        "क्\u200dष",
        "葛\U000e0100城",
        "שלום, مرحبا",
    ],
)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a\u200db",
        "a\ufe0f",
        "1\ufe0f",
        "❤\ufe0f\ufe0f",
        "می\u200c\u200cخ",
        "a\u200cb",
        "🏴\U000e0067\U000e007f",
        "a\U000e0100",
    ],
)
def test_a_joiner_or_selector_without_effect_is_written_out(text: str) -> None:
    assert "‹U+" in visible(text)


@pytest.mark.parametrize("text", ["", " \n", ZERO, "\u3164\u2800", "\u202e \u00ad"])
def test_a_text_without_anything_to_see_is_blank(text: str) -> None:
    assert is_blank(text) and not is_blank(text + "x")


def test_a_page_shows_what_its_fields_keep() -> None:
    html = (
        f'<p title="a{ZERO}" data-x="b{ZERO}">c{ZERO} &lt;</p><input value="d{ZERO}" placeholder="e{ZERO}">'
        f"<textarea name='t'>\nf{ZERO}\n</textarea><b>g{ZERO}</b>"
    )
    shown = "‹U+200B›"
    assert visible_html(html) == (
        f'<p title="a{shown}" data-x="b{ZERO}">c{shown} &lt;</p><input value="d{ZERO}" placeholder="e{shown}">'
        f"<textarea name='t'>\nf{ZERO}\n</textarea><b>g{shown}</b>"
    )


@pytest.mark.parametrize(
    "trap", ['<a href="x<textarea>">', "<a href='<textarea'>", '<a data-title="<textarea >" >', "<p>&lt;textarea&gt;"]
)
def test_no_value_can_pretend_that_a_field_begins(trap: str) -> None:
    assert visible_html(f"{trap}a{ZERO}") == f"{trap}a‹U+200B›"


def test_a_field_is_told_by_name_what_cannot_be_seen_in_it() -> None:
    assert unseen(f"a{OVERRIDE}b{ZERO}{ZERO}\0") == [
        "U+202E RIGHT-TO-LEFT OVERRIDE",
        "U+200B ZERO WIDTH SPACE",
        "U+0000 control character",
    ]
