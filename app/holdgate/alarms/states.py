"""What an alarm watches, its states and the verbs between them."""

from enum import StrEnum

from holdgate.core.machine import Machine


class AlarmCondition(StrEnum):
    FAILURES = "failures"
    """`count` attempts failed within `minutes`"""
    QUEUE_WAIT = "queue_wait"
    """the oldest queued task waits longer than `minutes`"""
    SCHEDULE_MISSED = "schedule_missed"
    """a schedule is overdue, or a run of it was skipped or late"""


class AlarmState(StrEnum):
    OK = "ok"
    """its condition does not hold"""
    FIRING = "firing"
    """its condition holds; told once, until it has recovered"""


class AlarmVerb(StrEnum):
    FIRE = "fire"
    RECOVER = "recover"


_S = AlarmState

ALARM_MACHINE: Machine[AlarmState, AlarmVerb] = Machine(
    AlarmState,
    {
        AlarmVerb.FIRE: ((_S.OK,), (_S.FIRING,)),
        AlarmVerb.RECOVER: ((_S.FIRING,), (_S.OK,)),
    },
)
