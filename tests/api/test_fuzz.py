"""Schemathesis over the whole description, against a real web process: whatever is sent, the answer is documented.

`make test-all` runs a bounded part; `make fuzz` sets HOLDGATE_FUZZ to the number of examples for each route.
"""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as openapi_checks

from holdgate.accounts.api.resume import FILE
from holdgate.accounts.tokens.personal import USUAL
from holdgate.api import openapi
from holdgate.api.endpoints import CSV, NDJSON
from holdgate.asgi import API_HANDLERS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests import processes
from tests.factories.approvals import put_question
from tests.factories.programs import ADMIN, ALL, OWNER, V1, api_of, keep_file, make_task, signed_in
from tests.servers import Servers, empty

EXAMPLES = int(os.environ.get("HOLDGATE_FUZZ", "12"))
UUID_SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ROLES = ("member", "admin")
REJECTION = openapi_checks.negative_data_rejection
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    REJECTION,
]

quiet = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
whole = schemathesis.openapi.from_dict(openapi.document(API_HANDLERS, "http://127.0.0.1"))
# One answer never ends: it is begun below.
schema, stream = whole.exclude(path=f"{V1}/events"), whole.include(path=f"{V1}/events")
# Of `Last-Event-ID`: what a client was told, what looks like it, and what no client was told.
NUMBERS = st.integers(0, 2**66)
PLACES = st.one_of(
    st.none(),
    st.just("0.0"),
    st.builds("{}.{}".format, NUMBERS, NUMBERS),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"])),
)


# Headers that say where a request ends, or to whom it goes: the server refuses nonsense there before it is a request.
OF_THE_CONNECTION = {"transfer-encoding", "content-length", "connection", "expect", "host", "upgrade", "te", "trailer"}


@schemathesis.serializer(NDJSON, CSV, FILE)
def as_text(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@dataclass
class Target:
    """A running web server, a token for each role, and the ids of things that exist."""

    url: str
    tokens: dict[str, str]
    ids: dict[str, str]
    session: requests.Session


@pytest.fixture(scope="module")
async def target(
    servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    place = tmp_path_factory.mktemp("fuzz")
    await empty(shared_database)
    given = Settings(
        database_url=servers.database_url, redis_url=servers.redis_url, secret_keys=("x" * 40,), data_dir=place
    )
    async with api_of(given, shared_database, None) as api:
        tokens = {"member": await api.token(OWNER, USUAL), "admin": await api.token(ADMIN, ALL, admin=True)}
        program = await api.client(tokens["member"])
        asked = await put_question(shared_database, given)
        run = await program.post(f"{V1}/runs", json={"name": "r", "tasks": [{"kind": "sample.task"}]})
        posting = await program.post(
            f"{V1}/postings", json={"title": "t", "company": "c", "url": "https://harrow.example/1"}
        )
        schedule = await program.post(
            f"{V1}/schedules", json={"name": "s", "kind": "sample.task", "cron": "0 0 1 1 *", "zone": "UTC"}
        )
        view = await program.post(f"{V1}/tasks/views", json={"name": "v"})
        task = await make_task(program)
        webhook = await program.post(
            f"{V1}/webhooks", json={"url": "https://hooks.example/a", "events": ["run.finished"]}
        )
        action = await program.post(
            f"{V1}/bulk", json={"verb": "prioritise", "filter": {}, "priority": 60, "expected": 1000}
        )
        ids = {
            **await signed_in(api, OWNER),
            "user_id": str((await api.person("third@example.org")).id),
            "endpoint_id": webhook.json()["id"],
            "action_id": action.json()["id"],
            "schedule_id": schedule.json()["id"],
            "view_id": view.json()["id"],
            "task_id": str(task),
            "artifact_id": await keep_file(api, task),
            "run_id": run.json()["id"],
            "posting_id": posting.json()["id"],
            "approval_id": str(asked.approval_id),
        }
    port = processes.free_port()
    environ = processes.environment(
        servers, place, RATE_LIMIT_MAX="1000000", BASE_URL=f"http://127.0.0.1:{port}", KINDS="tests.runtime.kinds"
    )
    with processes.web(environ, place / "web.log", port), requests.Session() as session:
        session.trust_env = False  # else each request reads the environment for proxies
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield Target(f"http://127.0.0.1:{port}", tokens, ids, session)


@pytest.mark.parametrize("role", ROLES)
@schema.parametrize()
@settings(quiet, max_examples=EXAMPLES)
def test_every_answer_is_as_described(case: schemathesis.Case[Any], target: Target, role: str) -> None:
    answered_as_described(case, target, role)


@schema.parametrize()
@settings(quiet, max_examples=max(3, EXAMPLES // 4))
def test_nobody_gets_past_the_token(case: schemathesis.Case[Any], target: Target) -> None:
    """Whatever they send: a few examples tell as much as many."""
    answer = answered_as_described(case, target, "nobody")
    if case.method in ("GET", "POST"):
        assert answer.status_code in (401, 404, 405), answer.text


@pytest.mark.parametrize("role", (*ROLES, "nobody"))
@stream.given(place=PLACES)
@stream.parametrize()
@settings(quiet, max_examples=EXAMPLES)
def test_the_stream_of_events_begins_as_described(
    case: schemathesis.Case[Any], target: Target, role: str, place: str | None
) -> None:
    headers = {"Authorization": f"Bearer {target.tokens[role]}"} if role != "nobody" else {}
    if place is not None:
        headers["Last-Event-ID"] = place.strip()
    given = case.as_transport_kwargs(base_url=target.url, headers=headers)
    with requests.request(**given, stream=True, timeout=20) as answer:
        if answer.status_code == 200:
            assert role != "nobody"
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert next(answer.iter_lines()) == b": listening"
            return
        read = Response.from_requests(answer, verify=True)
    case.validate_response(read, checks=[check for check in CHECKS if check is not REJECTION])
    # Streams that were just left are still counted for a moment.
    assert read.status_code in ((401,) if role == "nobody" else (422, 429))


def answered_as_described(case: schemathesis.Case[Any], target: Target, role: str) -> Any:
    point_at_things_that_exist(case, target.ids)
    headers = {"Authorization": f"Bearer {target.tokens[role]}"} if role != "nobody" else {}
    # Ours takes the place of one that was made up to be wrong: what is accepted then says nothing.
    odd = case.headers.pop("Authorization", None) is not None if case.headers else False
    for name in [name for name in case.headers or {} if name.lower() in OF_THE_CONNECTION]:
        del case.headers[name]
    answer = case.call(base_url=target.url, session=target.session, headers=headers, timeout=20)
    case.validate_response(answer, checks=[c for c in CHECKS if not odd or c is not REJECTION])
    return answer


def point_at_things_that_exist(case: schemathesis.Case[Any], ids: dict[str, str]) -> None:
    """Made-up ids are all unknown; every second one becomes a real one. Waiting for a task would take its time."""
    for name, value in (case.path_parameters or {}).items():
        if name in ids and UUID_SHAPE.fullmatch(str(value)) and sum(str(value).encode()) % 2:
            case.path_parameters[name] = ids[name]
    if case.query and str(case.query.get("wait", "")).isdecimal():
        case.query["wait"] = 0


def test_the_fuzzed_server_has_logged_no_failure(target: Target) -> None:
    """Last in the file: a 500 would have been seen, but not one that a client never got to read."""
    with httpx.Client() as client:
        assert client.get(f"{target.url}/livez").status_code == 200
