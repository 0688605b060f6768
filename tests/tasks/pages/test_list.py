"""The list of tasks: what is left out and counted, pages both ways, the order, saved views; all without JavaScript."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.tasks.search import saved, sorting
from holdgate.tasks.states import TaskState
from tests.elements import alerts, elements, invalid, texts
from tests.factories.approvals import principal
from tests.factories.people import HTMX, Browser, words
from tests.factories.runs import start
from tests.factories.site import browser_of
from tests.factories.tasks import make_task

MAIL = {"kind": "email.send", "payload": {"template": "sign_in", "to": "a@example.org", "data": {}}, "queue": "mail"}


def listed(page: httpx.Response) -> list[str]:
    return re.findall(r'<tr id="task-([0-9a-f-]{36})"', page.text)


def link(page: httpx.Response, label: str) -> str | None:
    found = re.search(rf'href="([^"]+)"[^>]*>{label}', page.text)
    return unescape(found[1]) if found else None


async def some(database: Database, owner: Principal, n: int, **request: Any) -> list[str]:
    """In the order of their making."""
    return [str(await make_task(database, owner_id=owner.id, **request)) for _ in range(n)]


async def test_mail_is_set_apart_and_the_counts_are_exact_with_and_without(
    database: Database, member: Browser, ann: Principal
) -> None:
    [work] = await some(database, ann, 1)
    mails = await some(database, ann, 2, **MAIL)
    without = await member.get("/tasks")
    assert listed(without) == [work]
    assert "All 1" in words(without)
    assert "1" in texts(without, "details", data_matching=True)[0].split()
    assert "(2)" in texts(without, data_left_out=True)[0]
    shown = await member.get(link(without, "Show") or "")
    assert set(listed(shown)) == {work, *mails}
    assert "All 3" in words(shown)
    assert listed(await member.get(link(shown, "Hide") or "")) == [work]
    only = await member.get("/tasks?mail=only")
    assert set(listed(only)) == set(mails)
    assert "All 2" in words(only)


@pytest.mark.parametrize(
    "looked_for", ["kind=email.send", "queue=mail", "q={id}", "id={id}", "payload=to:a@example.org"]
)
async def test_who_looks_for_a_mail_finds_it(
    database: Database, member: Browser, ann: Principal, looked_for: str
) -> None:
    [mail] = await some(database, ann, 1, **MAIL)
    assert listed(await member.get("/tasks?" + looked_for.format(id=mail))) == [mail]


async def test_nothing_is_counted_of_a_run_that_is_somebody_elses(database: Database, member: Browser) -> None:
    run_id = await start(database, await principal(database, "owner@example.org"), 3)
    page = await member.get(f"/tasks?run_id={run_id}")
    assert listed(page) == []
    assert {each.text for each in elements(page, "span", class_="count")} == {"0"}


async def test_a_bulk_action_on_all_that_match_is_on_what_the_list_shows(
    database: Database, member: Browser, ann: Principal
) -> None:
    await some(database, ann, 3)
    await some(database, ann, 2, **MAIL)
    page = await member.get("/tasks")
    asked = await member.get(link(page, "Cancel…") or "")
    assert "Cancel 3 tasks" in words(asked)


@pytest.mark.parametrize("order", ["", "&sort=oldest"])
async def test_the_pages_lead_forth_and_back_with_their_filter(
    database: Database, member: Browser, ann: Principal, order: str
) -> None:
    made = await some(database, ann, 120, title="same")
    await some(database, ann, 5, title="other")
    expected = made if order else list(reversed(made))
    pages = [await member.get(f"/tasks?q=same{order}")]
    while following := link(pages[-1], "Next"):
        assert "q=same" in following
        pages.append(await member.get(following))
    assert [each for page in pages for each in listed(page)] == expected
    assert [len(listed(page)) for page in pages] == [50, 50, 20]
    assert link(pages[0], "Previous") is None
    back = await member.get(link(pages[2], "Previous") or "")
    assert listed(back) == expected[50:100]
    assert listed(await member.get(link(back, "Next") or "")) == expected[100:]
    first = await member.get(link(back, "Previous") or "")
    assert listed(first) == expected[:50]
    assert link(first, "Previous") is None


async def test_the_order_by_age_turns_round_and_keeps_the_filter(
    database: Database, member: Browser, ann: Principal
) -> None:
    made = await some(database, ann, 3, title="same")
    page = await member.get("/tasks?q=same")
    assert 'aria-sort="descending"' in page.text
    turned = await member.get(link(page, "Created") or "")
    assert listed(turned) == made
    assert 'aria-sort="ascending"' in turned.text


# How a column gets its value, and how the task does that comes last because it has the least, or none.
SORTED: dict[str, tuple[str, str]] = {
    "priority": ("priority = 60 + :n", "priority = 60"),
    "attempts": ("failures = :n", "failures = 0"),
    "duration": (
        "state = 'cancelled', claimed_at = now() - make_interval(secs => :n), finished_at = now()",
        "title = title",
    ),
    "deadline": ("deadline_at = now() + make_interval(hours => :n)", "title = title"),
}


@pytest.mark.parametrize("column", SORTED)
async def test_the_list_is_sorted_by_a_column_either_way_with_what_has_no_value_last(
    database: Database, member: Browser, ann: Principal, column: str
) -> None:
    one, two, three, none = await some(database, ann, 4, title="same")
    given, least = SORTED[column]
    rising = [two, one, three]
    async with database.write("system") as session:
        for n, task in enumerate(rising, 1):
            await session.execute(text(f"UPDATE tasks SET {given} WHERE id = :id"), {"id": task, "n": n})
        await session.execute(text(f"UPDATE tasks SET {least} WHERE id = :id"), {"id": none})
    label = column.capitalize()
    page = await member.get(f"/tasks?q=same&sort={column}")
    assert listed(page) == ([none, *rising] if column in ("priority", "attempts") else [*rising, none])
    [heading] = elements(page, "th", aria_sort=True)
    assert heading["aria-sort"] == "ascending" and heading.text.startswith(label)
    turned = await member.get(link(page, label) or "")
    assert listed(turned) == [*reversed(rising), none]
    assert elements(turned, "th", aria_sort="descending")
    usual = await member.get(link(turned, "Created") or "")
    assert listed(usual) == [none, three, two, one]
    assert "q=same" in str(usual.url) and "sort=" not in str(usual.url)
    if column in ("priority", "attempts"):  # columns that are always there
        assert listed(await member.get(link(usual, label) or "")) == listed(turned), "the most comes first"


async def test_equal_values_keep_their_order_over_all_pages_both_ways(
    database: Database, member: Browser, ann: Principal
) -> None:
    made = await some(database, ann, 120)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET priority = 70 WHERE id = :id"), {"id": made[60]})
    expected = [made[60], *(each for each in reversed(made) if each != made[60])]
    pages = [await member.get("/tasks?sort=-priority")]
    while following := link(pages[-1], "Next"):
        pages.append(await member.get(following))
    assert [each for page in pages for each in listed(page)] == expected
    back = await member.get(link(pages[2], "Previous") or "")
    assert listed(back) == expected[50:100]
    assert listed(await member.get(link(back, "Previous") or "")) == expected[:50]
    assert (await member.get(f"/tasks?sort=priority&cursor={Cursor(datetime.now(UTC), uuid7())}")).status_code == 422


async def test_only_the_newest_that_match_are_sorted_and_the_page_says_so(
    database: Database, member: Browser, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest, *rest = await some(database, ann, 4)
    assert not elements(await member.get("/tasks?sort=priority"), data_sorted=True)
    monkeypatch.setattr(sorting, "SORTED", 3)
    page = await member.get("/tasks?sort=priority")
    assert listed(page) == rest and elements(page, data_sorted=True)
    assert oldest not in page.text
    assert not elements(await member.get("/tasks"), data_sorted=True)
    assert elements(await member.get(f"/tasks?owner={ann.email}&sort=priority"), data_sorted=True), "nobody has counted"


async def test_a_view_is_saved_found_renamed_and_deleted_without_javascript(
    database: Database, member: Browser, ann: Principal
) -> None:
    [dead] = [str(await make_task(database, TaskState.DEAD_LETTER, owner_id=ann.id))]
    await some(database, ann, 1)
    made = await member.send_form("/tasks/views", {"name": " My  letters ", "params": "state=dead_letter&mail=without"})
    assert made.status_code == 303, words(made)
    page = await member.get("/tasks")
    view = await member.get(link(page, "My letters") or "")
    assert listed(view) == [dead]
    twice = await member.send_form("/tasks/views", {"name": "My letters", "params": "q=x"})
    assert twice.status_code == 422
    assert "“My letters”" in alerts(twice) + str(invalid(twice))
    assert 'value="My letters"' in twice.text
    view_id = re.search(r"/tasks/views/([0-9a-f-]{36})/rename", page.text)
    assert view_id
    assert (await member.send_form(f"/tasks/views/{view_id[1]}/rename", {"name": "Theirs"})).status_code == 303
    assert link(await member.get("/tasks"), "Theirs")
    assert (await member.send_form(f"/tasks/views/{view_id[1]}/delete")).status_code == 303
    assert link(await member.get("/tasks"), "Theirs") is None


async def test_a_saved_view_is_its_owners_alone(
    database: Database, transport: httpx.ASGITransport, member: Browser, ann: Principal
) -> None:
    await member.send_form("/tasks/views", {"name": "Mine", "params": ""})
    async with database.read() as session:
        [view] = await saved.views_of(session, ann)
    async with browser_of(transport, await principal(database, "root@example.org", admin=True)) as root:
        assert "Mine" not in words(await root.get("/tasks"))
        for verb in ("rename", "delete"):
            assert (await root.send_form(f"/tasks/views/{view.id}/{verb}", {"name": "x"})).status_code == 404
    assert "Mine" in words(await member.get("/tasks"))


@pytest.mark.parametrize(("name", "params"), [("", ""), ("x" * 61, ""), ("fine", "state=nonsense")])
async def test_what_is_no_view_is_not_saved(
    database: Database, member: Browser, ann: Principal, name: str, params: str
) -> None:
    assert (await member.send_form("/tasks/views", {"name": name, "params": params})).status_code == 422
    async with database.read() as session:
        assert not await saved.views_of(session, ann)


async def test_columns_are_chosen_and_kept_for_the_browser(database: Database, member: Browser, ann: Principal) -> None:
    await some(database, ann, 1)
    columns = {element.attributes["data-label"] for element in elements(await member.get("/tasks"), data_label=True)}
    assert columns == {"Queue", "Priority", "Attempts", "Created"}
    assert (await member.send_form("/tasks/columns", {"column": ["deadline", "duration", "odd"]})).status_code == 303
    page = await member.get("/tasks")
    assert [each.attributes["data-label"] for each in elements(page, data_label=True)] == ["Duration", "Deadline"]
    boxes = elements(page, "input", name="column")
    assert [each.attributes["value"] for each in boxes if "checked" in each.attributes] == ["duration", "deadline"]
    fragment = await member.get("/tasks", headers=HTMX)
    assert [each.attributes["data-label"] for each in elements(fragment, data_label=True)] == ["Duration", "Deadline"]


async def test_lists_are_as_dense_as_the_browser_wants_them(member: Browser) -> None:
    assert not elements(await member.get("/tasks"), "html", data_density=True)
    chosen = {"theme": "system", "density": "compact"}
    assert (await member.send_form("/settings/appearance", chosen)).status_code == 303
    assert elements(await member.get("/tasks"), "html", data_density="compact")


async def test_conditions_may_be_typed_among_the_words_of_the_search(
    database: Database, member: Browser, ann: Principal
) -> None:
    [slow] = await some(database, ann, 1, queue="slow", title="One thing")
    await some(database, ann, 1, title="One thing")
    await some(database, ann, 1, queue="slow", title="Another")
    page = await member.get("/tasks?q=thing+queue:slow+state:queued")
    assert listed(page) == [slow]
    [box] = elements(page, "input", id="filter-q")
    assert (box.attributes["value"], box.attributes["list"]) == ("thing", "terms")
    offered = {each.attributes.get("value") for each in elements(page, "option")}
    assert {"kind:test.nothing", "state:dead_letter"} <= offered
    assert "state" in invalid(await member.get("/tasks?q=state:nowhere")) or alerts(
        await member.get("/tasks?q=state:nowhere")
    )
