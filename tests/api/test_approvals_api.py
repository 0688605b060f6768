"""Approvals by program beyond the single decision: passing on, asking back, taking back, evidence, many together."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from holdgate.approvals.evidence import receipts
from holdgate.approvals.forms import FormField
from holdgate.approvals.pages import side_actions
from holdgate.core import signing
from tests.factories.approvals import Asked, approval_of, put_question
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, V1, Api, is_problem, pointers

BOB = "bob@example.org"
LATER = timedelta(hours=1)


async def asked_bob(api: Api, **more: Any) -> tuple[Asked, str]:
    """A question of OWNER's task, put to BOB, and its path."""
    asked = await put_question(api.database, api.settings, recipients=(BOB,), **more)
    return asked, f"{V1}/approvals/{asked.approval_id}"


def decision(asked: Asked, verb: str = "approve", **more: str) -> dict[str, Any]:
    return {"version": asked.version, "decision": verb, **more}


async def mails(api: Api, to: str) -> int:
    rows = await api.sql("SELECT 1 FROM tasks WHERE kind = 'email.send' AND payload ->> 'to' = :to", to=to)
    return len(rows)


async def test_what_waits_for_a_person_is_listed_until_they_have_decided(api: Api) -> None:
    asked = await put_question(api.database, api.settings, recipients=(BOB, OTHER), needed=2)
    bob, owner = await api.program(BOB), await api.program()
    root = await api.program(ADMIN, ALL, admin=True)
    mine = f"{V1}/approvals?mine=true"
    assert [item["id"] for item in (await bob.get(mine)).json()["items"]] == [str(asked.approval_id)]
    assert (await owner.get(mine)).json()["items"] == (await root.get(mine)).json()["items"] == []
    decided = await bob.post(f"{V1}/approvals/{asked.approval_id}/decision", json=decision(asked))
    assert decided.json()["state"] == "pending", "one more has to agree"
    assert (await bob.get(mine)).json()["items"] == []
    assert len((await bob.get(f"{V1}/approvals")).json()["items"]) == 1


async def test_where_people_have_to_sign_in_a_token_acts_for_nobody(api: Api) -> None:
    asked, path = await asked_bob(api, level="sign-in")
    bob, stranger = await api.program(BOB), await api.program(OTHER)
    acts: dict[str, dict[str, Any]] = {
        "decision": decision(asked),
        "forward": {"to": OTHER},
        "ask-back": {"question": "Why?"},
    }
    for act, body in acts.items():
        is_problem(await bob.post(f"{path}/{act}", json=body), 403)
        is_problem(await stranger.post(f"{path}/{act}", json=body), 404)
    assert (await approval_of(api.database, asked)).state == "pending"


# Passing on


async def test_a_question_is_passed_on_once_and_the_colleague_decides_in_its_place(api: Api) -> None:
    asked, path = await asked_bob(api)
    bob, other = await api.program(BOB), await api.program(OTHER)
    key, body = {"Idempotency-Key": "f"}, {"to": OTHER, "note": "Yours."}
    for replayed in (None, "true"):
        answer = await bob.post(f"{path}/forward", json=body, headers=key)
        assert (answer.status_code, answer.json()) == (200, {"id": str(asked.approval_id), "to": OTHER})
        assert answer.headers.get("idempotency-replayed") == replayed
    assert await mails(api, OTHER) == 1
    is_problem(await bob.post(f"{path}/decision", json=decision(asked)), 409)
    assert (await other.post(f"{path}/decision", json=decision(asked))).json()["state"] == "approved"
    is_problem(await other.post(f"{path}/forward", json={"to": BOB}), 409)


async def test_a_question_is_passed_on_by_those_asked_and_the_answer_tells_nobody_who_has_access(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_actions, "signup", lambda _request: "invite")
    _, path = await asked_bob(api)
    bob = await api.program(BOB)
    for to in (BOB, "nobody"):
        assert pointers(await bob.post(f"{path}/forward", json={"to": to})) == ["#/to"], to
    assert pointers(await bob.post(f"{path}/forward", json={"to": OTHER, "whom": 1})) == ["#"]
    owner, other = await api.program(), await api.program(OTHER)
    is_problem(await owner.post(f"{path}/forward", json={"to": OTHER}), 403)
    is_problem(await other.post(f"{path}/forward", json={"to": OTHER}), 404)
    await api.sql("UPDATE approvals SET expires_at = now() - interval '1 second'")
    is_problem(await bob.post(f"{path}/forward", json={"to": OTHER}), 410)
    assert await mails(api, OTHER) == 0
    await api.sql("UPDATE approvals SET expires_at = now() + interval '1 hour'")
    passed = await bob.post(f"{path}/forward", json={"to": "stranger@example.org"})
    assert (passed.status_code, passed.json()["to"]) == (200, "stranger@example.org")
    assert await mails(api, "stranger@example.org") == 0


async def test_what_sends_mails_is_counted_for_a_person(api: Api) -> None:
    _, path = await asked_bob(api)
    bob = await api.program(BOB)
    for _ in range(side_actions.DETOURS.most):
        is_problem(await bob.post(f"{path}/forward", json={"to": "nobody"}), 422)
    refused = await bob.post(f"{path}/ask-back", json={"question": "Why?"})
    is_problem(refused, 429)
    assert int(refused.headers["retry-after"]) > 60


# Asking back


async def test_the_owner_answers_what_was_asked_back_and_the_clock_goes_on(api: Api) -> None:
    asked, path = await asked_bob(api)
    bob, owner = await api.program(BOB), await api.program()
    note = (await bob.post(f"{path}/ask-back", json={"question": "Why now?"})).json()["note_id"]
    whole = (await owner.get(path)).json()
    assert whole["stopped_at"] is not None and whole["expires_at"] is None
    [told] = whole["notes"]
    assert (told["id"], told["asked_by"], told["question"], told["answer"]) == (note, BOB, "Why now?", None)
    is_problem(await bob.post(f"{path}/ask-back", json={"question": "And why?"}), 409)

    answer = {"note_id": note, "answer": "It is due."}
    is_problem(await bob.post(f"{path}/answer-back", json=answer), 404)
    assert pointers(await owner.post(f"{path}/answer-back", json={**answer, "answer": "  "})) == ["#/answer"]
    done = await owner.post(f"{path}/answer-back", json=answer)
    assert done.json() == {"id": str(asked.approval_id), "task_id": str(asked.task_id), "state": "pending"}
    is_problem(await owner.post(f"{path}/answer-back", json=answer), 409)
    whole = (await bob.get(path)).json()
    assert whole["stopped_at"] is None and whole["expires_at"] is not None
    assert (whole["notes"][0]["answer"], whole["notes"][0]["ended_by"]) == ("It is due.", OWNER)
    assert (await mails(api, OWNER), await mails(api, BOB)) == (1, 2), "the question back; the first mail, the answer"


async def test_only_whoever_asked_back_withdraws_it(api: Api) -> None:
    asked = await put_question(api.database, api.settings, recipients=(BOB, OTHER))
    path = f"{V1}/approvals/{asked.approval_id}"
    bob, other, owner = await api.program(BOB), await api.program(OTHER), await api.program()
    note = {"note_id": (await bob.post(f"{path}/ask-back", json={"question": "Why?"})).json()["note_id"]}
    is_problem(await other.post(f"{path}/withdraw", json=note), 403)
    is_problem(await owner.post(f"{path}/withdraw", json=note), 403)
    assert (await bob.post(f"{path}/withdraw", json=note)).json()["state"] == "pending"
    is_problem(await bob.post(f"{path}/withdraw", json=note), 409)
    assert (await bob.get(path)).json()["notes"][0]["ended_by"] == BOB


async def test_nobody_asks_themselves(api: Api) -> None:
    asked = await put_question(api.database, api.settings)
    owner = await api.program()
    is_problem(await owner.post(f"{V1}/approvals/{asked.approval_id}/ask-back", json={"question": "Why?"}), 422)


# Taking back, and evidence


async def test_an_approval_is_taken_back_by_whoever_gave_it_and_has_no_receipt_until_it_stands(api: Api) -> None:
    asked, path = await asked_bob(api, take_back=LATER)
    bob, owner, other = await api.program(BOB), await api.program(), await api.program(OTHER)
    is_problem(await bob.post(f"{path}/take-back"), 409)
    assert (await bob.post(f"{path}/decision", json=decision(asked))).json()["state"] == "approved"
    assert (await bob.get(path)).json()["goes_on_at"] is not None
    is_problem(await bob.get(f"{path}/receipt"), 404)
    is_problem(await other.post(f"{path}/take-back"), 404)
    is_problem(await owner.post(f"{path}/take-back"), 403)
    taken = await bob.post(f"{path}/take-back", headers={"Idempotency-Key": "t"})
    assert taken.json() == {"id": str(asked.approval_id), "task_id": str(asked.task_id), "state": "pending"}
    again = await bob.post(f"{path}/take-back", headers={"Idempotency-Key": "t"})
    assert again.json() == taken.json() and again.headers["idempotency-replayed"] == "true"
    is_problem(await bob.post(f"{path}/take-back"), 409)
    trail = (await bob.get(f"{path}/trail")).json()
    assert [event["verb"] for event in trail["events"]] == ["ask", "approve", "take_back"]
    assert trail["votes"] == []


async def test_the_trail_tells_mails_openings_and_votes_to_those_it_concerns(api: Api) -> None:
    asked, path = await asked_bob(api)
    bob, owner, other = await api.program(BOB), await api.program(), await api.program(OTHER)
    await api.sql(
        "INSERT INTO approval_openings (recipient_id, opener, n, first_at, last_at, address, sign)"
        " SELECT id, 'scanner', 2, now(), now(), '192.0.2.7', 'names no language' FROM approval_recipients"
    )
    await bob.post(f"{path}/decision", json=decision(asked, "reject", reason="Not like this."))
    trail = (await owner.get(f"{path}/trail")).json()
    assert [(event["verb"], event["actor"]) for event in trail["events"]] == [("ask", "system"), ("reject", BOB)]
    [delivery] = trail["deliveries"]
    assert (delivery["email"], delivery["state"]) == (BOB, "sent")
    assert [(mail["accepted"], mail["said"]) for mail in delivery["mails"]] == [(True, "2.0.0 Ok: queued as 4F2A")]
    assert [(o["opener"], o["n"], o["address"]) for o in delivery["openings"]] == [("scanner", 2, "192.0.2.7")]
    [vote] = trail["votes"]
    assert (vote["email"], vote["verb"], vote["reason"], vote["version"]) == (
        BOB,
        "reject",
        "Not like this.",
        asked.version,
    )
    assert "API" in vote["source"]
    is_problem(await other.get(f"{path}/trail"), 404)


async def test_a_receipt_is_the_signed_file_that_the_page_gives(api: Api) -> None:
    asked, path = await asked_bob(api)
    bob, other = await api.program(BOB), await api.program(OTHER)
    is_problem(await bob.get(f"{path}/receipt"), 404)
    await bob.post(f"{path}/decision", json=decision(asked))
    answer = await bob.get(f"{path}/receipt")
    async with api.database.read() as session:
        receipt = await receipts.receipt_of(session, api.settings, await approval_of(api.database, asked))
    assert answer.content == receipt.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{receipt.file_name}"'
    verdict = receipts.check(answer.content, signing.public_keys(api.settings.secret_keys))
    assert verdict.problem == "" and verdict.content["decision"]["by"] == BOB
    is_problem(await other.get(f"{path}/receipt"), 404)


# Many together


async def alike(api: Api, n: int) -> list[Asked]:
    """Questions of one run of OWNER's to BOB, and one more that differs."""
    program = await api.program()
    run = UUID((await program.post(f"{V1}/runs", json={"name": "R", "tasks": [{"kind": "sample.task"}]})).json()["id"])
    made = [(await asked_bob(api, run_id=run, name=f"letter {i}"))[0] for i in range(n)]
    await asked_bob(api, run_id=run, fields=(FormField("other", "Other", value="x"),))
    return made


def chosen(asked: list[Asked]) -> list[dict[str, str]]:
    return [{"id": str(one.approval_id), "version": one.version} for one in asked]


async def group_of(program: httpx.AsyncClient) -> str:
    [group] = (await program.get(f"{V1}/approvals/groups")).json()["items"]
    return f"{V1}/approvals/groups/{group['key']}"


async def test_a_group_is_seen_by_those_asked_and_by_administrators(api: Api) -> None:
    asked = await alike(api, 2)
    bob, owner, other = await api.program(BOB), await api.program(), await api.program(OTHER)
    root = await api.program(ADMIN, ALL, admin=True)
    [group] = (await bob.get(f"{V1}/approvals/groups")).json()["items"]
    assert (group["n"], group["run_name"]) == (2, "R")
    path = f"{V1}/approvals/groups/{group['key']}"
    whole = (await bob.get(path)).json()
    assert (whole["key"], whole["run_id"]) == (group["key"], group["run_id"])
    assert {item["id"]: (item["version"], item["shown"]) for item in whole["items"]} == {
        str(one.approval_id): (one.version, {"Name": f"letter {i}"}) for i, one in enumerate(asked)
    }
    assert (await bob.get(f"{V1}/approvals/{asked[0].approval_id}")).json()["group"] == group["key"]
    for unasked in (owner, other):
        assert (await unasked.get(f"{V1}/approvals/groups?run_id={group['run_id']}")).json() == {"items": []}
        is_problem(await unasked.get(path), 404)
    assert (await root.get(f"{V1}/approvals/groups")).json() == {"items": []}
    assert (await root.get(f"{V1}/approvals/groups?run_id={group['run_id']}")).json() == {"items": [group]}
    assert (await root.get(path)).json() == whole
    is_problem(await bob.get(f"{V1}/approvals/groups/{'0' * 64}"), 404)
    is_problem(await bob.get(f"{V1}/approvals/groups/no-key"), 404)


async def test_many_are_decided_together_as_they_were_shown_and_each_tells_what_became_of_it(api: Api) -> None:
    asked = await alike(api, 4)
    bob = await api.program(BOB)
    path = await group_of(bob)
    await bob.post(f"{V1}/approvals/{asked[1].approval_id}/decision", json=decision(asked[1]))
    sent = chosen(asked[:3])
    sent[2]["version"] = "0" * 64
    unknown = {"id": str(UUID(int=7)), "version": "0" * 64}
    body = {"decision": "approve", "questions": [*sent, sent[0], unknown]}
    for replayed in (None, "true"):
        answer = await bob.post(f"{path}/decision", json=body, headers={"Idempotency-Key": "many"})
        assert answer.status_code == 200 and answer.headers.get("idempotency-replayed") == replayed
        done = answer.json()
        assert done["decided"] == 1
        assert [(item["id"], item["status"]) for item in done["items"]] == [
            (each["id"], status) for each, status in zip([*sent, unknown], (200, 409, 409, 404), strict=True)
        ]
        assert [bool(item["problem"]) for item in done["items"]] == [False, True, True, True]
    states = [(await approval_of(api.database, one)).state for one in asked]
    assert states == ["approved", "approved", "pending", "pending"]
    first = await approval_of(api.database, asked[0])
    assert first.decided_from is not None and first.decided_from.endswith("4 decided together")
    assert first.answer == {"wish": "as it is"}, "as proposed"


async def test_a_decision_for_many_that_does_not_fit_decides_nothing(api: Api) -> None:
    asked = await alike(api, 2)
    bob, other = await api.program(BOB), await api.program(OTHER)
    path = await group_of(bob)
    whole = {"decision": "reject", "reason": "No.", "questions": chosen(asked)}
    assert pointers(await bob.post(f"{path}/decision", json={**whole, "reason": " "})) == ["#/reason"]
    assert pointers(await bob.post(f"{path}/decision", json={**whole, "questions": []})) == ["#/questions"]
    many = chosen(asked[:1]) * 51
    assert pointers(await bob.post(f"{path}/decision", json={**whole, "questions": many})) == ["#/questions"]
    for where, program in ((path, other), (f"{V1}/approvals/groups/{'0' * 64}", bob)):
        is_problem(await program.post(f"{where}/decision", json=whole), 404)
    assert [(await approval_of(api.database, one)).state for one in asked] == ["pending", "pending"]
    assert (await bob.post(f"{path}/decision", json=whole)).json()["decided"] == 2
    is_problem(await bob.get(path), 404)


async def test_decisions_for_many_at_once_count_every_question_once_and_do_not_block_each_other(api: Api) -> None:
    asked = await alike(api, 6)
    bob = await api.program(BOB)
    path, whole = await group_of(bob), chosen(asked)
    orders = (whole, whole[::-1], whole[2:], whole[:4][::-1])
    answers = await asyncio.gather(
        *(bob.post(f"{path}/decision", json={"decision": "approve", "questions": some}) for some in orders)
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["decided"] for answer in answers) == 6
    assert {(await approval_of(api.database, one)).state for one in asked} == {"approved"}
