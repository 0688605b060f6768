"""What the profile does not say is asked; what it says is not."""

from typing import Any

import pytest
from sqlalchemy import text

from holdgate.accounts.profile.profiles import load_profile, settle_profile
from holdgate.accounts.profile.questions import legal_weight
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.kinds.application.questions import KEEP
from holdgate.testing import KindTester
from tests.careers.careers_site import PDF, Site
from tests.kinds.applying import SALARY, WORK_PERMIT, Applicant


def asks(name: str, label: str, type: str) -> dict[str, Any]:
    return {"name": name, "label": label, "required": True, "type": type, "options": []}


WHY = asks("why", "Why?", "text")


async def test_a_required_question_without_an_answer_is_asked_and_then_the_approval(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    task_id = await ada.apply("unanswered-q", questions=[WORK_PERMIT, SALARY])
    assert await tester.run(task_id) == "needs_input"
    question = await tester.question(task_id)
    assert (question.step, question.form) == ("questions", {"work_permit": "", KEEP: []})
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


async def test_the_profiles_answers_are_found_by_label_or_name_in_any_case(ada: Applicant, tester: KindTester) -> None:
    await ada.change(answers={"would you  RELOCATE to Leeds": "YES", "Why": "Trains."})
    relocate = asks("leeds", "Would you relocate to Leeds?", "boolean")
    task_id = await ada.apply("answered-q", questions=[relocate, WHY])
    assert await tester.run(task_id) == "pending_approval"
    told = (await tester.question(task_id)).told
    assert (told[relocate["label"]], told["Why?"]) == ("yes", "Trains.")


async def test_an_answer_that_is_not_among_the_options_is_asked_again(ada: Applicant, tester: KindTester) -> None:
    await ada.change(answers={"Why": "it depends"})
    task_id = await ada.apply("misfit-q", questions=[{**WHY, "type": "select", "options": ["money", "trains"]}])
    assert await tester.run(task_id) == "needs_input"


async def test_an_answer_is_kept_when_its_person_says_so_and_found_again_in_other_words(
    ada: Applicant, tester: KindTester
) -> None:
    notice = asks("q1", "What is your notice period?", "text")
    task_id = await ada.apply("learns", questions=[notice, WHY])
    waiting = [await ada.apply(f"waits-{n}", questions=more) for n, more in enumerate(([notice], [notice, WHY]))]
    assert [await tester.run(each) for each in (task_id, *waiting)] == ["needs_input"] * 3
    await tester.decide(task_id, form={"q1": "a month", "why": "Trains.", KEEP: [notice["label"]]})
    assert await tester.run(task_id) == "pending_approval"
    states = [(await tester.task(each)).state for each in waiting]
    assert states == ["queued", "needs_input"], "a run asks once: those go on of which nothing else is missing"
    async with ada.database.read() as session:
        profile = await load_profile(session, ada.id)
    assert profile is not None and profile.answers == {"What is your notice period?": "a month"}
    again = asks("q7", "Notice period at your present employer", "text")
    other = await ada.apply("learnt", questions=[again, WHY])
    assert await tester.run(other) == "needs_input"
    assert list((await tester.question(other)).form) == ["why", KEEP], "only what was not kept is asked"


@pytest.mark.parametrize("question", [WORK_PERMIT, SALARY], ids=["required", "optional"])
async def test_what_has_legal_weight_is_proposed_and_never_filled_in(
    ada: Applicant, tester: KindTester, question: dict[str, Any]
) -> None:
    await ada.change(answers={question["label"]: "yes"})
    task_id = await ada.apply("weighty", questions=[question])
    assert await tester.run(task_id) == "needs_input"
    asked = await tester.question(task_id)
    assert asked.form == {question["name"]: "", KEEP: []}
    async with ada.database.read() as session:
        hint = "SELECT form -> 'fields' -> 0 ->> 'hint' FROM approvals WHERE task_id = :id"
        assert "“yes”" in str(await session.scalar(text(hint), {"id": task_id}))
    await tester.decide(task_id, form={question["name"]: "" if not question["required"] else "no"})
    assert await tester.run(task_id) == "pending_approval"
    told = (await tester.question(task_id)).told
    assert told.get(question["label"]) == ("no" if question["required"] else None)


@pytest.mark.parametrize(
    ("label", "weight"),
    [
        ("Do you now or in the future require visa sponsorship?", "sponsorship"),
        ("Are you legally authorized to work in the United States?", "work permit"),
        ("Haben Sie eine gültige Arbeitserlaubnis?", "work permit"),
        ("Have you ever been convicted of a felony?", "criminal record"),
        ("Liegen Vorstrafen vor?", "criminal record"),
        ("Gender", "demographic"),
        ("Are you a protected veteran?", "demographic"),
        ("Ihre Gehaltsvorstellung", "salary"),
        ("desired_salary", "salary"),
        ("I agree to the privacy policy", "consent"),
        ("How many years of Python have you written?", ""),
        ("Which racing bike do you ride?", ""),
        ("What is your notice period?", ""),
        ("Where did you work before?", ""),
    ],
)
def test_legal_weight_is_known_by_the_words(label: str, weight: str) -> None:
    assert legal_weight(label) == weight


async def test_every_type_of_question_becomes_a_field_and_an_answer(
    ada: Applicant, tester: KindTester, site: Site
) -> None:
    def question(name: str, type: str, *options: str) -> dict[str, object]:
        return {"name": name, "label": f"{name}?", "required": True, "type": type, "options": list(options)}

    questions = [
        question("travel", "boolean"),
        question("why", "textarea"),
        question("level", "select", "Junior", "Senior"),
        question("decision", "text"),
    ]
    task_id = await ada.apply("types", questions=questions)
    assert await tester.run(task_id) == "needs_input"
    answers = {"travel": "no", "why": "Trains.", "level": "Senior", "decision": "by reason"}
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
    assert (await tester.question(task_id)).form == {"work_permit": "soon", KEEP: []}
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
    waiting = [await ada.apply(f"nameless-{n}", questions=[WHY]) for n in range(2)]
    other = await ada.apply("nameless-permit", questions=[WORK_PERMIT])
    assert [await tester.run(task_id) for task_id in (*waiting, other)] == ["needs_input"] * 3
    await ada.change(name="Ada Lovelace", answers={WHY["label"]: "Trains.", WORK_PERMIT["label"]: "yes"})
    person = Principal(ada.id, "ada@example.org", "Ada", "member")
    async with database.write(person.actor) as session:
        assert await settle_profile(session, person) == 2
    assert [(await tester.task(task_id)).state for task_id in (*waiting, other)] == ["queued", "queued", "needs_input"]
    assert await tester.run(waiting[0]) == "pending_approval"
