"""Cells that no spreadsheet runs as a formula."""

import pytest

from holdgate.core.text.csv_cells import cell

SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")


@pytest.mark.parametrize("start", [*SIGNS, *(f" {sign}" for sign in SIGNS), "\t", "\r", "\n", " \t", " \r\n"])
def test_what_could_be_taken_for_a_formula_becomes_text(start: str) -> None:
    assert cell(f"{start}cmd()") == f"'{start}cmd()"


@pytest.mark.parametrize("hidden", ["\u00a0", "\u3000", "\u200b", "\ufeff", "\n", " \u2060"])
def test_a_sign_behind_what_does_not_show_is_found(hidden: str) -> None:
    assert cell(f"{hidden}=cmd()").startswith("'")


@pytest.mark.parametrize("text", ["", "plain", " plain", "a=b", "a\tb\r\nc", "1+1", "\u00a0plain"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text
