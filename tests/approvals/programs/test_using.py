"""An approval is taken by the program that asked, and by nobody twice."""

import asyncio

import httpx
import pytest

from holdgate.approvals.states import ApprovalVerb
from holdgate.core.scopes import Scope
from tests.factories.asking import APPROVALS, answer_by_link, ask, asking_program
from tests.factories.programs import OTHER, Api, is_problem

ANN = "ann@example.org"


async def use(program: httpx.AsyncClient, approval_id: str, **headers: str) -> httpx.Response:
    return await program.post(f"{APPROVALS}/{approval_id}/use", headers=headers)


async def test_of_many_at_once_one_gets_the_approval(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program, recipients=[ANN])
    assert "pending" in is_problem(await use(program, made["id"]), 409)["detail"]
    await answer_by_link(api, made["id"])
    answers = await asyncio.gather(*(use(program, made["id"]) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert "was used at" in is_problem(await use(program, made["id"]), 409)["detail"]
    trail = (await program.get(f"{APPROVALS}/{made['id']}/trail")).json()
    assert [event["verb"] for event in trail["events"]].count("use") == 1


async def test_a_lost_answer_is_given_again_by_its_key(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program, recipients=[ANN])
    await answer_by_link(api, made["id"])
    first, again = [await use(program, made["id"], **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert first.status_code == again.status_code == 200 and first.json() == again.json()


async def test_what_is_rejected_or_can_still_be_undone_is_not_used(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program, recipients=[ANN])
    await answer_by_link(api, made["id"], ApprovalVerb.REJECT, reason="No.")
    assert "rejected" in is_problem(await use(program, made["id"]), 409)["detail"]
    made = await ask(program, recipients=[ANN], take_back=600)
    await answer_by_link(api, made["id"])
    assert "undone" in is_problem(await use(program, made["id"]), 409)["detail"]
    await api.sql("UPDATE approvals SET decided_at = decided_at - interval '11 minutes' WHERE id = :id", id=made["id"])
    assert (await use(program, made["id"])).status_code == 200


@pytest.mark.parametrize(
    ("email", "scopes", "status"),
    [
        (OTHER, (Scope.APPROVALS_CREATE,), 404),
        (ANN, (Scope.TASKS_READ, Scope.TASKS_WRITE, Scope.APPROVALS_DECIDE), 403),
        (OTHER, (Scope.TASKS_READ,), 403),
    ],
)
async def test_nobody_else_can_use_it(api: Api, email: str, scopes: tuple[Scope, ...], status: int) -> None:
    program = await asking_program(api)
    made = await ask(program, recipients=[ANN])
    await answer_by_link(api, made["id"])
    is_problem(await use(await api.program(email, scopes), made["id"]), status)
    assert (await use(program, made["id"])).status_code == 200
