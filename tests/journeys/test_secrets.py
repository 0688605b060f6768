"""No secret is ever written down: every flow that has one, through real processes, then a look at all they wrote."""

import asyncio
import email
import email.policy
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from holdgate.accounts.service import add_user
from holdgate.accounts.tokens.personal import USUAL
from holdgate.core.db import Database
from holdgate.webhooks.events import TYPES
from tests import processes
from tests.factories.workers import until
from tests.kinds.odd_site import odd_site, page
from tests.processes import ROOT, Process, environment
from tests.servers import Servers

ANN, V1 = "ann@example.org", "/api/v1"
CSRF = re.compile(r'name="_csrf_token" value="([^"]+)"')


@dataclass
class Production:
    """An installation as in production, and every secret that was used in it."""

    base: str
    environ: dict[str, str]
    mails: Path
    processes: list[Process]
    secrets: dict[str, str] = field(default_factory=dict)

    async def mail(self, subject: str) -> EmailMessage:
        found: list[EmailMessage] = []

        async def arrived() -> bool:
            for path in sorted(self.mails.glob("*.eml"), reverse=True):
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                if subject in str(message["Subject"]):
                    found.append(message)
                    return True
            return False

        await until(arrived)
        return found[0]

    async def link(self, subject: str, kind: str) -> str:
        """The token in that mail's link; its text is kept as a secret, too."""
        part = (await self.mail(subject)).get_body(("plain",))
        assert part is not None
        body = part.get_content()
        [token] = re.findall(rf"/{kind}/(\S+)", body)
        self.secrets[f"{kind} link"] = token
        for number, line in enumerate(body.splitlines()):
            if len(line) > 50 and "http" not in line:
                self.secrets[f"line {number} of the mail {subject!r}"] = line.strip()
        return str(token)


@pytest.fixture
def production(database: Database, servers: Servers, tmp_path: Path) -> Iterator[Production]:
    mails = tmp_path / "mails"
    mails.mkdir()
    smtp = subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.smtp_process", str(mails)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert smtp.stdout is not None
    port, key = processes.free_port(), secrets.token_urlsafe(48)
    environ = environment(
        servers,
        tmp_path,
        ENVIRONMENT="production",
        BASE_URL=f"http://127.0.0.1:{port}",
        SMTP_URL=f"smtp://127.0.0.1:{smtp.stdout.readline().strip()}",
        MAIL_FROM="Holdgate <hold@example.org>",
        SECRET_KEY=key,
        METRICS_TOKEN=secrets.token_urlsafe(24),
        ALLOW_PRIVATE_ADDRESSES="yes",
        LOG_LEVEL="debug",
    )
    try:
        with (
            processes.worker(environ, tmp_path / "worker.log") as worker,
            processes.web(environ, tmp_path / "web.log", port) as web,
        ):
            made = Production(environ["BASE_URL"], environ, mails, [web, worker])
            made.secrets |= {"SECRET_KEY": key, "METRICS_TOKEN": environ["METRICS_TOKEN"]}
            yield made
    finally:
        smtp.kill()
        smtp.wait()


async def sign_in(production: Production, browser: httpx.AsyncClient) -> None:
    shown = await browser.get("/login")
    [csrf] = CSRF.findall(shown.text)
    await browser.post("/login", data={"_csrf_token": csrf, "email": ANN, "next": ""})
    token = await production.link("ign", "login")
    shown = await browser.get(f"/login/{token}")
    [csrf] = CSRF.findall(shown.text)
    done = await browser.post("/login/verify", data={"_csrf_token": csrf, "token": token, "code": ""})
    assert done.status_code == 303, done.text
    assert (await browser.get("/overview")).status_code == 200
    production.secrets |= {f"cookie {name}": value for name, value in browser.cookies.items() if len(value) > 15}
    await browser.get(f"/login/{token}")  # a dead link by now
    await browser.get("/login/" + production.secrets["login link"][::-1])


async def make_token(production: Production, browser: httpx.AsyncClient) -> str:
    shown = await browser.get("/settings/tokens")
    wanted = {"_csrf_token": CSRF.findall(shown.text)[0], "name": "nightly", "scopes": list(USUAL), "days": "90"}
    made = await browser.post("/settings/tokens", data=wanted)
    token: str
    [token] = set(re.findall(r"hg_[A-Za-z0-9_-]{20,}", made.text))
    production.secrets["API token"] = token
    return token


async def make_webhook(production: Production, browser: httpx.AsyncClient, url: str) -> None:
    shown = await browser.get("/settings/webhooks")
    wanted = {"_csrf_token": CSRF.findall(shown.text)[0], "url": url, "events": list(TYPES)}
    made = await browser.post("/settings/webhooks", data=wanted)
    [secret] = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text))
    production.secrets["webhook secret"] = secret


async def review(production: Production) -> None:
    """By the link in the mail, on another machine; what is sent too soon is refused, so again until it counts."""
    token = await production.link("Approval needed", "review")
    async with httpx.AsyncClient(base_url=production.base) as phone:
        shown = await phone.get(f"/review/{token}")
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown.text))
        production.secrets["form stamp"] = hidden["stamp"]

        async def counted() -> bool:
            await asyncio.sleep(0.25)  # between two tries: sixty in a minute are the limit of this page
            answer = await phone.post("/review", data={**hidden, "decision": "approve", "reason": ""})
            return answer.status_code == 303

        await until(counted)
        await phone.get("/review/" + token[::-1])


def requests_of(production: Production, url: str) -> list[dict[str, Any]]:
    """Tasks that send secrets and fail in every way: refused for good, echoed back, nobody there."""
    for name in ("bearer", "basic", "api key", "query", "user"):
        production.secrets[f"{name} of a task"] = secrets.token_urlsafe(30)
    known = production.secrets
    return [
        {"url": f"{url}/echo", "headers": {"Authorization": f"Bearer {known['bearer of a task']}"}},
        {"url": f"{url}/echo", "headers": {"Authorization": f"Basic {known['basic of a task']}"}},
        {
            "url": f"{url}/q?access_token={known['query of a task']}",
            "headers": {"X-Api-Key": known["api key of a task"]},
        },
        {"url": f"http://127.0.0.1:1/?token={known['query of a task']}"},
        {"url": f"http://robot:{known['user of a task']}@127.0.0.1:1/"},
    ]


async def drive(production: Production, title: str) -> None:
    async with (
        odd_site(page("no", "500 Broken")) as site,
        httpx.AsyncClient(base_url=production.base, timeout=30) as browser,
    ):
        await sign_in(production, browser)
        token = await make_token(production, browser)
        hook = secrets.token_urlsafe(24)
        production.secrets["secret in a webhook's address"] = hook
        # In production only https will do, which this site does not speak: every delivery fails, and says why.
        await make_webhook(production, browser, f"https{site.url.removeprefix('http')}/hook?token={hook}")
        known = production.secrets
        async with httpx.AsyncClient(base_url=production.base, timeout=30) as program:
            program.headers["Authorization"] = f"Bearer {token}"
            key = {"Idempotency-Key": "monday-1"}
            held = {"kind": "sample.task", "payload": {"hold": "approval"}, "title": title}
            for _ in range(2):
                assert (await program.post(f"{V1}/tasks", json=held, headers=key)).status_code in (200, 201)
            for payload in requests_of(production, site.url):
                answer = payload["headers"]["Authorization"] if "Authorization" in payload.get("headers", {}) else "no"
                site.answers[:] = [page(f"You sent {answer}", "400 Bad Request")]
                wanted = {"kind": "http.request", "payload": {"method": "POST", "retry": [], **payload}}
                answered = await program.post(f"{V1}/tasks", json=wanted)
                if answered.status_code == 201:
                    await until(partial(ended, program, answered.json()["id"]))
            bad = {"kind": "sample.task", "payload": {"password": known["bearer of a task"], "steps": -1}}
            assert (await program.post(f"{V1}/tasks", json=bad)).status_code == 422
            assert (await program.get(f"{V1}/tasks?access_token={known['query of a task']}")).status_code == 422
            wrong = known["API token"][:-4] + "AAAA"
            assert (await program.get(f"{V1}/tasks", headers={"Authorization": f"Bearer {wrong}"})).status_code == 401
        await review(production)
        await browser.get("/metrics", headers={"Authorization": f"Bearer {known['METRICS_TOKEN']}"})
        shown = await browser.get("/settings")
        [csrf] = set(CSRF.findall(shown.text))
        await browser.post("/logout", data={"_csrf_token": csrf})


async def ended(program: httpx.AsyncClient, task: str) -> bool:
    found = (await program.get(f"{V1}/tasks/{task}")).json()
    return found["state"] in ("dead_letter", "retrying", "succeeded")


_TOLD = text(
    """
    SELECT coalesce(CAST(error AS text), '') || coalesce(reason, '') FROM tasks
    UNION ALL SELECT coalesce(reason, '') || coalesce(CAST(data AS text), '') FROM task_events
    UNION ALL SELECT CAST(to_jsonb(d) - 'body' AS text) FROM webhook_deliveries d
    """
)


@pytest.mark.slow
async def test_no_secret_is_in_what_the_processes_write_nor_in_the_errors_they_store(
    production: Production, database: Database
) -> None:
    async with database.write("system") as session:
        await add_user(session, ANN)
    title = "Sign off the nightly import"
    await drive(production, title)
    sent = text("SELECT EXISTS (SELECT FROM webhook_deliveries WHERE tries > 0)")
    failed = text("SELECT count(*) >= 4 FROM tasks WHERE error IS NOT NULL")

    async def over() -> bool:
        async with database.read() as session:
            return all([(await session.execute(each)).scalar_one() for each in (sent, failed)])

    await until(over)
    async with database.read() as reading:
        stored = "\n".join((await reading.execute(_TOLD)).scalars())
    for process in production.processes:
        process.stop()
    written = "".join(process.said() for process in production.processes)
    assert len(production.secrets) >= 14
    for name, secret in production.secrets.items():
        assert secret not in written, f"{name} is in the logs: {_around(written, secret)}"
        assert secret not in stored, f"{name} is in the database's errors: {_around(stored, secret)}"


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return text[max(0, at - 200) : at + 50]


async def test_each_request_and_each_try_is_one_line_of_json(production: Production, database: Database) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "holdgate.cli", "user", "add", ANN],
        env=production.environ,
        cwd=ROOT,
        capture_output=True,
    )
    assert made.returncode == 0, made.stderr
    command = [sys.executable, "-m", "holdgate.cli", "token", "create", ANN]
    token = subprocess.run(command, env=production.environ, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    async with httpx.AsyncClient(base_url=production.base, headers={"Authorization": f"Bearer {token}"}) as program:
        wanted = {"kind": "sample.task", "payload": {}}
        answer = await program.post(f"{V1}/tasks", json=wanted, headers={"X-Request-Id": "mine-1"})
        task = answer.json()["id"]
        assert (await program.get(f"{V1}/tasks/{task}?wait=30")).json()["state"] == "succeeded"
        answer = await program.post(f"{V1}/tasks", json=wanted)
        request, other = answer.headers["x-request-id"], answer.json()["id"]
        assert (await program.get(f"{V1}/tasks/{other}?wait=30")).json()["state"] == "succeeded"
    for process in production.processes:
        process.stop()
    web, worker = (
        [json.loads(line) for line in p.said().splitlines() if line[:1] == "{"] for p in production.processes
    )
    [line] = [line for line in web if line["event"] == "request" and line["request_id"] == "mine-1"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/api/v1/tasks", 201)
    assert line["principal"] == f"user:{ANN}" and line["ms"] > 0
    [line] = [line for line in worker if line["event"] == "task" and line["task"] == task]
    assert (line["kind"], line["attempt"], line["state"]) == ("sample.task", 1, "succeeded")
    assert line["ms"] >= 0
    # The id of the request that made a task is in the worker's lines about it.
    assert {line["task"] for line in worker if line.get("request_id") == request and line["event"] == "task"} == {other}
    assert request in {line["request_id"] for line in web if line["event"] == "request"}
