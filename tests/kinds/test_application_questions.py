"""What the profile does not say is asked; what it says is not."""

import pytest

from holdgate.accounts.profile.profiles import settle_profile
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.kinds.applying import SALARY, WORK_PERMIT, Applicant


async def test_a_required_question_without_an_answer_is_asked_and_then_the_approval(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    task_id = await ada.apply("unanswered-q", questions=[WORK_PERMIT, SALARY])
    assert await tester.run(task_id) == "needs_input"
    question = await tester.question(task_id)
    assert (question.step, question.form) == ("questions", {"work_permit": ""})
    assert question.recipients == ["ada@example.org"]
    with pytest.raises(Exception, match="missing or invalid"):
        await tester.decide(task_id, form={"work_permit": "perhaps"})

    await tester.decide(task_id, form={"work_permit": "yes"})
    assert ((await tester.task(task_id)).state, (await tester.task(task_id)).priority) == ("queued", 100)
    assert await tester.run(task_id) == "pending_approval"
    assert (await tester.question(task_id)).told["Are you allowed to work in the EU?"] == "yes"

    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert [sent["answers"] for sent in site.received("unanswered-q")] == [{"work_permit": "yes"}]


async def test_the_profiles_answers_are_found_by_label_or_name_in_any_case(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    await ada.change(answers={"are you ALLOWED to work  in the EU?": "YES", "Salary": "60 000 €"})
    task_id = await ada.approved("answered-q", questions=[WORK_PERMIT, SALARY])
    assert await tester.run(task_id) == "succeeded"
    assert [sent["answers"] for sent in site.received("answered-q")] == [{"work_permit": "yes", "salary": "60 000 €"}]


async def test_an_answer_that_is_not_among_the_options_is_asked_again(ada: Applicant, tester: KindTester) -> None:
    await ada.change(answers={"work_permit": "it depends"})
    task_id = await ada.apply("misfit-q", questions=[WORK_PERMIT])
    assert await tester.run(task_id) == "needs_input"


async def test_every_type_of_question_becomes_a_field_and_an_answer(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    def question(name: str, type: str, *options: str) -> dict[str, object]:
        return {"name": name, "label": f"{name}?", "required": True, "type": type, "options": list(options)}

    questions = [
        question("relocate", "boolean"),
        question("why", "textarea"),
        question("level", "select", "Junior", "Senior"),
        question("decision", "text"),
    ]
    task_id = await ada.apply("types", questions=questions)
    assert await tester.run(task_id) == "needs_input"
    answers = {"relocate": "no", "why": "Trains.", "level": "Senior", "decision": "by reason"}
    await tester.decide(task_id, form=answers)
    assert await tester.run(task_id) == "pending_approval"
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    assert [sent["answers"] for sent in site.received("types")] == [answers]


async def test_a_missing_name_can_be_given_by_form(ada: Applicant, tester: KindTester, site: Site) -> None:
    await ada.change(name="")
    task_id = await ada.apply("nameless")
    assert await tester.run(task_id) == "needs_input"
    await tester.decide(task_id, form={"applicant_name": "Ada King"})
    assert await tester.run(task_id) == "pending_approval"
    question = await tester.question(task_id)
    assert question.told["Name"] == "Ada King"
    assert question.form["cover_letter"].endswith("\n\nAda King")


async def test_a_missing_resume_is_asked_for_until_it_is_there(ada: Applicant, tester: KindTester) -> None:
    await ada.attach(None)
    task_id = await ada.apply("no-resume-q", questions=[WORK_PERMIT])
    assert await tester.run(task_id) == "needs_input"
    assert "/settings" in (await tester.question(task_id)).shown["What to do"]

    await tester.decide(task_id, form={"work_permit": "yes"})
    assert await tester.run(task_id) == "needs_input"
    again = await tester.question(task_id)
    assert (again.step, again.form) == ("questions-2", {})  # what was answered is not asked again

    await ada.attach(PDF)
    await tester.decide(task_id)
    assert await tester.run(task_id) == "pending_approval"


async def test_an_answer_the_site_refused_is_asked_again_after_a_retry(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    # The posting has an option that the site does not know.
    question = {**WORK_PERMIT, "options": ["yes", "no", "soon"]}
    task_id = await ada.apply("outdated-options-q", questions=[question])
    await tester.run(task_id)
    await tester.decide(task_id, form={"work_permit": "soon"})
    await tester.run(task_id)
    await tester.decide(task_id, form={"cover_letter": "My own words."})
    assert await tester.run(task_id) == "dead_letter"
    assert "answers[work_permit]: Answer with one of: yes, no." in str((await tester.task(task_id)).reason)

    await tester.act(task_id, "retry")
    assert await tester.run(task_id) == "needs_input"
    assert (await tester.question(task_id)).form == {"work_permit": "soon"}
    await tester.decide(task_id, form={"work_permit": "yes"})
    assert await tester.run(task_id) == "pending_approval"
    assert (await tester.question(task_id)).form == {"cover_letter": "My own words."}
    await tester.decide(task_id)
    assert await tester.run(task_id) == "succeeded"
    [sent] = site.received("outdated-options-q")
    assert (sent["answers"], sent["cover_letter"]) == ({"work_permit": "yes"}, "My own words.")


async def test_a_saved_profile_answers_every_application_that_waits_for_it(
    ada: Applicant, tester: KindTester, database: Database
) -> None:
    await ada.change(name="")
    waiting = [await ada.apply(f"nameless-{n}", questions=[WORK_PERMIT]) for n in range(2)]
    other = await ada.apply("nameless-salary", questions=[SALARY | {"required": True}])
    assert [await tester.run(task_id) for task_id in (*waiting, other)] == ["needs_input"] * 3
    await ada.change(name="Ada Lovelace", answers={WORK_PERMIT["label"]: "yes"})
    person = Principal(ada.id, "ada@example.org", "Ada", "member")
    async with database.write(person.actor) as session:
        assert await settle_profile(session, person) == 2
    assert [(await tester.task(task_id)).state for task_id in (*waiting, other)] == ["queued", "queued", "needs_input"]
    assert await tester.run(waiting[0]) == "pending_approval"
