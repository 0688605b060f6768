"""The states of a run, and the stages its tasks go through. That a run is finished is no state: see following.py."""

from enum import StrEnum

from holdgate.core.machine import Machine
from holdgate.tasks.states import HOLDS, UNFINISHED, TaskState, TaskVerb


class RunState(StrEnum):
    ACTIVE = "active"
    """its tasks run as they can; also when all have ended"""
    PAUSED = "paused"
    """nothing of it is started; what runs goes on to its end"""
    CANCELLED = "cancelled"
    """withdrawn with its tasks"""


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


# How the tasks of a run follow its state.
FOLLOW = {
    RunState.ACTIVE: TaskVerb.UNPAUSE,
    RunState.PAUSED: TaskVerb.PAUSE,
    RunState.CANCELLED: TaskVerb.CANCEL,
}


class Stage(StrEnum):
    """Where the time of a task goes until it ends."""

    QUEUE = "queue"  # ready, and waiting for a worker
    WORK = "work"
    PEOPLE = "people"
    LATER = "later"  # paused, or not before a time


STAGES: dict[TaskState, Stage] = {
    **dict.fromkeys(UNFINISHED, Stage.LATER),
    **dict.fromkeys(HOLDS, Stage.PEOPLE),
    TaskState.QUEUED: Stage.QUEUE,
    TaskState.RUNNING: Stage.WORK,
}
