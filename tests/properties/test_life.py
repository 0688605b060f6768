"""Random lives of tasks on the real queue, held step by step against the model.

Everything that workers, people and the sweeper do, in any order, also too late: every claim ever made goes on trying
to finish, to store steps and to ask. After each step the database must be in the state the model says, and its log,
leases, questions and counts must agree with that.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select, text

import tests.tasks.kinds  # noqa: F401
from holdgate.approvals import versions
from holdgate.approvals.errors import AlreadyDecided, QuestionExpired, QuestionImpossible
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding, expiring, requesting
from holdgate.approvals.rules import clock_queries
from holdgate.approvals.states import ApprovalVerb, HoldType
from holdgate.approvals.values import ApprovalPace, AskOutcome, Decision
from holdgate.approvals.values import Question as Asking
from holdgate.bulk import service as bulk
from holdgate.bulk.errors import NothingMatches
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.errors import Conflict
from holdgate.core.ids import uuid7
from holdgate.runs import service as runs
from holdgate.runs.errors import RunRefuses
from holdgate.runs.states import RunVerb
from holdgate.stats import counts as stats
from holdgate.stats.consistency import problems
from holdgate.tasks import service
from holdgate.tasks.queue import claims, moves, steps
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.queue.retention import Rules, prune_tasks
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import BUTTONS, TaskState, TaskVerb
from tests import servers as servers_module
from tests.factories.approvals import principal
from tests.properties.model import FINISHED, FROM, HOLDS, LEASE, MOST_LOSSES, Question, World
from tests.servers import Servers

T = TypeVar("T")

KINDS = ["test.nothing", "email.send"]
# The clock moves in steps of 20 minutes, so that it also stops at the very moment that something is due.
MINUTES = st.sampled_from([0, 20, 20, 40])
DELAY = timedelta(minutes=40)
TTL = timedelta(minutes=40)
KEPT = timedelta(days=30)
# Draws do not depend on the state, so that a life can be told again: a number picks among what there is.
PICK = st.integers(0, 999)
ENOUGH = 16  # tasks of one life
ENDS = (TaskState.SUCCEEDED, TaskState.RETRYING, TaskState.DEAD_LETTER, TaskState.QUEUED)

_TASKS = text(
    """
    SELECT t.id, t.state, t.attempt, t.failures, t.lease_losses, t.round, t.priority, t.run_at, t.lease_expires_at,
           t.worker_id IS NOT NULL AS worker, t.finished_at IS NOT NULL AS finished,
           array_agg(e.verb ORDER BY e.id) AS verbs,
           array_agg(e.from_state ORDER BY e.id) AS froms, array_agg(e.to_state ORDER BY e.id) AS tos,
           array_agg(e.attempt ORDER BY e.id) FILTER (WHERE e.verb = 'claim') AS claims
    FROM tasks t LEFT JOIN task_events e ON e.task_id = t.id GROUP BY t.id
    """
)
_QUESTIONS = text("SELECT id, task_id, state, withdrawn_at IS NOT NULL FROM approvals")
_RUNS = text("SELECT id, state, settled_at IS NOT NULL FROM runs")
_READY = text("SELECT id, -priority, position FROM tasks WHERE state = 'queued' AND queue = :queue")
_NEWER = text("SELECT id, queue, state, priority FROM tasks WHERE NOT id = ANY(CAST(:known AS uuid[])) ORDER BY id")


def chosen(among: Sequence[T], pick: int) -> T:
    return among[pick % len(among)]


class Life(RuleBasedStateMachine):
    def __init__(self, loop: asyncio.AbstractEventLoop, database: Database) -> None:
        super().__init__()
        self.loop, self.database = loop, database
        self.world = World(datetime.now(UTC))
        self.claims: list[Claimed] = []
        self.steps = 0
        self.prunings = 0
        self.wait(servers_module.empty(database))
        self.person = self.wait(principal(database, admin=True))
        # Every life begins in the middle of work: an empty queue teaches nothing.
        self.enqueue(later=False, priority=500)
        for _ in range(2):
            self.start_a_run(2, later=False, past=False)
        # Late workers: the first attempts are lost, and their tasks claimed again.
        self.claim(5, "default")
        self.recover(40)
        self.claim(5, "default")
        for told, continues in ((True, False), (False, False), (False, True)):
            self.ask(0, HoldType.APPROVAL, continues=continues, told=told)
        self.finish({0: TaskState.DEAD_LETTER})
        self.store_a_step(0)
        self.start_a_run(2, later=True, past=False)
        for run in (0, 2):
            self.press_a_button_of_a_run(run, RunVerb.PAUSE)
        self.press_a_button_of_a_task(1, TaskVerb.CANCEL)
        self.start_a_run(1, later=False, past=True)
        self.press_a_button_of_a_run(3, RunVerb.CANCEL)
        self.enqueue(later=True, priority=50)
        self.ask_twice_of_one_step()

    def ask_twice_of_one_step(self) -> None:
        """A step that asks for another version once the first is approved; then the payload is edited."""
        self.enqueue(later=False, priority=900)
        [*_, task] = self.world.tasks.values()
        for _ in range(2):
            self.claim(1, "default")
            in_hand = [c for c in self.claims if self.world.tasks[c.id].runs_as(c.attempt)]
            self.ask(in_hand.index(self.claims[-1]), HoldType.APPROVAL, continues=False, told=True, same=True)
            self.decide(sum(q.state == "pending" for q in self.world.questions) - 1, agree=True)
            self.the_database_agrees_with_the_model()
        assert [q.withdrawn for q in self.world.questions if q.task is task] == [True, False]
        self.press_a_button_of_a_task(list(self.world.tasks).index(task.id), TaskVerb.CANCEL)
        ended = [t for t in self.world.tasks.values() if t.state in FROM["retry"]]
        self.retry_with_another_payload(ended.index(task))
        self.the_database_agrees_with_the_model()

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    # What people start.

    @precondition(lambda self: len(self.world.tasks) < ENOUGH)
    @rule(n=st.integers(1, 3), later=st.booleans(), past=st.booleans())
    def start_a_run(self, n: int, later: bool, past: bool) -> None:
        run_at = self.world.now + DELAY if later else self.world.start - DELAY if past else None
        requests = [TaskRequest(kind="test.nothing", payload={}, run_at=run_at) for _ in range(n)]

        async def start() -> Any:
            async with self.database.write("user:test") as session:
                return await runs.start_run(session, self.person, "A run", requests)

        run = self.world.add_run(self.wait(start()))
        for id, *_ in self.unknown():
            self.world.add(id, run, "default", "scheduled" if later else "queued", 50, run_at)

    @precondition(lambda self: len(self.world.tasks) < ENOUGH)
    @rule(pick=PICK)
    def add_to_a_run(self, pick: int) -> None:
        run = chosen(list(self.world.runs.values()), pick)

        async def add() -> Any:
            async with self.database.write("user:test") as session:
                request = TaskRequest(kind="test.nothing", payload={})
                return await runs.add_tasks(session, self.person, run.id, [request])

        if run.state == "cancelled":
            with pytest.raises(RunRefuses):
                self.wait(add())
        else:
            [id] = self.wait(add())
            self.world.add(id, run, "default", "paused" if run.state == "paused" else "queued", 50, None)

    @precondition(lambda self: len(self.world.tasks) < ENOUGH)
    @rule(later=st.booleans(), priority=st.sampled_from([49, 50, 51, 500]))
    def enqueue(self, later: bool, priority: int) -> None:
        run_at = self.world.now + DELAY if later else None

        async def put() -> Any:
            async with self.database.write("system") as session:
                request = TaskRequest(kind="test.nothing", payload={}, run_at=run_at, priority=priority)
                return await service.enqueue(session, request)

        self.world.add(self.wait(put()), None, "default", "scheduled" if later else "queued", priority, run_at)

    def unknown(self) -> list[Any]:
        async def read() -> Any:
            async with self.database.read() as session:
                return (await session.execute(_NEWER, {"known": list(self.world.tasks)})).all()

        return list(self.wait(read()))

    # What workers do.

    @rule(limit=st.integers(1, 4), queue=st.sampled_from(["default", "default", "default", "mail"]))
    def claim(self, limit: int, queue: str) -> None:
        async def claim() -> Any:
            async with self.database.write("worker:test") as session:
                ready = {row[0]: row[1:] for row in await session.execute(_READY, {"queue": queue})}
                return ready, await claims.claim_tasks(
                    session, queue=queue, kinds=KINDS, worker=uuid7(), limit=limit, lease=LEASE, now=self.world.now
                )

        ready, claimed = self.wait(claim())
        assert sorted(ready[c.id] for c in claimed) == sorted(ready.values())[:limit], "not the first in order"
        for c in sorted(claimed):
            task = self.world.tasks[c.id]
            assert not task.in_paused_run, f"{task} was claimed from a paused run"
            self.world.claim(task)
            assert (c.attempt, c.failures, c.round) == (task.attempt, task.failures, task.round)
        self.claims += sorted(claimed)

    def a_claim(self, pick: int) -> Claimed:
        """One in hand, one late while another attempt of its task runs, or just a late one."""
        in_hand = [c for c in self.claims if self.world.tasks[c.id].runs_as(c.attempt)]
        late = [c for c in self.claims if c not in in_hand]
        overtaken = [c for c in late if self.world.tasks[c.id].state == "running"]
        return chosen([*in_hand, *overtaken[-3:], *late[-2:]], pick)

    @precondition(lambda self: self.claims)
    @rule(ends=st.dictionaries(PICK, st.sampled_from(ENDS), min_size=1, max_size=4))
    def finish(self, ends: dict[int, TaskState]) -> None:
        outcomes = []
        for c, state in {self.a_claim(pick)[:2]: (self.a_claim(pick), state) for pick, state in ends.items()}.values():
            retrying, failed = state is TaskState.RETRYING, state in (TaskState.RETRYING, TaskState.DEAD_LETTER)
            delay = DELAY.total_seconds() if retrying else None
            outcomes.append(Outcome(c.id, c.attempt, state, delay=delay, failed=failed))

        async def finish() -> Any:
            async with self.database.write("worker:test") as session:
                return await claims.finish_tasks(session, outcomes, now=self.world.now)

        accepted = {
            o.id for o in outcomes if self.world.finish(self.world.tasks[o.id], o.attempt, o.state.value, DELAY)
        }
        assert self.wait(finish()) == accepted

    @precondition(lambda self: self.claims)
    @rule(picks=st.sets(PICK, min_size=1, max_size=4))
    def renew_leases(self, picks: set[int]) -> None:
        held = [self.a_claim(pick)[:2] for pick in picks]

        async def extend() -> Any:
            async with self.database.write("worker:test") as session:
                return await claims.extend_leases(session, held, LEASE, now=self.world.now)

        still = {(id, attempt) for id, attempt in held if self.world.tasks[id].runs_as(attempt)}
        assert self.wait(extend()) == still
        for id, _ in still:
            self.world.tasks[id].lease = self.world.now + LEASE

    @precondition(lambda self: self.claims)
    @rule(pick=PICK)
    def store_a_step(self, pick: int) -> None:
        c = self.a_claim(pick)
        self.steps += 1

        async def store() -> bool:
            async with self.database.write("worker:test") as session:
                return await steps.store_step(session, c.id, c.attempt, f"step {self.steps}", "1")

        task = self.world.tasks[c.id]
        assert self.wait(store()) == task.runs_as(c.attempt)
        if task.runs_as(c.attempt):
            task.stepped = c.attempt

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, hold=st.sampled_from(HoldType), continues=st.booleans(), told=st.booleans(), same=st.booleans())
    def ask(self, pick: int, hold: HoldType, continues: bool, told: bool, same: bool = False) -> None:
        """`told`: the mail goes out at once, which starts the time to decide. `same`: by a step that asks repeatedly,
        for another version each time."""
        c = self.a_claim(pick)
        self.steps += 1
        question = Asking(
            hold=hold,
            step="question" if same else f"question {self.steps}",
            title="May it go on?",
            shown={"number": self.steps},
            ttl=TTL,
            recipients=() if c.owner_id else ("ann@example.org",),
            continues_on_reject=continues,
            continues_on_expire=continues,
        )

        async def ask() -> Any:
            async with self.database.write("worker:test") as session:
                before = await versions.latest(session, c.id, question.step)
                outcome = await requesting.ask(session, c, question, before, pace=ApprovalPace(1000, 1000))
                if outcome is AskOutcome.LOST:
                    return None
                approval = await session.scalar(
                    select(Approval.id).where(Approval.task_id == c.id, Approval.state == "pending")
                )
                assert approval is not None
                if told:
                    await clock_queries.start_clock(session, approval, now=self.world.now)
                return approval

        task = self.world.tasks[c.id]
        if task.runs_as(c.attempt) and not self.world.may_ask(task, question.step):
            with pytest.raises(QuestionImpossible):
                self.wait(ask())
            return
        id = self.wait(ask())
        assert (id is not None) == task.runs_as(c.attempt)
        if id is not None:
            expires_at = self.world.now + TTL if told else None
            asked = Question(id, task, question.version, hold.value, task.round, continues, expires_at=expires_at)
            asked.step = question.step
            self.world.ask(task, asked)
            mails = self.unknown()
            assert [mail[1:] for mail in mails] == [("mail", "queued", 300)]
            for mail in mails:
                self.world.add(mail[0], None, "mail", "queued", 300, None)

    # What people decide.

    @precondition(lambda self: self.world.questions)
    @rule(pick=PICK, agree=st.booleans())
    def decide(self, pick: int, agree: bool) -> None:
        waiting = [question for question in self.world.questions if question.state == "pending"]
        question = chosen(waiting + self.world.questions[-2:], pick)
        verb = ApprovalVerb.ANSWER
        if question.hold == "pending_approval":
            verb = ApprovalVerb.APPROVE if agree else ApprovalVerb.REJECT

        async def decide() -> None:
            async with self.database.write("user:test") as session:
                decision = Decision(version=question.version, verb=verb, reason="so")
                await deciding.decide_signed_in(
                    session, self.person, question.id, decision, source="", now=self.world.now
                )

        if self.world.may_decide(question):
            self.wait(decide())
            self.world.decide(question, verb.value)
        else:
            late = QuestionExpired if question.state in ("pending", "expired") else AlreadyDecided
            with pytest.raises(late):
                self.wait(decide())

    @precondition(lambda self: self.world.tasks)
    @rule(pick=PICK, verb=st.sampled_from([*BUTTONS, TaskVerb.RETRY, TaskVerb.RESUME]))
    def press_a_button_of_a_task(self, pick: int, verb: TaskVerb) -> None:
        # One that allows it, if there is one; for cancelling, any.
        allowed = [t for t in self.world.tasks.values() if t.state in FROM.get(verb, ())]
        task = chosen(allowed or list(self.world.tasks.values()), pick)

        async def act() -> Any:
            async with self.database.write("user:test") as session:
                return await service.act(session, self.person, task.id, verb)

        if self.world.press(task, verb.value):
            assert self.wait(act()) == task.state
        else:
            with pytest.raises(Conflict):
                self.wait(act())

    @precondition(lambda self: self.world.tasks)
    @rule(pick=PICK)
    def retry_with_another_payload(self, pick: int) -> None:
        allowed = [t for t in self.world.tasks.values() if t.state in FROM["retry"]]
        task = chosen(allowed or list(self.world.tasks.values()), pick)
        self.steps += 1

        async def edit() -> Any:
            async with self.database.write("user:test") as session:
                payload = {"word": str(self.steps)}
                return await service.retry_edited(session, self.person, task.id, payload, again=False)

        if self.world.edit(task):
            assert self.wait(edit()) == task.state
        else:
            with pytest.raises(Conflict):
                self.wait(edit())

    @rule(pick=PICK, verb=st.sampled_from([*RunVerb, RunVerb.RESUME]))
    def press_a_button_of_a_run(self, pick: int, verb: RunVerb) -> None:
        run = chosen(list(self.world.runs.values()), pick)

        async def act() -> Any:
            async with self.database.write("user:test") as session:
                return await runs.act(session, self.person, run.id, verb)

        if self.world.press_run(run, verb.value):
            assert self.wait(act()) == run.state
        else:
            with pytest.raises(RunRefuses):
                self.wait(act())

    @rule(pick=PICK, verb=st.sampled_from([BulkVerb.RETRY, BulkVerb.RESUME, BulkVerb.CANCEL]))
    def do_to_all_of_a_run(self, pick: int, verb: BulkVerb) -> None:
        """By a bulk action, carried out at once."""
        run = chosen(list(self.world.runs.values()), pick)

        async def start() -> None:
            async with self.database.write("user:test") as session:
                wanted = TaskFilter(run_id=run.id)
                await bulk.start_bulk(session, self.person, verb, wanted, at=self.world.now + DELAY)

        async def advance() -> bool:
            async with self.database.write("system") as session:
                return await bulk.advance(session, now=self.world.now + DELAY)

        if not self.world.press_for_all(run, verb.value):
            with pytest.raises(NothingMatches):
                self.wait(start())
            return
        self.wait(start())
        while self.wait(advance()):
            pass

    # What the sweeper does, after some time.

    @rule(minutes=MINUTES)
    def promote(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

        async def promote() -> int:
            async with self.database.write("system") as session:
                moved = await moves.promote_due(session, now=self.world.now)
                return len(moved)

        assert self.wait(promote()) == self.world.promote()

    @rule(minutes=MINUTES)
    def recover(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

        async def recover() -> int:
            async with self.database.write("system") as session:
                return len(await moves.recover_lost(session, most=MOST_LOSSES, now=self.world.now))

        assert self.wait(recover()) == self.world.recover()

    @rule(minutes=MINUTES)
    def expire(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

        async def expire() -> int:
            async with self.database.write("system") as session:
                return await expiring.expire_due(session, now=self.world.now)

        assert self.wait(expire()) == self.world.expire()

    @rule(minutes=MINUTES)
    def settle(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

        async def settle() -> bool:
            async with self.database.write("system") as session:
                return await runs.settle(session, now=self.world.now)

        assert not self.wait(settle())
        self.world.settle()

    @rule(amid=st.booleans())
    def fold(self, amid: bool) -> None:
        """`amid`: while an older transaction that has written a task is still open."""

        async def fold() -> None:
            async with self.database.write("system") as session:
                await stats.fold_events(session)

        async def enqueue_slowly() -> Any:
            async with self.database.write("system") as session:
                id = await service.enqueue(session, TaskRequest(kind="test.nothing", payload={}))
                await fold()
                return id

        if amid:
            self.world.add(self.wait(enqueue_slowly()), None, "default", "queued", 50, None)
        else:
            self.wait(fold())

    @rule()
    def prune(self) -> None:
        """A month later, by a clock of its own. Whoever still had one of those tasks can do nothing to it."""
        self.prunings += 1
        later = self.world.now + self.prunings * (KEPT + DELAY)
        rules = Rules(finished=KEPT, decided=KEPT, dead_letters=KEPT)

        async def prune() -> int:
            async with self.database.write("system") as session:
                return (await prune_tasks(session, rules, now=later)).tasks

        async def finish(late: list[Claimed]) -> Any:
            outcomes = [Outcome(c.id, c.attempt, TaskState.SUCCEEDED) for c in late]
            async with self.database.write("worker:test") as session:
                return await claims.finish_tasks(session, outcomes, now=self.world.now)

        gone = self.world.prune()
        assert self.wait(prune()) == len(gone)
        late = {c[:2]: c for c in self.claims if c.id in gone}
        self.claims = [c for c in self.claims if c.id not in gone]
        assert not late or self.wait(finish(list(late.values()))) == set()

    # What must be true at any moment.

    @invariant()
    def the_database_agrees_with_the_model(self) -> None:
        self.wait(self.compare())

    async def compare(self) -> None:
        world = self.world
        everything = list(world.tasks.values())
        async with self.database.read() as session:
            rows = (await session.execute(_TASKS)).all()
            asked = {row[0]: row[1:] for row in await session.execute(_QUESTIONS)}
            states = {row[0]: row[1:] for row in await session.execute(_RUNS)}
            by_queue = await stats.counts_by_queue(session)
            by_run = await stats.counts_by_run(session, list(world.runs))
            assert await problems(session, "Errors are counted as tasks have them", 5) == []
        assert {row.id: (tuple(row[1:9]), row.worker, row.finished) for row in rows} == {
            t.id: (
                (t.state, t.attempt, t.failures, t.losses, t.round, t.priority, t.run_at, t.lease),
                t.state == "running",
                t.state in FINISHED,
            )
            for t in everything
        }
        for row in rows:
            task = world.tasks[row.id]
            assert row.verbs == task.verbs, task
            assert row.froms == [None, *row.tos[:-1]], task
            assert row.tos[-1] == row.state, task
            assert (row.claims or []) == list(range(1, row.attempt + 1)), task
        assert asked == {q.id: (q.task.id, q.state, q.withdrawn) for q in world.questions}
        holding = {row.id for row in rows if row.state in HOLDS}
        assert {task for task, state, _ in asked.values() if state == "pending"} == holding
        assert states == {run.id: (run.state, run.settled) for run in world.runs.values()}
        assert by_queue == {
            queue: Counter(t.state for t in everything if t.queue == queue) for queue in {t.queue for t in everything}
        }
        assert by_run == {run.id: Counter(t.state for t in everything if t.run is run) for run in world.runs.values()}


def test_whatever_happens_in_whatever_order_the_queue_does_what_the_model_says(
    servers: Servers, pytestconfig: pytest.Config
) -> None:
    loop = asyncio.new_event_loop()
    database = Database(servers.database_url, name="tests", pool_size=2)
    try:
        run_state_machine_as_test(
            lambda: Life(loop, database),  # type: ignore[arg-type]  # whatever makes one
            settings=settings(
                max_examples=12 if pytestconfig.getoption("quick") else 40,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                # Explaining a failure takes minutes and explains little here.
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(database.dispose())
        loop.close()
