"""Webhooks for programs."""

from typing import Any
from uuid import UUID

import pytest

from holdgate.core.scopes import Scope
from holdgate.webhooks.models import WebhookEndpoint
from tests.factories.programs import ADMIN, ALL, OTHER, OWNER, V1, WEBHOOK, Api, is_problem
from tests.factories.webhooks import FINE, told
from tests.factories.workers import until_state, working
from tests.kinds.odd_site import odd_site

HOOKS = f"{V1}/webhooks"
SECRET_URL = "https://hooks.example/a?token=abcdefgh"


async def endpoint_of(api: Api, id: str) -> WebhookEndpoint:
    async with api.database.read() as session:
        return await session.get_one(WebhookEndpoint, UUID(id))


async def test_a_webhook_is_added_and_its_secret_answered_to_this_request_only(api: Api) -> None:
    program = await api.program()
    once = {"Idempotency-Key": "one"}
    made = await program.post(HOOKS, json={**WEBHOOK, "url": SECRET_URL}, headers=once)
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    again = await program.post(HOOKS, json={**WEBHOOK, "url": SECRET_URL}, headers=once)
    assert (again.status_code, again.json()) == (200, made.json())
    where = made.headers["location"]
    read, listed = await program.get(where), await program.get(HOOKS)
    assert listed.json()["items"] == [read.json()]
    assert (read.json()["state"], read.json()["events"]) == ("enabled", ["run.finished"])
    for answer in (read, listed):
        assert secret not in answer.text and "abcdefgh" not in answer.text


async def test_a_change_leaves_what_it_does_not_name(api: Api) -> None:
    program = await api.program()
    made = (await program.post(HOOKS, json={**WEBHOOK, "url": SECRET_URL})).json()
    where = f"{HOOKS}/{made['id']}"
    changed = await program.post(where, json={"events": ["task.held", "run.started"]})
    assert changed.status_code == 200
    assert changed.json()["events"] == ["run.started", "task.held"]
    assert (await endpoint_of(api, made["id"])).url == SECRET_URL
    # What was read has no secret in it, so it is not taken for the address.
    problem = is_problem(await program.post(where, json={"url": changed.json()["url"]}), 422)
    assert problem["errors"][0]["pointer"] == "#/url"
    await program.post(where, json={"url": "https://b.example/"})
    assert (await program.get(where)).json()["url"] == "https://b.example/"


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"url": "ftp://x.example"}, "#/url"),
        ({"url": "https://u:p@x.example"}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"events": []}, "#/events"),
        ({"events": ["no.such"]}, "#/events"),
        ({"everyone": True}, "#/everyone"),
        ({"secret": "whsec_mine"}, "#"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place(api: Api, values: dict[str, Any], place: str) -> None:
    program = await api.program()
    problem = is_problem(await program.post(HOOKS, json={**WEBHOOK, **values}), 422)
    assert problem["errors"][0]["pointer"] == place
    assert (await program.get(HOOKS)).json() == {"items": []}


async def test_who_may_only_write_is_not_told_what_happens(api: Api) -> None:
    writer = await api.program(scopes=[Scope.TASKS_WRITE])
    refused = await writer.post(HOOKS, json=WEBHOOK)
    is_problem(refused, 403)
    assert 'scope="tasks:read"' in refused.headers["www-authenticate"]
    made = (await (await api.program()).post(HOOKS, json=WEBHOOK)).json()
    is_problem(await writer.post(f"{HOOKS}/{made['id']}", json={"url": "https://thief.example/"}), 403)
    assert (await endpoint_of(api, made["id"])).url == WEBHOOK["url"]


async def test_twenty_are_the_most(api: Api) -> None:
    program = await api.program()
    answers = [await program.post(HOOKS, json=WEBHOOK) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [422]


async def test_a_test_is_sent_signed_and_what_came_of_it_listed(api: Api) -> None:
    program = await api.program()
    async with odd_site(FINE) as site, working(api.database, api.settings):
        made = (await program.post(HOOKS, json={**WEBHOOK, "url": site.url})).json()
        where = f"{HOOKS}/{made['id']}"
        sent = (await program.post(f"{where}/test")).json()
        [queued] = (await program.get(f"{where}/deliveries")).json()["items"]
        assert (queued["id"], queued["type"]) == (sent["delivery_id"], "ping")
        await until_state(api.database, UUID(queued["task_id"]), "succeeded")
        [request] = told(site)
        assert request.id == sent["delivery_id"]
        request.verified(made["secret"])
        [delivered] = (await program.get(f"{where}/deliveries")).json()["items"]
    assert (delivered["state"], delivered["status"], delivered["tries"]) == ("delivered", 204, 1)
    assert 0 < delivered["took"] < 10


async def test_deliveries_are_paged_newest_first(api: Api) -> None:
    program = await api.program()
    where = f"{HOOKS}/{(await program.post(HOOKS, json=WEBHOOK)).json()['id']}"
    sent = [(await program.post(f"{where}/test")).json()["delivery_id"] for _ in range(3)]
    page = (await program.get(f"{where}/deliveries", params={"limit": 2})).json()
    rest = (await program.get(f"{where}/deliveries", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["items"] + rest["items"]] == sent[::-1]
    assert rest["next_cursor"] is None


async def test_a_secret_is_rotated_and_the_old_one_signs_beside_it_for_a_day(api: Api) -> None:
    program = await api.program()
    made = (await program.post(HOOKS, json=WEBHOOK)).json()
    new = (await program.post(f"{HOOKS}/{made['id']}/rotate")).json()
    assert new["id"] == made["id"] and new["secret"] != made["secret"]
    [[secret, old]] = await api.sql("SELECT secret, old_secret FROM webhook_endpoints")
    assert (secret, old) == (new["secret"], made["secret"])
    assert (await program.get(f"{HOOKS}/{made['id']}")).json()["old_secret_until"] is not None


async def test_a_paused_one_is_not_tested_or_paused_again_and_a_resumed_one_is(api: Api) -> None:
    program = await api.program()
    where = f"{HOOKS}/{(await program.post(HOOKS, json=WEBHOOK)).json()['id']}"
    assert (await program.post(f"{where}/pause")).status_code == 200
    paused = (await program.get(where)).json()
    assert (paused["state"], paused["reason"]) == ("disabled", f"Disabled by {OWNER}.")
    for verb in ("pause", "test"):
        is_problem(await program.post(f"{where}/{verb}"), 409)
    assert (await program.post(f"{where}/resume")).status_code == 200
    assert (await program.post(f"{where}/test")).status_code == 200
    assert (await program.post(f"{where}/delete")).status_code == 200
    is_problem(await program.get(where), 404)


async def test_an_administrators_program_sees_to_anothers_webhook_but_does_not_widen_it(api: Api) -> None:
    program, root = await api.program(), await api.program(ADMIN, ALL, admin=True)
    where = f"{HOOKS}/{(await program.post(HOOKS, json=WEBHOOK)).json()['id']}"
    assert len((await root.get(HOOKS)).json()["items"]) == 1
    is_problem(await root.post(where, json={"everyone": True}), 422)
    assert (await root.post(HOOKS, json={**WEBHOOK, "everyone": True})).status_code == 201
    other = await api.program(OTHER)
    is_problem(await other.get(f"{where}/deliveries"), 404)
