"""What a page sends over the wire."""

import pytest
from playwright.async_api import Browser, Response

from holdgate.core.db import Database
from tests.factories.approvals import principal
from tests.factories.people import PEOPLE
from tests.factories.site import Served
from tests.factories.tasks import make_task

pytestmark = pytest.mark.browser

MOST = 130_000


async def test_the_page_of_tasks_weighs_less_than_130_kb(database: Database, site: Served, browser: Browser) -> None:
    root = await principal(database, "root@example.org", admin=True)
    PEOPLE[root.email] = root
    for number in range(51):
        await make_task(database, title=f"A task with a title of usual length, number {number}")
    context = await browser.new_context(base_url=site.base, extra_http_headers={"X-Test-User": root.email})
    page = await context.new_page()  # nothing is in this browser's cache
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    await page.goto("/tasks", wait_until="load")
    await page.wait_for_function("document.querySelectorAll('tbody tr').length === 50")
    sizes = {
        answer.url: (await answer.request.sizes())["responseBodySize"]
        for answer in answers
        if not answer.url.endswith("/events")  # open as long as the page is
    }
    kinds = {url.rsplit(".", 1)[-1] for url in sizes}
    assert {"css", "js"} <= kinds
    assert sum(sizes.values()) < MOST, sorted(sizes.items(), key=lambda item: -item[1])[:6]
    print(f"/tasks: {sum(sizes.values())} bytes in {len(sizes)} answers")
    await context.close()
