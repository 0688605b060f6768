"""Programs ask people: making a request, what is refused, waiting for its decision, cancelling it."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from holdgate.approvals.evidence import receipts
from holdgate.approvals.states import ApprovalVerb
from holdgate.core import signing
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.scopes import Scope
from holdgate.groups.service import create_group
from tests.factories.answers import decide
from tests.factories.asking import APPROVALS, REQUEST, answer_by_link, ask, asking_program
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, Api, api_of, is_problem, pointers
from tests.statements import statements

BOB = "bob@example.org"


async def test_a_request_is_open_at_once_and_its_decision_comes_with_a_receipt(api: Api) -> None:
    program = await asking_program(api)
    form = {
        "type": "object",
        "properties": {"amount": {"type": "integer", "minimum": 1, "maximum": 9}, "why": {"type": "string"}},
        "required": ["amount"],
    }
    more = {"metadata": {"build": 7}, "ttl": "PT1H", "clock": "working", "urgent": True}
    made = await ask(program, form=form, values={"amount": 3}, recipients=[BOB], **more)
    assert set(made) == {"id", "task_id", "state", "version", "url"} and made["state"] == "pending"
    assert made["url"] == f"{api.settings.base_url}/approvals/{made['id']}"
    [[state, attempt]] = await api.sql("SELECT state, attempt FROM tasks WHERE id = :id", id=made["task_id"])
    assert (state, attempt) == ("pending_approval", 0), "no worker has to run first"

    [[clock, urgent]] = await api.sql("SELECT clock, urgent FROM approvals WHERE id = :id", id=made["id"])
    assert (clock, urgent) == ("working", True)
    path = f"{APPROVALS}/{made['id']}"
    whole = (await program.get(path)).json()
    assert (whole["state"], whole["decision"], whole["receipt"]) == ("pending", None, None)
    assert (whole["metadata"], whole["asker"], whole["shown"]) == ({"build": 7}, "tests", REQUEST["show"])
    waiting = asyncio.create_task(program.get(path, params={"wait": 30}))
    await asyncio.sleep(0)
    await answer_by_link(api, made["id"], form={"amount": "4", "why": "It is due."})
    answer = (await asyncio.wait_for(waiting, 10)).json()
    assert answer["state"] == "approved"
    assert answer["decision"] == {
        "option": "approve",
        "form": {"amount": 4, "why": "It is due."},
        "by": BOB,
        "at": answer["decided_at"],
        "reason": None,
    }
    keys = signing.public_keys(api.settings.secret_keys)
    assert receipts.check(json.dumps(answer["receipt"], indent=2).encode(), keys).problem == ""
    assert [each["id"] for each in (await program.get(APPROVALS)).json()["items"]] == [made["id"]]


async def test_a_program_may_leave_the_time_to_what_people_needed_so_far(api: Api) -> None:
    program = await asking_program(api)
    early = await ask(program, recipients=[BOB], ttl="suggested")
    await decide(api.database, 3000, *[BOB] * 20, kind="approval.request")
    later = await ask(program, recipients=[BOB], ttl="suggested")
    ttls = [(await api.sql("SELECT ttl FROM approvals WHERE id = :id", id=one["id"]))[0][0] for one in (early, later)]
    assert ttls == [api.settings.approval_ttl, timedelta(hours=2)]


async def test_a_rejection_is_an_answer_and_ends_the_task_with_it(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program)
    await answer_by_link(api, made["id"], ApprovalVerb.REJECT, reason="not today")
    answer = (await program.get(f"{APPROVALS}/{made['id']}", params={"wait": 30})).json()
    assert (answer["state"], answer["decision"]["option"], answer["decision"]["reason"]) == (
        "rejected",
        "reject",
        "not today",
    )
    assert [*await api.sql("SELECT state FROM tasks WHERE id = :id", id=made["task_id"])] == [("queued",)]


async def test_an_approval_that_can_be_undone_is_no_decision_yet(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program, take_back=600)
    await answer_by_link(api, made["id"])
    whole = (await program.get(f"{APPROVALS}/{made['id']}", params={"wait": 1})).json()
    assert (whole["state"], whole["decision"], whole["receipt"]) == ("approved", None, None)
    assert whole["goes_on_at"]


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"title": "x" * 1_000_000}, "#/title"),
        ({"title": " \u200b "}, "#/title"),
        ({"title": ""}, "#/title"),
        ({"recipients": [f"p{n}@example.org" for n in range(500)]}, "#/recipients"),
        ({"recipients": ["ann@example.org", "group:nobody"]}, "#/recipients/1"),
        ({"needed": 2}, "#/needed"),
        ({"needed": {"nobody": 1}}, "#/needed/nobody"),
        ({"show": [{"type": "text", "text": "x"}, {"type": "film"}]}, "#/show/1/type"),
        ({"show": [{"type": "link", "url": "javascript:alert(1)"}]}, "#/show/0/url"),
        ({"on_expire": "escalate:group:nobody"}, "#/on_expire"),
        ({"on_expire": "wait"}, "#/on_expire"),
        ({"ttl": 1}, "#/ttl"),
        ({"ttl": "PT1S"}, "#/ttl"),
        ({"ttl": "P365D"}, "#/ttl"),
        ({"ttl": "P1Y"}, "#/ttl"),
        ({"ttl": "soon"}, "#/ttl"),
        ({"ttl": -5}, "#/ttl"),
        ({"clock": "lunar"}, "#/clock"),
        ({"take_back": "P30D"}, "#/take_back"),
        ({"show": {"Log": "x" * 300_000}}, "#/show"),
        ({"metadata": {"x": "x" * 20_000}}, "#/metadata"),
        ({"values": {"a": 1}}, "#/values/a"),
        ({"form": {"type": "array"}}, "#/form/type"),
        ({"form": {}}, "#/form/properties"),
        ({"form": {"properties": {f"f{n}": {"type": "string"} for n in range(60)}}}, "#/form/properties"),
        ({"form": {"properties": {"a.b": {"type": "string"}}}}, "#/form/properties"),
        ({"form": {"properties": {"a": {"type": "string"}}, "required": ["b"]}}, "#/form/required"),
        ({"form": {"properties": {"a": {"type": "string"}}, "oneOf": []}}, "#/form/oneOf"),
        ({"surprise": 1}, "#"),
    ],
)
async def test_a_request_that_does_not_fit_is_refused_by_its_place(api: Api, sent: dict[str, Any], place: str) -> None:
    program = await asking_program(api)
    assert pointers(await program.post(APPROVALS, json={**REQUEST, **sent})) == [place]
    assert await api.sql("SELECT 1 FROM approvals") == await api.sql("SELECT FROM tasks") == []


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"type": "object"}, "type"),
        ({"type": ["string", "null"]}, "type"),
        ({}, "type"),
        ({"type": "string", "pattern": "(a+)+$"}, "pattern"),
        ({"type": "string", "format": "email"}, "format"),
        ({"type": "string", "maxLength": "9"}, "maxLength"),
        ({"type": "string", "minLength": 9, "maxLength": 3}, "minLength"),
        ({"type": "string", "const": "x"}, "const"),
        ({"type": "number", "multipleOf": 0}, "multipleOf"),
        ({"type": "integer", "minimum": True}, "minimum"),
        ({"type": "boolean", "minimum": 1}, "minimum"),
        ({"enum": []}, "enum"),
        ({"enum": ["1", 1]}, "enum"),
        ({"enum": [None]}, "enum"),
        ({"type": "array"}, "items"),
        ({"type": "array", "items": {"type": "object"}}, "items/type"),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "uniqueItems"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "anyOf"),
        ({"$ref": "#/$defs/loop"}, ""),
        ({"$ref": "https://evil.example/schema"}, ""),
        ({"type": "integer", "default": "many"}, "default"),
        ({"type": "integer", "maximum": 3, "default": 4}, "default"),
        ("text", ""),
    ],
)
async def test_a_form_that_cannot_be_shown_is_refused_by_its_place(api: Api, part: Any, place: str) -> None:
    program = await asking_program(api)
    form = {"properties": {"f": part}, "$defs": {"loop": {"$ref": "#/$defs/loop"}}}
    found = pointers(await program.post(APPROVALS, json={**REQUEST, "form": form}))
    assert found == [f"#/form/properties/f/{place}".rstrip("/")]


async def test_every_type_of_field_can_be_asked_for(api: Api) -> None:
    program = await asking_program(api)
    properties: dict[str, Any] = {
        "line": {"type": "string", "title": "One line", "maxLength": 40},
        "text": {"type": "string", "format": "textarea"},
        "day": {"type": "string", "format": "date"},
        "number": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]},
        "yes": {"type": "boolean", "default": True},
        "one": {"$ref": "#/$defs/size"},
        "some": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "uniqueItems": True},
        "lines": {"type": "array", "items": {"type": "string"}},
    }
    form = {"properties": properties, "$defs": {"size": {"enum": ["S", "M"], "type": "string"}}}
    values = {"text": "two\nlines\n", "day": "2026-11-29", "one": "M", "some": ["b"], "lines": ["x", "y"]}
    made = await ask(program, form=form, values=values)
    fields = {each["name"]: each for each in (await program.get(f"{APPROVALS}/{made['id']}")).json()["fields"]}
    types = {name: each["type"] for name, each in fields.items()}
    assert types == {
        "line": "text", "text": "textarea", "day": "date", "number": "number", "yes": "boolean", "one": "select",
        "some": "checkboxes", "lines": "lines",
    }  # fmt: skip
    assert {name: fields[name]["value"] for name in values} == values and fields["yes"]["value"] is True
    for name, bad in {"line": 1, "day": "today", "one": "L", "some": ["c"], "lines": "x", "yes": "on"}.items():
        answer = await program.post(APPROVALS, json={**REQUEST, "form": form, "values": {**values, name: bad}})
        assert pointers(answer) == [f"#/values/{name}"], name


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff!", "a\\ud83dx"])
async def test_half_of_a_character_is_refused_by_its_place(api: Api, half: str) -> None:
    program = await asking_program(api)
    headers = {"Content-Type": "application/json"}
    for body, place in (('{"title": "%s"}', "#/title"), ('{"title": "t", "show": {"a": ["x", "%s"]}}', "#/show/a/1")):
        answer = await program.post(APPROVALS, content=(body % half).encode(), headers=headers)
        assert pointers(answer) == [place]


async def test_groups_are_asked_and_counted(api: Api) -> None:
    async with api.database.write("system") as session:
        await create_group(session, "security", members=[BOB, OWNER])
        await create_group(session, "finance", members=[OTHER])
        await create_group(session, "mine", members=[OWNER])
    program = await asking_program(api)
    made = await ask(program, needed={"security": 1, "finance": 1}, show=[{"type": "markdown", "text": "**Go**"}])
    whole = (await program.get(f"{APPROVALS}/{made['id']}")).json()
    assert [each["email"] for each in whole["recipients"]] == [BOB, OTHER], (
        "whoever asks is asked as member of no group"
    )
    assert whole["shown"] == [{"type": "markdown", "text": "**Go**"}]
    refused = await program.post(APPROVALS, json={**REQUEST, "recipients": ["group:mine"]})
    assert pointers(refused) == ["#/recipients"]


async def test_several_must_approve_and_nobody_changes_the_form(api: Api) -> None:
    program = await asking_program(api)
    form = {"properties": {"amount": {"type": "integer"}}}
    people = [BOB, OTHER]
    refused = await program.post(APPROVALS, json={**REQUEST, "recipients": people, "needed": 2, "form": form})
    assert pointers(refused) == ["#/values/amount"]
    made = await ask(program, recipients=people, needed=2, form=form, values={"amount": 3})
    assert (await answer_by_link(api, made["id"], person=0)).state == "pending"
    assert (await answer_by_link(api, made["id"], person=1)).state == "approved"


async def test_a_thousand_requests_with_one_key_make_one(api: Api) -> None:
    program = await asking_program(api)
    headers = {"Idempotency-Key": "deploy-4.2"}
    room = asyncio.Semaphore(20)

    async def send() -> int:
        async with room:
            return (await program.post(APPROVALS, json=REQUEST, headers=headers)).status_code

    answers = await asyncio.gather(*(send() for _ in range(1000)))
    assert answers.count(201) == 1 and set(answers) <= {201, 200, 409}
    assert [*await api.sql("SELECT count(*) FROM approvals")] == [(1,)]
    assert [*await api.sql("SELECT count(*) FROM tasks WHERE kind = 'email.send'")] == [(1,)]


async def test_the_same_open_request_is_answered_again_where_that_is_wanted(api: Api) -> None:
    program, other = await asking_program(api), await asking_program(api)
    made = await ask(program, dedupe=True)
    again = await program.post(APPROVALS, json={**REQUEST, "dedupe": True})
    assert (again.status_code, again.json()) == (200, made)
    assert (await ask(program, dedupe=True, recipients=[BOB]))["id"] != made["id"], "other people are another request"
    assert (await ask(other, dedupe=True))["id"] != made["id"], "another program's is another request"
    await answer_by_link(api, made["id"])
    assert (await ask(program, dedupe=True))["id"] != made["id"], "it is not open any more"


async def test_what_is_more_than_the_setting_allows_within_a_minute_waits_for_a_digest(
    settings: Settings, database: Database
) -> None:
    async with api_of(msgspec.structs.replace(settings, digest_after=1), database, None) as api:
        program = await asking_program(api)
        for number in range(2):
            await ask(program, title=f"Deploy {number}", recipients=[BOB])
        [[mails]] = await api.sql("SELECT count(*) FROM tasks WHERE kind = 'email.send'")
    assert mails == 1


async def test_open_requests_and_requests_within_an_hour_are_limited_for_each_program(
    settings: Settings, database: Database
) -> None:
    tight = msgspec.structs.replace(settings, approval_requests_open=2, approval_requests_per_hour=3)
    async with api_of(tight, database, None) as api:
        program = await asking_program(api)
        first = await ask(program)
        await ask(program)
        refused = await program.post(APPROVALS, json=REQUEST)
        assert is_problem(refused, 429)["detail"].startswith("This program has 2 open requests")
        assert refused.headers["retry-after"] == "60"
        await ask(await asking_program(api))  # another token has its own
        await answer_by_link(api, first["id"])
        last = await ask(program)
        await answer_by_link(api, last["id"])
        await api.sql("UPDATE approvals SET created_at = created_at - interval '50 minutes'")
        refused = await program.post(APPROVALS, json=REQUEST)
        is_problem(refused, 429)
        assert 590 <= int(refused.headers["retry-after"]) <= 600


# Who may


async def test_who_may_ask_read_wait_cancel_and_decide(api: Api) -> None:
    asker = await asking_program(api)
    made = await ask(asker, recipients=[BOB])
    path = f"{APPROVALS}/{made['id']}"
    decision = {"version": made["version"], "decision": "approve"}
    callers = {
        "the asking token": asker,
        "another token that asks": await asking_program(api),
        "the owner's token": await api.program(),
        "a member's token": await api.program(OTHER),
        "a member's token that asks": await asking_program(api, OTHER),
        "an administrator's token": await api.program(ADMIN, ALL, admin=True),
        "a token of one who is asked": await api.program(BOB),
        "theirs that may ask as well": await api.program(BOB, (Scope.APPROVALS_CREATE, Scope.APPROVALS_DECIDE)),
        "a token without the scope": await api.program(OWNER, (Scope.APPROVALS_DECIDE,)),
        "nobody": await api.client(),
    }
    found = {}
    for caller, program in callers.items():
        asked = await program.post(APPROVALS, json=REQUEST)
        read = await program.get(path)
        waited = await program.get(path, params={"wait": 1}) if read.status_code != 200 else read
        wrong = await program.post(f"{path}/decision", json={**decision, "version": "0" * 64})
        cancelled = (
            0
            if read.status_code == 200 and caller != "a token of one who is asked"
            else (await program.post(f"{path}/cancel")).status_code
        )
        found[caller] = (asked.status_code, read.status_code, waited.status_code, wrong.status_code, cancelled)
    assert found == {
        "the asking token": (201, 200, 200, 403, 0),
        "another token that asks": (201, 404, 404, 403, 404),
        "the owner's token": (403, 200, 200, 403, 0),
        "a member's token": (403, 404, 404, 404, 404),
        "a member's token that asks": (201, 404, 404, 403, 404),
        "an administrator's token": (201, 200, 200, 409, 0),
        "a token of one who is asked": (403, 200, 200, 409, 403),
        "theirs that may ask as well": (201, 404, 404, 403, 404),
        "a token without the scope": (403, 403, 403, 403, 403),
        "nobody": (401, 401, 401, 401, 401),
    }


async def test_the_program_its_person_and_administrators_cancel(api: Api) -> None:
    asker = await asking_program(api)
    for program in (asker, await api.program(), await api.program(ADMIN, ALL, admin=True)):
        made = await ask(asker, recipients=[BOB])
        path = f"{APPROVALS}/{made['id']}"
        waiting = asyncio.create_task(asker.get(path, params={"wait": 30}))
        done = await program.post(f"{path}/cancel")
        assert done.json() == {"id": made["id"], "task_id": made["task_id"], "state": "cancelled"}
        answer = (await asyncio.wait_for(waiting, 10)).json()
        assert (answer["state"], answer["decision"], answer["receipt"]) == ("cancelled", None, None)
        is_problem(await program.post(f"{path}/cancel"), 409)


async def test_no_program_decides_what_a_program_of_the_same_person_asked(api: Api) -> None:
    """Also not as an administrator's, or where that person is asked: they decide themselves."""
    whole = await api.token(ADMIN, ALL, admin=True)
    program = await api.client(whole)
    made = await ask(program, recipients=[ADMIN, OTHER])
    decision = {"version": made["version"], "decision": "approve"}
    path = f"{APPROVALS}/{made['id']}"
    for mine in (program, await api.program(ADMIN, admin=True)):
        is_problem(await mine.post(f"{path}/decision", json=decision), 403)
        is_problem(await mine.post(f"{path}/forward", json={"to": BOB}), 403)
    both = await api.program(OTHER, (*ALL[:3], Scope.APPROVALS_CREATE))
    is_problem(await both.post(f"{path}/decision", json=decision), 403)
    assert (await (await api.program(OTHER)).post(f"{path}/decision", json=decision)).status_code == 200


# Waiting


@pytest.mark.slow
async def test_two_hundred_who_wait_cost_two_statements_a_second(api: Api) -> None:
    program = await asking_program(api)
    ids = [(await ask(program))["id"] for _ in range(20)]
    waiting = [asyncio.create_task(program.get(f"{APPROVALS}/{ids[n % 20]}", params={"wait": 60})) for n in range(200)]
    per_second = 1000.0
    for _ in range(20):  # until all of them wait
        began = time.monotonic()
        with statements(api.database) as sent:
            await asyncio.sleep(2)
        per_second = len(sent) / (time.monotonic() - began)
        if per_second <= 2:
            break
    assert 0 < per_second <= 2
    assert [each.result().status_code for each in waiting if each.done()] == []
    await answer_by_link(api, ids[0])
    answers = await asyncio.wait_for(asyncio.gather(*waiting[::20]), 20)
    assert {answer.json()["state"] for answer in answers} == {"approved"}
    for each in waiting:
        each.cancel()


async def test_a_wait_ends_by_its_bound(api: Api) -> None:
    program = await asking_program(api)
    made = await ask(program)
    began = time.monotonic()
    assert (await program.get(f"{APPROVALS}/{made['id']}", params={"wait": 1})).json()["state"] == "pending"
    assert time.monotonic() - began < 20
    assert (await program.get(f"{APPROVALS}/{made['id']}", params={"wait": 61})).status_code == 422
