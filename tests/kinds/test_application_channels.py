"""How an application is sent: to an address that takes it, as an email, or by hand; known before it is approved."""

from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default

import msgspec
import pytest

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.kinds.application.by_hand import NOT_SENT, SENT
from holdgate.postings.channels import Channel, way_of
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.kinds.applying import LETTER, WORK_PERMIT, Applicant
from tests.mail.smtp_server import MailServer, serving

TO_HARROW = {"apply_url": "mailto:jobs@harrow.example?subject=Ref%2012", "channel": "email"}


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    async with serving() as server:
        yield server


@pytest.fixture
async def mailing(database: Database, settings: Settings, mail_server: MailServer) -> AsyncIterator[KindTester]:
    async with KindTester(database, msgspec.structs.replace(settings, smtp_url=mail_server.url)) as made:
        yield made


@pytest.fixture
async def bea(database: Database, mailing: KindTester, site: Site) -> Applicant:
    """Ada at an installation that sends mail."""
    return await Applicant.create(database, mailing, site)


@pytest.mark.parametrize(
    ("url", "apply_url", "channel", "reason"),
    [
        ("https://harrow.example/1", "https://harrow.example/1/apply", Channel.DIRECT, "harrow.example"),
        ("https://harrow.example/1", "https://harrow.example/1", Channel.BY_HAND, "no address"),
        ("https://harrow.example/1", "mailto:Jobs@harrow.example?subject=x", Channel.EMAIL, "jobs@harrow.example"),
        ("https://harrow.example/1", "https://boards.greenhouse.io/harrow/jobs/1", Channel.BY_HAND, "Greenhouse"),
        ("https://harrow.example/1", "https://notlever.co/a", Channel.DIRECT, "notlever.co"),
        ("https://harrow.example/1", "https://jobs.eu.lever.co/a/b/apply", Channel.BY_HAND, "Lever"),
    ],
)
def test_the_addresses_say_how_an_application_is_sent(url: str, apply_url: str, channel: str, reason: str) -> None:
    way = way_of(url, apply_url, [])
    assert way.channel == channel and reason in way.reason


async def test_an_application_by_email_goes_once_with_the_file_and_its_message_id_as_receipt(
    bea: Applicant, mailing: KindTester, mail_server: MailServer
) -> None:
    task_id = await bea.apply("mailed", questions=[WORK_PERMIT], **TO_HARROW)
    assert await mailing.run(task_id) == "needs_input"
    await mailing.decide(task_id, form={"work_permit": "yes"})
    assert await mailing.run(task_id) == "pending_approval"
    shown = (await mailing.question(task_id)).told
    assert (shown["Sent by email to"], shown["Subject"]) == ("jobs@harrow.example", "Ref 12")
    await mailing.decide(task_id)
    assert await mailing.run(task_id) == "succeeded"
    [raw] = mail_server.accepted
    mail = message_from_bytes(raw, policy=default)
    assert mail_server.recipients == ["jobs@harrow.example"]
    assert (mail["Subject"], mail["Reply-To"].addresses[0].addr_spec) == ("Ref 12", "ada@example.org")
    body = mail.get_body()
    assert body is not None
    written = body.get_content().replace("\r\n", "\n")
    assert written.startswith(LETTER) and f"{WORK_PERMIT['label']}: yes" in written
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == ("cv.pdf", "application/pdf", PDF)
    result = await mailing.result(task_id)
    assert (result["receipt"], result["channel"]) == (mail["Message-ID"], "email")
    assert (await bea.posting_of(task_id)).applied_at is not None


async def test_an_email_whose_acceptance_was_lost_is_asked_about_and_not_sent_again(
    bea: Applicant, mailing: KindTester, mail_server: MailServer
) -> None:
    mail_server.answers["DATA"] = MailServer.DROP
    task_id = await bea.approved("lost", **TO_HARROW)
    assert await mailing.run(task_id) == "needs_input"
    assert (await mailing.question(task_id)).step == "arrived-1"
    assert len(mail_server.accepted) == 1
    await mailing.decide(task_id, form={"arrived": "yes"})
    assert await mailing.run(task_id) == "succeeded"
    assert len(mail_server.accepted) == 1


async def test_an_email_that_was_not_taken_is_tried_again_and_one_that_is_refused_is_not(
    bea: Applicant, mailing: KindTester, mail_server: MailServer
) -> None:
    mail_server.answers["DATA"] = "451 Greylisted"
    task_id = await bea.approved("grey", **TO_HARROW)
    assert await mailing.run(task_id) == "retrying"
    del mail_server.answers["DATA"]
    assert await mailing.finish(task_id) == "succeeded"
    assert len(mail_server.accepted) == 1
    mail_server.answers["RCPT"] = "550 No such person"
    refused = await bea.approved("nobody", **TO_HARROW)
    assert await mailing.run(refused) == "dead_letter"
    assert "No such person" in str((await mailing.task(refused)).reason)


@pytest.mark.parametrize("job", ["page-only", "wants-file"])
async def test_an_application_by_hand_is_prepared_approved_and_handed_over(
    ada: Applicant, tester: KindTester, site: Site, job: str
) -> None:
    portfolio = {"name": "portfolio", "label": "Your portfolio", "required": True, "type": "file", "options": []}
    more = {"questions": [portfolio]} if job == "wants-file" else {"apply_url": f"{site.url}/jobs/{job}"}
    task_id = await ada.apply(job, **more)
    assert await tester.run(task_id) == "pending_approval"
    assert "Sent by hand" in (await tester.question(task_id)).told
    await tester.decide(task_id)
    assert await tester.run(task_id) == "needs_input"
    question = await tester.question(task_id)
    assert question.step == "hand-off-1"
    assert question.told["Cover letter"] == LETTER and question.told["Name"] == "Ada Lovelace"
    await tester.decide(task_id, form={"next": SENT, "confirmation": "C-17"})
    assert await tester.run(task_id) == "succeeded"
    result = await tester.result(task_id)
    assert (result["receipt"], result["channel"]) == ("C-17", "by_hand")
    assert (await ada.posting_of(task_id)).applied_at is not None
    assert site.received(job) == []


async def test_what_could_not_be_sent_by_hand_is_put_aside_with_the_reason(ada: Applicant, tester: KindTester) -> None:
    task_id = await ada.approved("by-hand-no", apply_url="https://www.linkedin.com/jobs/view/1234567")
    assert await tester.run(task_id) == "needs_input"
    await tester.decide(task_id, form={"next": NOT_SENT, "reason": "The form is gone."})
    assert await tester.run(task_id) == "dead_letter"
    task = await tester.task(task_id)
    assert "The form is gone." in str(task.reason)
    assert (await ada.posting_of(task_id)).applied_at is None


async def test_an_address_that_turns_out_to_take_no_applications_is_handed_over(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    task_id = await ada.approved("page", apply_url=f"{site.url}/no/such/form")
    assert await tester.run(task_id) == "needs_input"
    question = await tester.question(task_id)
    assert question.step == "hand-off-1" and "404" in question.told["Why by hand"]
