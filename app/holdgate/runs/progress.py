"""How far a run is: its tasks by state, and what follows from that."""

import msgspec

from holdgate.runs.forecast import Forecast, Pace, forecast
from holdgate.runs.models import Run
from holdgate.runs.states import RUN_MACHINE, RunState
from holdgate.tasks.states import HOLDS, RESOLVED, STANDINGS, UNFINISHED, WAITING, TaskState


class Progress(msgspec.Struct, frozen=True):
    """A run and how many of its tasks are in each state. `state` is `finished` when nothing is left to do.

    `owner`: whose it is, for those who see everybody's.
    """

    run: Run
    segments: list[tuple[str, int]]
    forecast: Forecast
    owner: str = ""

    @property
    def total(self) -> int:
        return sum(n for _, n in self.segments)

    @property
    def open(self) -> int:
        return sum(n for state, n in self.segments if state in UNFINISHED)

    @property
    def failed(self) -> int:
        """Tasks in the dead letters that nobody has resolved."""
        return sum(n for state, n in self.segments if state == TaskState.DEAD_LETTER)

    @property
    def waiting(self) -> int:
        """Tasks that wait for an approval, which may be decided together."""
        return sum(n for state, n in self.segments if state == TaskState.PENDING_APPROVAL)

    @property
    def done(self) -> int:
        return sum(n for state, n in self.segments if state == TaskState.SUCCEEDED)

    @property
    def state(self) -> str:
        # Without any: they have been pruned. A run begins with at least one.
        if self.run.state == RunState.ACTIVE and not self.open:
            return "finished"
        return self.run.state

    @property
    def look(self) -> str:
        """As what a page draws its state: what has failed in it is no success."""
        return "failed" if self.state == "finished" and self.failed else self.state

    @property
    def label(self) -> str:
        return f"Finished · {self.failed:,} failed" if self.look == "failed" else self.state.capitalize()

    @property
    def buttons(self) -> list[str]:
        if self.state == "finished":
            return []
        return [verb.value for verb in RUN_MACHINE.verbs(RunState(self.run.state))]


# As a run's bar has them from the left: what failed is seen first, and what is done fills it up.
_FROM_THE_LEFT = (
    TaskState.DEAD_LETTER,
    TaskState.SUCCEEDED,
    *(state for state in STANDINGS if state in (RESOLVED, TaskState.REJECTED, TaskState.EXPIRED, TaskState.CANCELLED)),
    TaskState.RUNNING,
    *HOLDS,
    *(state for state in STANDINGS if state in (*WAITING, TaskState.PAUSED)),
)


def progress_of(
    run: Run, counts: dict[str, int], pace: Pace | None = None, owner: str = "", waits_for: int | None = None
) -> Progress:
    segments: list[tuple[str, int]] = [(state, counts[state]) for state in _FROM_THE_LEFT if counts.get(state)]
    return Progress(run, segments, forecast(counts, pace, run.created_at, waits_for), owner)
