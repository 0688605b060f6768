"""Many requests decided together: what is the same once, what differs in columns, each form as it was left."""

import re

import httpx
import pytest
from redis.asyncio import Redis

from holdgate.approvals.forms import FormField
from holdgate.approvals.pages.comparison import comparisons
from holdgate.approvals.pages.question import question_view
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.tasks.queue.claims import Claimed
from tests.elements import elements, notices
from tests.factories.approvals import ANN, BOB, BOSS, Asked, approval_of, key_of, new_run, principal, put_question
from tests.factories.people import words
from tests.factories.site import browser_of, site_of
from tests.factories.workers import task_of

AMOUNTS = (100, 110, 120, 130, 9000)


async def payments(database: Database, settings: Settings, **more: object) -> list[Asked]:
    """Alike, and one of them stands out."""
    run = await new_run(database, "Payments")

    def shows(amount: int):  # type: ignore[no-untyped-def]
        async def shown(_task: Claimed) -> dict[str, object]:
            return {"Amount": f"{amount:,} EUR", "Account": "Travel", "To": f"Person {amount}"}

        return shown

    return [
        await put_question(
            database,
            settings,
            recipients=(BOSS,),
            run_id=run,
            shown=shows(amount),
            fields=(
                FormField("days", "Days", "number", value=n + 1, whole=True),
                FormField("code", "Code", value="T1"),
                FormField("note", "Note", "textarea", value=f"line {n}"),
            ),
            **more,  # type: ignore[arg-type]
        )
        for n, amount in enumerate(AMOUNTS)
    ]


@pytest.fixture
async def boss(database: Database) -> Principal:
    return await principal(database, BOSS)


async def test_what_is_the_same_stands_once_and_the_rest_has_columns_sums_and_marks(
    database: Database, settings: Settings
) -> None:
    asked = await payments(database, settings)
    [one] = comparisons([question_view(await approval_of(database, each)) for each in asked])
    assert one.same == [("Account", "Travel"), ("Code", "T1")]
    amount, to, days = one.columns
    assert (amount.label, amount.total) == ("Amount", "9,460 EUR")
    assert [cell.mark for cell in amount.cells] == ["", "", "", "", "high"]
    assert (to.total, days.total, days.field) == ("", "15", "days")
    assert [field.name for field in one.beside(one.questions[0])] == ["code", "note"], "edited below the row"


async def test_forms_are_edited_in_the_table_and_what_is_wrong_is_said_there(
    database: Database, settings: Settings, redis: Redis, boss: Principal
) -> None:
    first, second, *_ = asked = await payments(database, settings)
    path = f"/approvals/group/{await key_of(database, first)}"
    items = [f"{each.approval_id}:{each.version}" for each in (first, second)]
    form = {"decision": "approve", "item": items, "filled": [str(first.approval_id), str(second.approval_id)]}
    for each, days in ((first, "7"), (second, "many")):
        form |= {f"answer.{each.approval_id}.{name}": text for name, text in (("days", days), ("code", "T2"))}
    async with site_of(settings, database, redis) as transport, browser_of(transport, boss) as browser:
        page = await browser.get(path)
        assert len(elements(page, "td", data_outlier="high")) == 1
        assert "9,460 EUR" in words(page)
        refused = await browser.send_form(path, form)
        assert refused.status_code == 409
        assert "1 decided, 1 failed" in words(refused)
        [kept] = elements(refused, "input", name=f"answer.{second.approval_id}.days")
        assert (kept["value"], kept["aria-invalid"]) == ("many", "true")
    assert (await approval_of(database, first)).answer == {"days": 7, "code": "T2", "note": ""}
    assert (await approval_of(database, second)).state == "pending"
    assert [(await task_of(database, each.task_id)).state for each in asked[1:]] == ["pending_approval"] * 4


async def test_whichever_requests_were_ticked_are_decided_together_and_no_others(
    database: Database, settings: Settings, redis: Redis, boss: Principal
) -> None:
    mine = [await put_question(database, settings, recipients=(BOSS,), name=f"{n}") for n in range(2)]
    theirs = await put_question(database, settings, recipients=(BOB,))
    items = [f"{each.approval_id}:{each.version}" for each in (*mine, theirs)]
    async with site_of(settings, database, redis) as transport, browser_of(transport, boss) as browser:
        ids = "&".join(f"item={each.approval_id}" for each in (*mine, theirs))
        page = await browser.get(f"/approvals/selection?{ids}")
        ticked = [box["value"] for box in elements(page, "input", name="item", checked=True)]
        assert ticked == items[:2]
        late = await browser.send_form("/approvals/selection", {"decision": "approve", "item": items, "shown": items})
        assert late.status_code == 409
        assert "2 decided, 1 failed" in notices(late)["results"]
    assert [(await approval_of(database, each)).state for each in mine] == ["approved"] * 2
    assert (await approval_of(database, theirs)).state == "pending"


async def test_the_inbox_is_searched_and_filtered_and_its_tabs_count(
    database: Database, settings: Settings, redis: Redis
) -> None:
    run = await new_run(database, "Invoices of May")
    inside = await put_question(database, settings, recipients=(ANN,), run_id=run)
    outside = await put_question(database, settings, recipients=(ANN,), title="Send the_letter")
    ann = await principal(database, ANN)

    def rows(page: httpx.Response) -> list[str]:
        return [row["id"].removeprefix("approval-") for row in elements(page, "tr", id=True)]

    async with site_of(settings, database, redis) as transport, browser_of(transport, ann) as browser:
        for query, found in (
            ("q=the_letter", outside),
            ("q=invoices", inside),
            (f"run={run}", inside),
            ("kind=test.asks&q=send", outside),
        ):
            assert rows(await browser.get(f"/approvals?{query}")) == [str(found.approval_id)], query
        assert rows(await browser.get("/approvals?kind=no.such")) == []
        assert (await browser.get("/approvals?run=nonsense")).status_code == 422
        page = await browser.get("/approvals?q=send")
        counts = [each.text for each in elements(page, "a", href=True) if each["href"].startswith("/approvals?")]
        assert "Assigned to me 1" in counts
        [requester] = [each for each in elements(page, "select", name="requester")]
        assert "owner@example.org (2)" in requester.text
        [link] = [each for each in elements(page, "a", aria_current=False) if each.text == "Send the_letter"]
        beside = await browser.get(link["href"], headers={"HX-Request": "true", "HX-Target": "pane"})
        assert beside.text.lstrip().startswith('<section id="request"')
        whole = await browser.get(link["href"])
        part, page_text = (re.sub(r"(</?h)[12]\b", r"\1", one.text.strip()) for one in (beside, whole))
        assert part in page_text, "the fragment is the very bytes of the page, but for the level of its heading"
