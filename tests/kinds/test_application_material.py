"""Which résumé and which letter an application is made with, and letters that are not filled in."""

from uuid import UUID

import pytest

from holdgate.accounts.profile.resume_files import document
from holdgate.accounts.profile.resumes import add_resume, list_resumes
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.kinds.applying import KIND, Applicant
from tests.kinds.odd_site import data, odd_site


async def add(database: Database, owner: UUID, name: str) -> UUID:
    async with database.write("system") as session:
        return await add_resume(session, owner, document(name, PDF + name.encode()))


async def test_a_run_chooses_before_a_posting_and_that_before_the_usual(
    ada: Applicant, tester: KindTester, site: Site, database: Database
) -> None:
    german, short = await add(database, ada.id, "lebenslauf.pdf"), await add(database, ada.id, "short.pdf")
    await ada.change(letters={"German": "Hallo {company},\n{first_name}", "Short": "Hi {last_name}"})
    plain = await ada.posting("usual")
    chosen = await ada.posting("chosen", resume_id=german, letter="German")
    gone = await ada.posting("gone", resume_id=UUID(int=7), letter="No such")
    run = {"resume_id": str(short), "letter": "Short"}
    seen = []
    for posting, more in ((plain, {}), (chosen, {}), (chosen, run), (gone, {})):
        task_id = await tester.enqueue(KIND, {"posting_id": str(posting), **more}, owner_id=ada.id)
        assert await tester.run(task_id) == "pending_approval"
        question = await tester.question(task_id)
        packet = next(value for name, value in (await tester.steps(task_id)).items() if name.startswith("compose"))
        seen.append((packet["resume"]["name"], str(question.form["cover_letter"]).splitlines()[0]))
    assert seen == [
        ("cv.pdf", "Dear Gantry & Rail team,"),
        ("lebenslauf.pdf", "Hallo Gantry & Rail,"),
        ("short.pdf", "Hi Lovelace"),
        ("cv.pdf", "Dear Gantry & Rail team,"),
    ]


async def test_a_placeholder_without_a_value_is_marked_and_has_to_be_filled_in(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    await ada.change(cover_letter="I would move to {location}.\n{phone}", phone="", links=["ada.example.org"])
    task_id = await ada.apply("not-filled")
    assert await tester.run(task_id) == "pending_approval"
    question = await tester.question(task_id)
    assert question.form["cover_letter"] == "I would move to {location}."
    assert "{location}" in question.told["Please note"]
    assert question.told["Links"] == "https://ada.example.org"
    with pytest.raises(Invalid, match="invalid"):
        await tester.decide(task_id)
    await tester.decide(task_id, form={"cover_letter": "I would move to Leeds."})
    assert await tester.run(task_id) == "succeeded"
    assert site.received("not-filled")[0]["cover_letter"] == "I would move to Leeds."


async def test_the_usual_resume_is_one_of_several(ada: Applicant, database: Database) -> None:
    await add(database, ada.id, "other.pdf")
    async with database.read() as session:
        kept = await list_resumes(session, ada.id)
    assert [(each.name, each.usual) for each in kept] == [("cv.pdf", True), ("other.pdf", False)]


SKILLS = {
    "name": "skills[]",
    "label": "Which do you know?",
    "required": True,
    "type": "several",
    "options": ["Python", "SQL", "Kilns, gas"],
}


async def test_every_chosen_option_of_a_question_is_sent(ada: Applicant, tester: KindTester) -> None:
    async with odd_site(data('{"receipt": "R1"}', "201 Created")) as site:
        task_id = await ada.apply("several", questions=[SKILLS], apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "needs_input"
        await tester.decide(task_id, form={"skills[]": ["SQL", "Kilns, gas"]})
        assert await tester.run(task_id) == "pending_approval"
        assert (await tester.question(task_id)).told["Which do you know?"] == "SQL, Kilns, gas"
        await tester.decide(task_id)
        assert await tester.run(task_id) == "succeeded"
        # A standing answer is a list of them in words.
        await ada.change(answers={"Which do you know?": "sql, Python"})
        task_id = await ada.approved("several-2", questions=[SKILLS], apply_url=f"{site.url}/apply")
        assert await tester.run(task_id) == "succeeded"
    for (_, sent), options in zip(site.asked, (["SQL", "Kilns, gas"], ["SQL", "Python"]), strict=True):
        parts = sent.decode("latin-1").split('name="answers[skills[]]"\r\n\r\n')[1:]
        assert [part.split("\r\n")[0] for part in parts] == options
