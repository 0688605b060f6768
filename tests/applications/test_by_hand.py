"""The way out by hand: from every hold and dead letter of an application, once, with the copy that was prepared."""

from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.applications import queries
from holdgate.applications.models import Application
from holdgate.core.db import Database
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.elements import elements, texts
from tests.factories.people import Browser
from tests.kinds.applying import LETTER, WORK_PERMIT, Applicant


async def application_of(database: Database, task_id: UUID) -> Application:
    async with database.read() as session:
        found = await queries.application_of(session, task_id)
    assert found is not None
    return found


async def hold(ada: Applicant, tester: KindTester, careers: Site, how: str) -> UUID:
    """An application that waits for a person in this way, or has failed."""
    if how == "needs_input":
        task_id = await ada.apply("h-input", questions=[WORK_PERMIT])
    elif how == "needs_auth":
        careers.order("h-auth", mode="sign-in")
        task_id = await ada.approved("h-auth")
    elif how == "hand-off":
        task_id = await ada.approved("h-hand", apply_url="https://www.linkedin.com/jobs/view/1234567")
        how = "needs_input"
    elif how == "dead_letter":
        careers.order("h-dead", mode="reject")
        task_id = await ada.approved("h-dead")
    else:
        task_id = await ada.apply("h-approval")
        if how in ("rejected", "cancelled"):
            await tester.run(task_id)
            await (tester.act(task_id, "cancel") if how == "cancelled" else tester.decide(task_id, approve=False))
            return task_id
    assert await tester.run(task_id) == how, (await tester.task(task_id)).reason
    return task_id


HOLDS = ["pending_approval", "needs_input", "needs_auth", "hand-off", "dead_letter", "rejected", "cancelled"]


@pytest.mark.parametrize("how", HOLDS)
async def test_from_every_hold_and_dead_letter_it_can_be_sent_by_hand(
    ada: Applicant, tester: KindTester, careers: Site, browser: Browser, database: Database, how: str
) -> None:
    task_id = await hold(ada, tester, careers, how)
    task = await browser.get(f"/tasks/{task_id}")
    application = await application_of(database, task_id)
    here = f"/applications/{application.id}/hand-off"
    assert elements(task, "a", href=here), "the task's page leads there"
    sent = await browser.send_form(f"{here}/sent", {"confirmation": " C-17 "})
    assert sent.status_code == 303
    assert await tester.run(task_id) == "succeeded"
    result = await tester.result(task_id)
    assert (result["receipt"], result["channel"]) == ("C-17", "by_hand")
    assert (await ada.posting_of(task_id)).applied_task_id == task_id
    application = await application_of(database, task_id)
    assert (application.status, application.channel, application.receipt) == ("sent", "by_hand", "C-17")
    again = await browser.send_form(f"{here}/sent")
    assert again.status_code == 409


@pytest.mark.parametrize("how", ["pending_approval", "hand-off", "dead_letter"])
async def test_what_could_not_be_sent_is_put_aside_with_its_reason_and_is_not_applied_to(
    ada: Applicant, tester: KindTester, careers: Site, browser: Browser, database: Database, how: str
) -> None:
    task_id = await hold(ada, tester, careers, how)
    here = f"/applications/{(await application_of(database, task_id)).id}/hand-off"
    assert (await browser.send_form(f"{here}/not-sent")).status_code == 422
    assert (await browser.send_form(f"{here}/not-sent", {"reason": "The form is gone."})).status_code == 303
    application = await application_of(database, task_id)
    assert (application.status, application.reason) == ("put_aside", "The form is gone.")
    assert (await ada.posting_of(task_id)).applied_at is None
    assert (await tester.task(task_id)).standing == ("resolved" if how == "dead_letter" else "cancelled")
    # Taken up again, it is under way again.
    await ada.edit_posting(task_id, apply_url="https://www.linkedin.com/jobs/view/1234567")
    await tester.act(task_id, "retry")
    await tester.finish(task_id)
    assert (await application_of(database, task_id)).status == "prepared"


async def test_the_hand_off_page_has_the_form_and_the_texts_in_its_order_and_the_resume(
    ada: Applicant, tester: KindTester, careers: Site, browser: Browser, database: Database
) -> None:
    url = "https://www.linkedin.com/jobs/view/1234567"
    task_id = await ada.apply("order", apply_url=url, questions=[WORK_PERMIT])
    await tester.run(task_id)
    await tester.decide(task_id, form={"work_permit": "yes"})
    await tester.run(task_id)
    await tester.decide(task_id, form={"cover_letter": "Edited while approving."})
    await tester.run(task_id)
    id = (await application_of(database, task_id)).id
    page = await browser.get(f"/applications/{id}/hand-off")
    assert elements(page, "a", data_beside=True)[0]["href"] == url
    assert texts(page, data_text=True) == [
        "Ada Lovelace",
        "ada@example.org",
        "+44 20 7946 0018",
        "Edited while approving.",
        "yes",
    ]
    await ada.attach(PDF.replace(b"obj", b"obj "))
    resume = await browser.get(f"/applications/{id}/resume")
    assert (resume.content, resume.headers["content-type"]) == (PDF, "application/pdf")


async def test_an_application_at_work_cannot_be_ended_beside_its_worker(
    ada: Applicant, tester: KindTester, browser: Browser, database: Database
) -> None:

    task_id = await ada.apply("at-work")
    await tester.run(task_id)
    await tester.decide(task_id)
    async with database.write("system") as session:
        running = (
            "UPDATE tasks SET state = 'running', attempt = attempt + 1, lease_expires_at = now() + interval '1 hour'"
        )
        await session.execute(text(f"{running}, worker_id = gen_random_uuid() WHERE id = :id"), {"id": task_id})
    id = (await application_of(database, task_id)).id
    refused = await browser.send_form(f"/applications/{id}/hand-off/sent")
    assert refused.status_code == 409
    assert (await application_of(database, task_id)).status == "prepared"


async def test_a_dead_letter_that_is_marked_as_resolved_counts_as_applied(
    ada: Applicant, tester: KindTester, careers: Site, browser: Browser, database: Database
) -> None:
    task_id = await hold(ada, tester, careers, "dead_letter")
    assert (await browser.send_form(f"/tasks/{task_id}/resolve", {"note": "Sent by post."})).status_code == 303
    posting = await ada.posting_of(task_id)
    assert (posting.applied_task_id, posting.applied_at is not None) == (task_id, True)
    application = await application_of(database, task_id)
    assert (application.status, application.channel) == ("sent", "by_hand")


async def test_the_copy_is_exactly_what_the_site_was_sent(
    ada: Applicant, tester: KindTester, careers: Site, database: Database
) -> None:
    task_id = await ada.apply("copied")
    await tester.run(task_id)
    await tester.decide(task_id, form={"cover_letter": "As approved."})
    assert await tester.run(task_id) == "succeeded"
    application = await application_of(database, task_id)
    [received] = careers.received("copied")
    assert application.copy is not None
    assert application.copy["cover_letter"] == received["cover_letter"] == "As approved." != LETTER
    assert (application.status, application.channel) == ("sent", "direct")
    assert application.receipt == (await tester.result(task_id))["receipt"]
