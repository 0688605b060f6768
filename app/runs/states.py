"""The states of a run. That a run is finished is read off its tasks, not stored."""

from enum import StrEnum

from app.core.machine import Machine


class RunState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class RunVerb(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


RUN_MACHINE: Machine[RunState, RunVerb] = Machine(
    RunState,
    {
        RunVerb.PAUSE: ((RunState.ACTIVE,), (RunState.PAUSED,)),
        RunVerb.RESUME: ((RunState.PAUSED,), (RunState.ACTIVE,)),
        RunVerb.CANCEL: ((RunState.ACTIVE, RunState.PAUSED), (RunState.CANCELLED,)),
    },
)
