"""Random lives of approval requests on the real service, held step by step against the model.

Several people of a group or by name decide, delegate, ask for clarification, undo and are too late, in any order, and
the clock moves. After each step states, votes, deadlines and tasks must be those of the model; the log of each task
must say so, and nobody has more requests open at once than they are to have.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from holdgate.approvals.errors import AlreadyDecided, AlreadyVoted, NotAsked, PassedOn, QuestionExpired
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import clarifying, clock, deciding, delegating, expiring, undoing
from holdgate.approvals.requests.clarifying import NoteEnded, OpenNote
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import ApprovalPace, Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import AppError, Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.tasks.queue import moves
from tests import servers as servers_module
from tests.factories.approvals import ANN, BOB, BOSS, CID, DAN, make_group, principal, put_question
from tests.properties import requests as model
from tests.properties.requests import TTL, Request
from tests.servers import Servers

T = TypeVar("T")
PEOPLE = (ANN, BOB, CID, DAN, BOSS)
MEMBERS = (ANN, BOB, CID)
MINUTES = st.sampled_from([0, 5, 20, 40])
PICK = st.integers(0, 999)
ENOUGH = 5  # requests of one life
PACE = ApprovalPace(at_once=2, digest_after=1000)
REFUSALS: dict[str, type[AppError]] = {
    model.OVER: QuestionExpired,
    model.ENDED: AlreadyDecided,
    model.VOTED: AlreadyVoted,
    model.PASSED_ON: PassedOn,
    model.KNOWN: Invalid,
    model.NOTE_OPEN: OpenNote,
    model.NOTE_ENDED: NoteEnded,
    model.TOO_LATE: Conflict,
    model.NOT_THEIRS: NotAsked,
}

_REQUESTS = text(
    """
    SELECT a.id, a.state, a.expires_at, t.state AS task, t.run_at,
           (SELECT jsonb_object_agg(v.email, v.verb) FROM approval_votes v WHERE v.approval_id = a.id) AS votes,
           (SELECT count(*) FROM approval_notes n WHERE n.approval_id = a.id AND n.ended_at IS NULL) AS notes,
           (SELECT array_agg(e.verb ORDER BY e.id) FROM task_events e WHERE e.task_id = t.id) AS verbs
    FROM approvals a JOIN tasks t ON t.id = a.task_id
    """
)

# Of each person: the open requests that they have, those that wait behind them, and those that are over for them.
_TURNS = text(
    """
    SELECT r.person, count(*) FILTER (WHERE r.turn = 'open') AS open,
           count(*) FILTER (WHERE r.turn = 'waiting') AS waiting,
           count(*) FILTER (WHERE r.turn IS NOT NULL AND a.state <> 'pending') AS over
    FROM approval_recipients r JOIN approvals a ON a.id = r.approval_id GROUP BY 1
    """
)


def chosen(among: Sequence[T], pick: int) -> T:
    return among[pick % len(among)]


class Requests(RuleBasedStateMachine):
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, loop: asyncio.AbstractEventLoop, database: Database, config: Settings) -> None:
        super().__init__()
        self.loop, self.database, self.config = loop, database, config
        self.now = datetime.now(UTC)
        self.requests: list[Request] = []
        self.notes: list[tuple[Request, UUID]] = []
        self.wait(servers_module.empty(database))
        self.who: dict[str, Principal] = {email: self.wait(principal(database, email)) for email in PEOPLE}
        self.owner = self.wait(principal(database))
        self.wait(make_group(database, "security", *MEMBERS))
        self.ask(needed=2, group=True, minutes=0)
        self.ask(needed=1, group=False, minutes=40)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def act(self, work: Any, refusal: str | None) -> Any:
        """It is done, or refused as the model says."""

        async def run() -> Any:
            async with self.database.write("user:test") as session:
                return await work(session)

        if refusal is not None:
            self.seen[refusal] += 1
            with pytest.raises(REFUSALS[refusal]):
                self.wait(run())
            return None
        return self.wait(run())

    @precondition(lambda self: len(self.requests) < ENOUGH)
    @rule(needed=st.integers(1, 2), group=st.booleans(), minutes=st.sampled_from([0, 40]))
    def ask(self, needed: int, group: bool, minutes: int) -> None:
        people = list(MEMBERS) if group else [ANN, DAN]
        asked = self.wait(
            put_question(
                self.database,
                self.config,
                recipients=("group:security",) if group else tuple(people),
                needed=needed,
                take_back=timedelta(minutes=minutes),
                ttl=TTL,
                deliver=False,
                pace=PACE,
                priority=500 + len(self.requests),  # it is claimed before those that go on
                name=f"request {len(self.requests)}",
            )
        )

        async def deliver(session: WriteSession) -> None:
            await clock.start(session, asked.approval_id, now=self.now)

        self.act(deliver, None)
        ids = asked.approval_id, asked.task_id
        take_back, number = timedelta(minutes=minutes), len(self.requests)
        self.requests.append(Request(*ids, asked.version, needed, people, take_back, number, self.now + TTL))

    def a_request(self, pick: int) -> tuple[Request, Principal]:
        """And one of those who were ever asked; rather one that is open."""
        open_ones = [one for one in self.requests if one.state == "pending"]
        request = chosen([*open_ones, *open_ones, *self.requests], pick)
        return request, self.who[chosen(request.people, pick // 7)]

    @rule(pick=PICK, agree=st.sampled_from([True, True, False]))
    def decide(self, pick: int, agree: bool) -> None:
        request, by = self.a_request(pick)
        verb = ApprovalVerb.APPROVE if agree else ApprovalVerb.REJECT
        form = None if request.needed > 1 else {"wish": "so"}
        decision = Decision(version=request.version, verb=verb, reason="so", form=form if agree else None)

        async def decide(session: WriteSession) -> None:
            await deciding.decide_signed_in(session, by, request.id, decision, source="", now=self.now)

        self.act(decide, request.decide(by.email, verb.value, self.now))

    @rule(pick=PICK, to=st.sampled_from(PEOPLE))
    def delegate(self, pick: int, to: str) -> None:
        request, by = self.a_request(pick)

        async def forward(session: WriteSession) -> None:
            approval, sender = await self.of(session, request, by)
            await delegating.forward(session, approval, sender, to=to, note="", signup="open", pace=PACE, now=self.now)

        self.act(forward, request.delegate(by.email, to, self.now))

    async def of(self, session: WriteSession, request: Request, by: Principal) -> tuple[Approval, Any]:
        people = await recipient_queries.recipients_of(session, [request.id])
        [recipient] = [person for person in people if person.email == by.email]
        return await session.get_one(Approval, request.id), recipient

    @rule(pick=PICK)
    def ask_for_clarification(self, pick: int) -> None:
        request, by = self.a_request(pick)

        async def ask(session: WriteSession) -> UUID:
            return await clarifying.ask_back(session, *await self.of(session, request, by), "Why?", now=self.now)

        refusal = request.ask_back(by.email, self.now)
        note = self.act(ask, refusal)
        if refusal is None:
            request.asked_back(note, by.email, self.now)
            self.notes.append((request, note))

    @precondition(lambda self: self.notes)
    @rule(pick=PICK)
    def answer(self, pick: int) -> None:
        request, note = chosen([*self.notes[-1:], *self.notes], pick)

        async def answer(session: WriteSession) -> None:
            await clarifying.answer_back(session, self.owner, request.id, note, "So.", now=self.now)

        self.act(answer, request.end_note(note, self.now))

    @precondition(lambda self: self.notes)
    @rule(pick=PICK)
    def withdraw_a_clarification(self, pick: int) -> None:
        request, note = chosen([*self.notes[-1:], *self.notes], pick)
        by = self.who[chosen(request.people, pick // 3)]

        async def withdraw(session: WriteSession) -> None:
            await clarifying.withdraw(session, *await self.of(session, request, by), note, now=self.now)

        self.act(withdraw, request.end_note(note, self.now, by.email))

    @rule(pick=PICK)
    def undo(self, pick: int) -> None:
        waiting = [one for one in self.requests if one.task == "scheduled"]
        request = chosen(waiting or self.requests, pick)
        by = self.who[chosen(list(request.votes) or request.people, pick // 7)]

        async def undo(session: WriteSession) -> None:
            await undoing.take_back_signed_in(session, by, request.id, now=self.now)

        refusal = request.undo(by.email, self.now)
        self.act(undo, refusal)
        self.seen["undone"] += refusal is None

    @rule(minutes=MINUTES)
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

        async def sweep(session: WriteSession) -> None:
            await expiring.expire_due(session, now=self.now)
            await moves.promote_due(session, now=self.now)

        self.act(sweep, None)
        for request in self.requests:
            request.pass_time(self.now)

    @invariant()
    def the_database_agrees_with_the_model(self) -> None:
        async def read() -> Any:
            async with self.database.read() as session:
                return (await session.execute(_REQUESTS)).all(), (await session.execute(_TURNS)).all()

        found_now, turns = self.wait(read())
        for person in turns:
            assert person.open <= PACE.at_once and not person.over, person
            assert person.open == PACE.at_once or not person.waiting, person
            self.seen["waited"] += bool(person.waiting)
        rows = {row.id: row for row in found_now}
        assert rows.keys() == {one.id for one in self.requests}
        for one in self.requests:
            row = rows[one.id]
            found = (row.state, row.expires_at, row.task, row.votes or {}, row.notes)
            assert found[:1] + found[2:4] == (one.state, one.task, one.votes), one
            if one.state == "pending":
                assert (row.expires_at, row.notes) == (one.expires_at, one.note is not None), one
            if one.task == "scheduled":
                assert row.run_at == one.run_at, one
            assert (row.task == "pending_approval") == (row.state == "pending"), one
            self.seen[one.state] += 1


EXPECTED = {
    "approved",
    "rejected",
    "expired",
    "undone",
    "waited",
    model.VOTED,
    model.PASSED_ON,
    model.NOTE_OPEN,
    model.TOO_LATE,
}


@pytest.mark.slow
def test_whatever_people_do_with_requests_in_whatever_order_they_are_as_the_model_says(
    servers: Servers, tmp_path: Any
) -> None:
    loop = asyncio.new_event_loop()
    database = Database(servers.database_url, name="tests", pool_size=2)
    config = Settings(
        database_url=servers.database_url, redis_url=servers.redis_url, secret_keys=("k" * 40,), data_dir=tmp_path
    )
    try:
        run_state_machine_as_test(
            lambda: Requests(loop, database, config),  # type: ignore[arg-type]  # whatever makes one
            settings=settings(
                max_examples=30,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                phases=(Phase.generate,),  # to shorten a life takes minutes; it is short enough to be read
                suppress_health_check=list(HealthCheck),
            ),
        )
        assert Requests.seen.keys() >= EXPECTED and all(Requests.seen[each] for each in EXPECTED), Requests.seen
    finally:
        loop.run_until_complete(database.dispose())
        loop.close()
