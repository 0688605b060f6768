"""From a posting to a receipt, at the real careers site."""

from datetime import timedelta
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import select

from holdgate.approvals import blocks
from holdgate.approvals.models import Approval
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.files import FileStore
from holdgate.tasks import artifacts
from holdgate.tasks.errors import PayloadMismatch
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.kinds.applying import KIND, LETTER, Applicant


async def test_an_application_is_composed_approved_sent_and_recorded(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    task_id = await ada.apply("happy")
    assert await tester.run(task_id) == "pending_approval", (await tester.task(task_id)).error
    assert site.received("happy") == []

    question, digest = await tester.question(task_id), sha256(PDF).hexdigest()
    assert question.title == "Apply for Engineer at Gantry & Rail"
    assert question.form == {"cover_letter": LETTER}
    assert question.recipients == ["ada@example.org"]
    assert list(question.told.items()) == [
        ("Position", "Engineer"),
        ("Company", "Gantry & Rail"),
        ("Posting", f"{site.url}/jobs/happy"),
        ("Sent to", f"{site.url}/jobs/happy/apply"),
        ("Name", "Ada Lovelace"),
        ("Email", "ada@example.org"),
        ("Phone", "+44 20 7946 0018"),
        ("Résumé", f"cv ({digest[:8]}).pdf ({len(PDF)} bytes, SHA-256 {digest})"),
    ]

    await tester.decide(task_id)
    assert (await tester.task(task_id)).priority == 200
    assert await tester.run(task_id) == "succeeded"

    [sent] = site.received("happy")
    assert (sent["name"], sent["email"], sent["phone"]) == ("Ada Lovelace", "ada@example.org", "+44 20 7946 0018")
    assert sent["cover_letter"] == LETTER
    assert (sent["resume_name"], sent["resume_sha256"]) == ("cv.pdf", sha256(PDF).hexdigest())
    assert sent["idempotency_key"] == f"{task_id}:send"
    result = await tester.result(task_id)
    assert result["receipt"] == sent["receipt"]
    assert result["status"] == 201
    assert result["url"] == f"{site.url}/jobs/happy/apply"
    assert result["cover_letter_sha256"] == sha256(LETTER.encode()).hexdigest()
    assert result["sent_at"][:19] == sent["received_at"][:19]
    posting = await ada.posting_of(task_id)
    assert posting.applied_at is not None
    assert posting.applied_task_id == task_id
    assert (await tester.task(task_id)).progress == {"done": 3, "total": 3, "note": "Sent"}
    assert list(await tester.steps(task_id)) == ["compose", "sending", "trying", "send", "applied"]


async def test_whoever_decides_reads_the_job_opens_the_resume_and_has_a_day(
    ada: Applicant, tester: KindTester, database: Database, settings: Settings
) -> None:
    job = "<p>We print <strong>books</strong>.</p><ul><li>Set type</li><li>Read proofs &amp; more</li></ul>"
    task_id = await ada.apply("shown", description=job)
    await tester.run(task_id)
    question = await tester.question(task_id)
    assert question.told["The job"] == "We print books.\n\n- Set type\n- Read proofs & more"
    [file] = blocks.files_of(question.shown)
    async with database.read() as session:
        kept = await artifacts.find_artifact(session, task_id, file.id, None)
        approval = (await session.execute(select(Approval).where(Approval.task_id == task_id))).scalar_one()
    assert await FileStore(settings).read(kept.key) == PDF
    assert approval.ttl == timedelta(hours=24)


async def test_the_edited_letter_arrives_byte_for_byte(ada: Applicant, tester: KindTester, site: Site) -> None:
    letter = "Grüße & “quotes”,\n\n  {Company} stays, so do <b>tags</b>,\ttabs\n\n\nand 🚂.\n--boundary\nÅ Å"
    task_id = await ada.apply("edited")
    await tester.run(task_id)
    # A browser sends CRLF and may add white space at the ends.
    await tester.decide(task_id, form={"cover_letter": f"\r\n{letter}\n ".replace("\n", "\r\n")})
    assert await tester.run(task_id) == "succeeded"
    [sent] = site.received("edited")
    assert sent["cover_letter"] == letter
    assert (await tester.result(task_id))["cover_letter_sha256"] == sha256(letter.encode()).hexdigest()


async def test_a_letter_that_is_empty_or_too_long_cannot_be_approved(ada: Applicant, tester: KindTester) -> None:
    task_id = await ada.apply("letters")
    await tester.run(task_id)
    for letter, problem in [("  \n ", "This field is required"), ("x" * 20_001, "At most 20,000")]:
        with pytest.raises(Exception, match="Some answers") as refusal:
            await tester.decide(task_id, form={"cover_letter": letter})
        assert problem in refusal.value.fields["cover_letter"]  # type: ignore[attr-defined]
    assert (await tester.task(task_id)).state == "pending_approval"


async def test_a_profile_without_a_template_gets_a_plain_letter(ada: Applicant, tester: KindTester) -> None:
    await ada.change(cover_letter="", phone="")
    task_id = await ada.apply("plain-letter")
    await tester.run(task_id)
    letter = (await tester.question(task_id)).form["cover_letter"]
    assert letter.startswith("Dear Gantry & Rail team,\n\nI would like to apply for the position of Engineer.")
    assert letter.endswith("Ada Lovelace\nada@example.org")


async def test_a_rejection_ends_the_task_and_sends_nothing(ada: Applicant, tester: KindTester, site: Site) -> None:
    task_id = await ada.apply("rejected")
    await tester.run(task_id)
    await tester.decide(task_id, approve=False, reason="Wrong tone.")
    assert await tester.run(task_id) == "rejected"
    assert (await tester.task(task_id)).reason == "Wrong tone."
    assert site.received("rejected") == []
    assert (await ada.posting_of(task_id)).applied_at is None


async def test_when_nobody_decides_in_time_nothing_is_sent(ada: Applicant, tester: KindTester, site: Site) -> None:
    task_id = await ada.apply("expired")
    await tester.run(task_id)
    await tester.expire(task_id)
    assert await tester.run(task_id) == "expired"
    assert site.received("expired") == []


async def test_after_a_rejection_a_resumed_task_is_composed_from_the_changed_profile(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    task_id = await ada.apply("second-thoughts")
    await tester.run(task_id)
    await tester.decide(task_id, approve=False, reason="The phone number is an old one.")
    await ada.change(phone="+44 1")
    assert await tester.act(task_id, "resume") == "queued"
    assert await tester.run(task_id) == "pending_approval"
    question = await tester.question(task_id)
    assert (question.step, question.told["Phone"]) == ("submit-2", "+44 1")
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert [sent["phone"] for sent in site.received("second-thoughts")] == ["+44 1"]


async def test_a_cancelled_question_is_put_anew_when_the_task_is_retried(ada: Applicant, tester: KindTester) -> None:
    task_id = await ada.apply("cancelled")
    await tester.run(task_id)
    assert await tester.act(task_id, "cancel") == "cancelled"
    assert await tester.act(task_id, "retry") == "queued"
    assert await tester.run(task_id) == "pending_approval"


@pytest.mark.parametrize(
    "payload", [{}, {"posting_id": "seven"}, {"posting_id": None}, {"posting_id": "0" * 32, "more": 1}]
)
async def test_a_payload_of_the_wrong_shape_is_refused(tester: KindTester, payload: dict[str, object]) -> None:
    with pytest.raises(PayloadMismatch):
        await tester.enqueue(KIND, payload)


async def test_a_posting_that_is_unknown_or_somebody_elses_is_a_dead_letter(ada: Applicant, tester: KindTester) -> None:
    posting_id = await ada.posting("not-mine")
    stranger = await tester.person("stranger@example.org")
    for owner_id, said in [(stranger, "No such posting"), (None, "needs a person")]:
        task_id = await tester.enqueue(KIND, {"posting_id": str(posting_id)}, owner_id=owner_id)
        assert await tester.run(task_id) == "dead_letter"
        assert said in str((await tester.task(task_id)).reason)


async def test_an_application_to_a_private_address_is_refused_where_those_are_not_allowed(
    database: Database, settings: Settings, ada: Applicant, site: Site
) -> None:
    strict = msgspec.structs.replace(settings, allow_private_addresses=False)
    async with KindTester(database, strict) as tester:
        task_id = await ada.approved("private")
        assert await tester.run(task_id) == "dead_letter"
        assert "not on the public internet" in str((await tester.task(task_id)).reason)
    assert site.received("private") == []


async def test_a_posting_that_was_applied_to_before_says_so_and_keeps_its_first_application(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    first = await ada.approved("again")
    await tester.run(first)
    before = await ada.posting_of(first)
    second = await ada.apply_for(before.id)
    await tester.run(second)
    assert "You have applied for this posting before" in (await tester.question(second)).told["Please note"]
    await tester.decide(second)
    assert await tester.run(second) == "succeeded"
    after = await ada.posting_of(second)
    assert (after.applied_at, after.applied_task_id) == (before.applied_at, first)
    assert len(site.received("again")) == 2


async def test_what_was_applied_to_on_another_board_is_named_before_anybody_approves(
    ada: Applicant, tester: KindTester
) -> None:
    keys = {"company_key": "gantryrail", "title_key": "engineer"}
    first = await ada.approved("elsewhere", **keys)
    await tester.run(first)
    board = {"canonical_url": "https://board.example/1", "url": "https://board.example/1"}
    second = await ada.apply("elsewhere-2", **keys, **board)
    await tester.run(second)
    told = (await tester.question(second)).told["Please note"]
    assert (await ada.posting_of(first)).url in told


async def test_of_two_tasks_for_a_posting_the_second_asks_again_before_it_sends(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    posting_id = await ada.posting("twins")
    first, second = [await ada.apply_for(posting_id) for _ in range(2)]
    assert await tester.run(second) == "pending_approval"
    for task_id in (first, second):
        await tester.decide(task_id)
    assert await tester.run(first) == "succeeded"
    assert await tester.run(second) == "pending_approval"
    assert "before" in (await tester.question(second)).told["Please note"]
    assert len(site.received("twins")) == 1


@pytest.mark.parametrize("again", [True, False])
async def test_an_approved_application_is_never_sent_for_another_posting(
    ada: Applicant, tester: KindTester, site: Site, again: bool
) -> None:
    task_id = await ada.approved("one")
    await tester.act(task_id, "cancel")
    other = await ada.posting("other")
    await tester.edit(task_id, {"posting_id": str(other)}, again=again)
    if again:
        assert await tester.run(task_id) == "pending_approval"
        assert (await tester.question(task_id)).told["Sent to"] == f"{site.url}/jobs/other/apply"
    else:
        assert await tester.run(task_id) == "dead_letter"
        assert "about another posting" in str((await tester.task(task_id)).reason)
    assert site.received("one") == site.received("other") == []
