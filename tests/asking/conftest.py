"""A web server and a worker as processes, a program that asks, and somebody who decides."""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest

from holdgate.accounts.service import add_user
from holdgate.client import ApprovalDetail, Client
from holdgate.core.db import Database
from holdgate.core.scopes import Scope
from tests import processes
from tests.factories.programs import token_for
from tests.processes import environment, free_port
from tests.servers import Servers, empty


@pytest.fixture(scope="module")
async def database(shared_database: Database) -> Database:
    """Emptied once: a worker is at work in it. Every test has a program and an approver of its own."""
    await empty(shared_database)
    return shared_database


@pytest.fixture(scope="module")
def installation(
    database: Database, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The environment of both."""
    home, port = tmp_path_factory.mktemp("installation"), free_port()
    environ = environment(servers, home, BASE_URL=f"http://127.0.0.1:{port}", RATE_LIMIT_MAX="10000")
    with processes.web(environ, home / "web.log", port), processes.worker(environ, home / "worker.log"):
        yield environ


class Desk:
    """Who asks and who decides. `environ` is a program's: the URL and a token that may only ask."""

    def __init__(self, environ: dict[str, str], owner: UUID, asks: str, approver: str, decides: str) -> None:
        self.url, self.token, self.approver, self.decides = environ["BASE_URL"], asks, approver, decides
        self.owner = owner
        self.environ: dict[str, str] = {name: environ[name] for name in ("HOME", "LANG") if name in environ}
        self.environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
        self.environ |= {"HOLDGATE_URL": self.url, "HOLDGATE_TOKEN": asks}
        self._person = Client(self.url, decides)
        self._hands = ThreadPoolExecutor(1)

    def open_request(self, seconds: float = 60.0) -> ApprovalDetail:
        """What waits for the approver; waits for that."""
        ends = time.monotonic() + seconds
        while True:
            for each in self._person.iter_approvals(mine=True):
                return self._person.approval(str(each.id))
            assert time.monotonic() < ends, "nobody was asked"
            time.sleep(0.05)

    def decide(
        self, decision: Literal["approve", "reject"] = "approve", *, reason: str = "", **form: Any
    ) -> ApprovalDetail:
        """As soon as there is something to decide."""
        asked = self.open_request()
        # Left out, the form is confirmed as it is shown.
        self._person.decide(asked, decision, reason=reason, form={**asked.values, **form})
        return asked

    def choose(self, option: str) -> None:
        """One of the options that are offered."""
        asked = self.open_request()
        body = {"version": asked.version, "option": option, "reason": "Because."}
        self._person.post(f"/approvals/{asked.id}/decision", body)

    def will_decide(self, decision: Literal["approve", "reject"] = "approve", **more: Any) -> "Future[ApprovalDetail]":
        """Beside the test."""
        return self._hands.submit(self.decide, decision, **more)

    def asked_in_all(self) -> int:
        return len(list(self._person.iter_approvals()))

    def close(self) -> None:
        self._hands.shutdown()
        self._person.close()


@pytest.fixture
async def desk(installation: dict[str, str], database: Database) -> AsyncIterator[Desk]:
    approver = f"ann-{uuid4().hex[:8]}@example.org"
    async with database.write("system") as session:
        owner = await add_user(session, f"{uuid4().hex}@example.org")
        person = await add_user(session, approver)
        asks = await token_for(session, owner.id, [Scope.APPROVALS_CREATE])
        decides = await token_for(session, person.id)
    made = Desk(installation, owner.id, asks, approver, decides)
    yield made
    made.close()
