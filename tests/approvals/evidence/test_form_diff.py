"""What an approver changed: told word by word, quick whatever is in it, and on the pages."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from holdgate.approvals.evidence.form_diff import Block, DiffPart, compare
from holdgate.approvals.forms import MAX_TEXT, FormField
from holdgate.approvals.requests import deciding
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.elements import elements
from tests.factories.approvals import OWNER, principal, put_question
from tests.factories.site import browser_of, stranger

LETTER = "Dear team,\n" + "\n".join(f"Line {n} stays as it is." for n in range(20)) + "\nI can start in May.\nAda"


def of(blocks: list[Block], *ops: str) -> str:
    return "".join(part.text for block in blocks for part in block.parts if part.op in ops)


def test_a_changed_word_is_told_and_what_is_far_from_it_is_folded() -> None:
    blocks = list(compare(LETTER, LETTER.replace("May", "early June")))
    assert [part for block in blocks for part in block.parts if part.op != "same"] == [
        DiffPart("out", "May"),
        DiffPart("in", "early June"),
    ]
    assert [block.folded for block in blocks if block.folded] == [19]


def test_what_is_new_what_is_gone_and_what_is_replaced() -> None:
    assert of(list(compare("", "hello")), "in") == "hello"
    assert of(list(compare("hello", "")), "out") == "hello"
    assert of(list(compare("No", "Yes")), "out", "in") == "NoYes"


@given(st.text("ab \n.", max_size=60), st.text("ab \n.", max_size=60))
@hypothesis_settings(max_examples=300, deadline=None)
def test_both_texts_can_be_read_from_it(before: str, after: str) -> None:
    blocks = list(compare(before, after))
    assert of(blocks, "same", "out") == before
    assert of(blocks, "same", "in") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * (MAX_TEXT // 2), "b " * (MAX_TEXT // 2)),
        ("a " * (MAX_TEXT // 2), "a b " * (MAX_TEXT // 4)),
        ("\n" * MAX_TEXT, "x\n" * (MAX_TEXT // 2)),
        ("a b c d e\n" * (MAX_TEXT // 10), "a b c e d\n" * (MAX_TEXT // 10)),
        ("x\n" * 999, "y\n" + "x\n" * 997),
    ],
)
def test_the_longest_texts_are_compared_quickly(before: str, after: str) -> None:
    began = time.process_time()
    blocks = list(compare(before, after))
    assert time.process_time() - began < 1
    assert of(blocks, "same", "in") == after


async def test_the_decision_s_page_and_the_receipt_show_what_was_changed_and_escape_it(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    fields = (
        FormField("letter", "Cover letter", "textarea", value="I can start in May.\n"),
        FormField("remote", "Remote", "boolean", value=False),
        FormField("place", "Place", value="Leeds"),
    )
    asked = await put_question(database, settings, fields=fields)
    form = {"letter": "I can start in <b>June</b>.", "remote": True, "place": "Leeds"}
    async with database.write(f"recipient:{OWNER}") as session:
        decision = Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form=form)
        await deciding.decide_by_link(session, asked.hashes()[0], decision, source="192.0.2.1")
    async with browser_of(site, await principal(database)) as owner, stranger(site) as phone:
        for page in (
            await owner.get(f"/approvals/{asked.approval_id}"),
            await owner.get(f"/approvals/{asked.approval_id}/receipt"),
            await phone.get(f"/review/{asked.tokens[0]}/receipt"),
        ):
            assert page.status_code == 200
            changed = page.text.split('id="changes"')[1].split("</section>")[0]
            assert '<del><span class="visually-hidden">[removed: </span>May<' in changed
            assert "&lt;b&gt;June&lt;/b&gt;" in changed
            assert "Remote" in changed
            assert "Place" not in changed


async def test_nothing_changed_is_said(database: Database, settings: Settings, site: httpx.ASGITransport) -> None:
    asked = await put_question(database, settings)
    async with database.write(f"recipient:{OWNER}") as session:
        decision = Decision(version=asked.version, verb=ApprovalVerb.APPROVE, form={"wish": "as it is"})
        await deciding.decide_by_link(session, asked.hashes()[0], decision, source="192.0.2.1")
    async with browser_of(site, await principal(database)) as owner:
        page = await owner.get(f"/approvals/{asked.approval_id}")
    assert elements(page, "section", id="answer")
    assert not elements(page, "section", id="changes")
