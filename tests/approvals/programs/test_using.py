"""An approval is taken by the program that asked, and by nobody twice."""

import asyncio
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from holdgate.approvals.errors import TooLateToTakeBack
from holdgate.approvals.models import Approval
from holdgate.approvals.programs import using
from holdgate.approvals.requests import undoing
from holdgate.approvals.states import ApprovalVerb
from holdgate.core.errors import Conflict
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from tests.factories.asking import APPROVALS, answer_by_link, ask, asking_program
from tests.factories.programs import ADMIN, OTHER, OWNER, Api, is_problem
from tests.factories.workers import until

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


async def test_an_approval_that_was_used_is_not_undone_by_who_began_in_time(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program, recipients=[ANN], take_back=600)
    await answer_by_link(api, made["id"])
    admin = await api.person(ADMIN, admin=True)
    with pytest.raises(TooLateToTakeBack):
        async with api.database.write(admin.actor) as late:
            await late.execute(text("SELECT"))  # its time stands from here on, before the end
            await api.sql(
                "WITH a AS (UPDATE approvals SET decided_at = clock_timestamp() - take_back"
                " WHERE id = :id RETURNING *) "
                "UPDATE tasks t SET run_at = a.decided_at + a.take_back FROM a WHERE t.id = a.task_id",
                id=made["id"],
            )
            assert (await use(program, made["id"])).status_code == 200
            await undoing.take_back_signed_in(late, admin, UUID(made["id"]))


async def test_an_approval_that_is_being_undone_is_not_used(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program, recipients=[ANN], take_back=600)
    await answer_by_link(api, made["id"])
    admin = await api.person(ADMIN, admin=True)
    async with api.database.write(admin.actor) as undone:
        await undoing.take_back_signed_in(undone, admin, UUID(made["id"]))
        used = asyncio.create_task(_use_after_the_end(api, UUID(made["id"])))
        await until(lambda: _waits_for_a_lock(api))
    with pytest.raises(Conflict, match="pending"):
        await used


async def _use_after_the_end(api: Api, approval_id: UUID) -> None:
    async with api.database.write("system") as session:
        approval = await session.get_one(Approval, approval_id)
        assert approval.owner_id is not None and approval.goes_on_at is not None
        owner = Principal(approval.owner_id, OWNER, "", "member")
        await using.use(session, owner, approval_id, now=approval.goes_on_at)


async def _waits_for_a_lock(api: Api) -> bool:
    return bool(
        await api.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    )


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
