"""The overview for programs: the same figures as the page, of one's own, with secrets hidden."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

import tests.tasks.kinds  # noqa: F401
from holdgate.tasks.states import TaskState
from tests.factories.approvals import put_question
from tests.factories.bulk import buried, fail
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, V1, Api, is_problem
from tests.factories.stats import fold_all
from tests.factories.tasks import make_task

OVERVIEW = f"{V1}/overview"
SPANS = {"hour": (60, 60), "day": (900, 96), "week": (7200, 84)}


@pytest.mark.parametrize("period", SPANS)
async def test_a_period_is_told_in_its_spans_to_each_their_own(api: Api, period: str) -> None:
    owner = (await api.person(OWNER)).id
    await make_task(api.database, TaskState.SUCCEEDED, owner_id=owner)
    await make_task(api.database, TaskState.SUCCEEDED)
    await buried(api.database, 2, "It is away.", owner_id=owner)
    await fold_all(api.database)
    seconds, spans = SPANS[period]
    for program, succeeded, dead in (
        (await api.program(), 1, 2),
        (await api.program(ADMIN, ALL, admin=True), 2, 2),
        (await api.program(OTHER), 0, 0),
    ):
        found = (await program.get(OVERVIEW, params={"period": period})).json()
        assert (found["period"], found["seconds"], len(found["spans"])) == (period, seconds, spans)
        times = [datetime.fromisoformat(each["at"]) for each in found["spans"]]
        assert {b - a for a, b in pairwise(times)} == {timedelta(seconds=seconds)}
        whole = {"succeeded": succeeded, "retrying": 0, "dead_letter": dead}
        assert found["all"]["outcomes"] == whole
        assert [line["outcomes"] for line in found["kinds"] if line["name"] == "test.nothing"] == [whole] * bool(dead)
        for outcome, n in whole.items():
            assert sum(each["outcomes"][outcome] for each in found["spans"]) == n
        assert sum(found["queues"].get("default", [])) == succeeded + dead
        assert [(each["n"], sum(each["by_span"]), len(each["by_span"])) for each in found["failures"]] == [
            (2, 2, spans)
        ] * bool(dead)
    assert (await (await api.program()).get(OVERVIEW)).json()["period"] == "hour"
    is_problem(await (await api.program()).get(OVERVIEW, params={"period": "century"}), 422)


async def test_what_failed_is_told_with_what_is_left_of_it_and_without_secrets(api: Api) -> None:
    owner = (await api.person(OWNER)).id
    message = "Refused: postgresql://hold:s3cret@db.example/hold"
    await buried(api.database, 2, message, owner_id=owner)
    await fail(api.database, [await make_task(api.database, owner_id=owner)], message, TaskState.RETRYING)
    await fold_all(api.database)
    answer = await (await api.program()).get(OVERVIEW)
    assert "s3cret" not in answer.text
    [failure] = answer.json()["failures"]
    assert failure["message"].startswith("Refused: postgresql://")
    assert (failure["error_type"], failure["kind"]) == ("RuntimeError", "test.nothing")
    assert (failure["n"], failure["dead"], failure["retried"]) == (3, 2, 1)


async def test_what_needs_one_is_told_with_its_page_and_its_deadline(api: Api) -> None:
    asked = await put_question(api.database, api.settings, recipients=(OTHER,), ttl=timedelta(minutes=10))
    needs = (await (await api.program(OTHER)).get(OVERVIEW)).json()["needs"]
    assert [(each["key"], each["url"]) for each in needs] == [
        (f"question-{asked.approval_id}", f"{api.settings.base_url}/approvals/{asked.approval_id}")
    ]
    assert needs[0]["text"] and needs[0]["until"]
    await make_task(api.database, TaskState.DEAD_LETTER)
    assert len((await (await api.program(OTHER)).get(OVERVIEW)).json()["needs"]) == 1, "not theirs"
    root = await api.program(ADMIN, ALL, admin=True)
    assert "dead" in {each["key"] for each in (await root.get(OVERVIEW)).json()["needs"]}
