"""What a bulk action does, the states it goes through and the verbs between them."""

from enum import StrEnum

from holdgate.core.machine import Machine
from holdgate.tasks.states import FINISHED, RESOLVED, TASK_MACHINE, UNFINISHED, TaskState, TaskVerb


class BulkVerb(StrEnum):
    """What happens to each of its tasks."""

    RETRY = "retry"
    RESUME = "resume"
    CANCEL = "cancel"
    PRIORITISE = "prioritise"
    RESOLVE = "resolve"


class BulkState(StrEnum):
    RUNNING = "running"
    """carried out by a worker, a portion at a time"""
    WAITING = "waiting"
    """a redrive that does not go on by itself"""
    STOPPED = "stopped"
    """ended by a person, or because the same error came back"""
    FINISHED = "finished"
    """done"""


class BulkMove(StrEnum):
    WAIT = "wait"
    CONTINUE = "continue"
    STOP = "stop"
    FINISH = "finish"


_S = BulkState

BULK_MACHINE: Machine[BulkState, BulkMove] = Machine(
    BulkState,
    {
        BulkMove.WAIT: ((_S.RUNNING,), (_S.WAITING,)),
        BulkMove.CONTINUE: ((_S.WAITING,), (_S.RUNNING,)),
        BulkMove.STOP: ((_S.RUNNING, _S.WAITING), (_S.STOPPED,)),
        BulkMove.FINISH: ((_S.RUNNING,), (_S.FINISHED,)),
    },
)

OPEN = (_S.RUNNING, _S.WAITING)

_STATES_FOR: dict[BulkVerb, tuple[TaskState, ...]] = {
    BulkVerb.PRIORITISE: UNFINISHED,
    BulkVerb.RESOLVE: (TaskState.DEAD_LETTER,),
}


def standings_for(verb: BulkVerb, asked: tuple[str, ...], by_hand: bool) -> tuple[str, ...]:
    """Which standings the verb can be used on, of those `asked` for (of all, when none are).

    What somebody has marked resolved is retried only when it is named or chosen by hand.
    """
    possible: tuple[str, ...] = _STATES_FOR.get(verb) or tuple(
        state for state in (*UNFINISHED, *FINISHED) if TASK_MACHINE.allows(TaskVerb(verb), state)
    )
    if verb is BulkVerb.RETRY and (by_hand or RESOLVED in asked):
        possible = (*possible, RESOLVED)
    return tuple(str(state) for state in possible if not asked or state in asked)
