"""The life of tasks, runs and questions as it should be, in plain Python: what the real queue is held against.

It knows no SQL and repeats none of the declared tables. Each method is one thing that may happen.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

LEASE = timedelta(minutes=20)
MOST_LOSSES = 3
HOLDS = ("pending_approval", "needs_input", "needs_auth")
READY_OR_LATER = ("queued", "scheduled", "retrying")
FINISHED = ("succeeded", "dead_letter", "rejected", "expired", "cancelled")
FROM = {"retry": ("dead_letter", "cancelled"), "resume": ("rejected", "expired")}


@dataclass(eq=False)
class Run:
    id: UUID
    state: str = "active"
    settled: bool = False
    number: int = 0

    def __repr__(self) -> str:
        return f"run {self.number} ({self.state})"


@dataclass(eq=False)
class Question:
    id: UUID
    task: "Task"
    version: str
    hold: str
    round: int
    continues: bool
    state: str = "pending"
    expires_at: datetime | None = None
    step: str = ""
    withdrawn: bool = False

    def __repr__(self) -> str:
        return f"question of {self.task} ({self.state})"


@dataclass(eq=False)
class Task:
    id: UUID
    run: Run | None
    queue: str
    state: str
    run_at: datetime | None = None
    priority: int = 50
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    round: int = 0
    lease: datetime | None = None
    stepped: int = 0  # the newest attempt that stored a step
    question: Question | None = None  # the open one
    verbs: list[str] = field(default_factory=lambda: ["enqueue"])
    number: int = 0

    def __repr__(self) -> str:
        return f"task {self.number} ({self.state}, attempt {self.attempt})"

    @property
    def in_paused_run(self) -> bool:
        return self.run is not None and self.run.state == "paused"

    def runs_as(self, attempt: int) -> bool:
        return self.state == "running" and self.attempt == attempt

    def move(self, verb: str, state: str) -> None:
        self.verbs.append(verb)
        self.state = state
        if state != "running":
            self.lease = None
        if self.question is not None and state not in HOLDS:
            if self.question.state == "pending":
                self.question.state = "cancelled"
            self.question = None

    def ready(self, verb: str, priority: int = 0) -> None:
        self.move(verb, "queued")
        self.run_at = None
        self.priority = max(self.priority, priority)

    def pause(self) -> None:
        if self.state in READY_OR_LATER:
            self.move("pause", "paused")


class World:
    """`start` is the time of everything that takes no `now=`; the hours that tests let pass are beyond it."""

    def __init__(self, start: datetime) -> None:
        self.start = self.now = start
        self.tasks: dict[UUID, Task] = {}
        self.runs: dict[UUID, Run] = {}
        self.questions: list[Question] = []

    def add_run(self, id: UUID) -> Run:
        self.runs[id] = Run(id, number=len(self.runs))
        return self.runs[id]

    def add(self, id: UUID, run: Run | None, queue: str, state: str, priority: int, run_at: datetime | None) -> None:
        self.tasks[id] = Task(id, run, queue, state, run_at, priority, number=len(self.tasks))

    def claim(self, task: Task) -> None:
        task.move("claim", "running")
        task.attempt += 1
        task.lease = self.now + LEASE

    def finish(self, task: Task, attempt: int, state: str, delay: timedelta) -> bool:
        if not task.runs_as(attempt):
            return False
        verb = {"succeeded": "succeed", "retrying": "retry_later", "dead_letter": "bury", "queued": "requeue"}[state]
        task.move(verb, state)
        task.failures += verb in ("retry_later", "bury")
        task.run_at = self.now + delay if state == "retrying" else None
        if state == "retrying":
            task.losses = 0
        if state == "queued":
            self._wait_with_run(task)
        return True

    def may_ask(self, task: Task, step: str) -> bool:
        """Every question of the model is another version. Five of one step in a round, and nobody is asked again."""
        return len([q for q in self.questions if (q.task, q.step, q.round) == (task, step, task.round)]) < 5

    def ask(self, task: Task, question: Question) -> None:
        for earlier in [q for q in self.questions if (q.task, q.step) == (task, question.step)]:
            earlier.withdrawn = True
        task.move("hold", question.hold)
        task.losses = 0
        task.question = question
        self.questions.append(question)

    def may_decide(self, question: Question) -> bool:
        in_time = question.expires_at is None or question.expires_at > self.now
        return question.state == "pending" and in_time

    def decide(self, question: Question, verb: str) -> None:
        task = question.task
        question.state = {"approve": "approved", "reject": "rejected", "answer": "answered"}[verb]
        if verb == "reject" and not question.continues:
            task.move(verb, "rejected")
        else:
            task.ready(verb, 100 if verb == "answer" else 200)
            self._wait_with_run(task)

    def _wait_with_run(self, task: Task) -> None:
        if task.in_paused_run:
            task.pause()

    def expire(self) -> int:
        due = [q for q in self.questions if q.state == "pending" and q.expires_at and q.expires_at <= self.now]
        for question in due:
            question.state = "expired"
            if question.continues:
                question.task.ready("expire", 200)
                self._wait_with_run(question.task)
            else:
                question.task.move("expire", "expired")
        return len(due)

    def promote(self) -> int:
        due = [
            t for t in self.tasks.values() if t.state in ("scheduled", "retrying") and t.run_at and t.run_at <= self.now
        ]
        for task in due:
            task.ready("promote")
            self._wait_with_run(task)
        return len(due)

    def recover(self) -> int:
        lost = [t for t in self.tasks.values() if t.state == "running" and t.lease and t.lease < self.now]
        for task in lost:
            progressed = task.stepped == task.attempt
            task.losses = 1 if progressed else task.losses + 1
            if task.losses >= MOST_LOSSES and not progressed:
                task.move("bury", "dead_letter")
            else:
                task.move("requeue", "queued")
                self._wait_with_run(task)
        return len(lost)

    def press(self, task: Task, verb: str) -> bool:
        """A person's button on one task. False: refused."""
        if verb == "cancel":
            if task.state in FINISHED:
                return False
            task.move("cancel", "cancelled")
            return True
        if task.state not in FROM[verb] or (task.run is not None and task.run.state == "cancelled"):
            return False
        task.ready(verb, 100 if verb == "resume" else 0)
        task.failures, task.losses, task.round = 0, 0, task.round + 1
        self._wait_with_run(task)
        return True

    def press_for_all(self, run: Run, verb: str) -> bool:
        """A person's button for all tasks of a run that it fits. False: there is none."""
        allowed = [state for state in FINISHED if state in FROM.get(verb, ())]
        tasks = [t for t in self.tasks.values() if t.run is run]
        fitting = [t for t in tasks if t.state in allowed or (verb == "cancel" and t.state not in FINISHED)]
        for task in fitting:
            self.press(task, verb)
        return bool(fitting)

    def prune(self) -> set[UUID]:
        """What has ended is gone, with what was asked about it. Returns the ids."""
        gone = {t.id for t in self.tasks.values() if t.state in FINISHED}
        self.tasks = {id: task for id, task in self.tasks.items() if id not in gone}
        self.questions = [q for q in self.questions if q.task.id not in gone]
        return gone

    def edit(self, task: Task) -> bool:
        """A retry with another payload: nothing that was decided counts any more. False: refused."""
        in_cancelled = task.run is not None and task.run.state == "cancelled"
        if task.state not in FROM["retry"] or in_cancelled or task.queue == "mail":
            return False
        for question in self.questions:
            question.withdrawn |= question.task is task
        task.ready("retry")
        task.failures, task.losses, task.round = 0, 0, task.round + 1
        self._wait_with_run(task)
        return True

    def press_run(self, run: Run, verb: str) -> bool:
        allowed = {"pause": ("active",), "resume": ("paused",), "cancel": ("active", "paused")}
        if run.state not in allowed[verb]:
            return False
        run.state = {"pause": "paused", "resume": "active", "cancel": "cancelled"}[verb]
        run.settled = False
        self.follow(run)
        return True

    def follow(self, run: Run) -> None:
        """The tasks of a run go where its state wants them."""
        for task in (t for t in self.tasks.values() if t.run is run):
            if run.state == "paused":
                task.pause()
            elif run.state == "cancelled" and task.state not in FINISHED:
                task.move("cancel", "cancelled")
            elif run.state == "active" and task.state == "paused":
                task.move("unpause", "scheduled" if task.run_at and task.run_at > self.start else "queued")

    def settle(self) -> None:
        for run in self.runs.values():
            if not run.settled:
                self.follow(run)
                agreed = timedelta(days=1) if run.state == "paused" else timedelta(seconds=30)
                run.settled = self.start < self.now - agreed
