"""The states of a task and the verbs between them. Declared here once; the database's table is made from it."""

from enum import StrEnum

from holdgate.core.machine import Machine


# What a state means stands below it; docs/reference/states.md is made from here.
class TaskState(StrEnum):
    QUEUED = "queued"
    """ready to be claimed"""
    SCHEDULED = "scheduled"
    """not before a time: planned, asleep, or approved and still to be undone"""
    RUNNING = "running"
    """leased to a worker"""
    RETRYING = "retrying"
    """failed, and tried again at a time"""
    PENDING_APPROVAL = "pending_approval"
    """holds for a decision"""
    NEEDS_INPUT = "needs_input"
    """holds for answers of its owner"""
    NEEDS_AUTH = "needs_auth"
    """holds until its owner has signed in somewhere"""
    PAUSED = "paused"
    """its run is paused"""
    SUCCEEDED = "succeeded"
    """done"""
    DEAD_LETTER = "dead_letter"
    """out of attempts, or failed for good"""
    REJECTED = "rejected"
    """a person said no"""
    EXPIRED = "expired"
    """nobody decided in time"""
    CANCELLED = "cancelled"
    """withdrawn"""


class TaskVerb(StrEnum):
    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY_LATER = "retry_later"
    BURY = "bury"
    HOLD = "hold"
    SNOOZE = "snooze"
    REQUEUE = "requeue"
    PROMOTE = "promote"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    APPROVE = "approve"
    ANSWER = "answer"
    TAKE_BACK = "take_back"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    EXPIRE = "expire"
    RETRY = "retry"
    RESUME = "resume"
    CANCEL = "cancel"


_T = TaskState
_V = TaskVerb

# Waiting for a person: no worker, no connection, no transaction.
HOLDS = (_T.PENDING_APPROVAL, _T.NEEDS_INPUT, _T.NEEDS_AUTH)
# Ready, or ready at a time to come.
WAITING = (_T.QUEUED, _T.SCHEDULED, _T.RETRYING)
# Nothing more happens unless a person wants it.
FINISHED = (_T.SUCCEEDED, _T.DEAD_LETTER, _T.REJECTED, _T.EXPIRED, _T.CANCELLED)
UNFINISHED = (*WAITING, _T.RUNNING, *HOLDS, _T.PAUSED)

# verb: (sources, targets). The first target is the usual one; QUEUED after reject and expire is
# for a question whose asker wants to go on with the refusal as a value. SCHEDULED after approve is the time in which
# the approval can be undone, also while the run is paused.
TASK_MACHINE: Machine[TaskState, TaskVerb] = Machine(
    TaskState,
    {
        _V.CLAIM: ((_T.QUEUED,), (_T.RUNNING,)),
        _V.SUCCEED: ((_T.RUNNING,), (_T.SUCCEEDED,)),
        _V.RETRY_LATER: ((_T.RUNNING,), (_T.RETRYING,)),
        _V.BURY: (UNFINISHED, (_T.DEAD_LETTER,)),
        _V.HOLD: ((_T.RUNNING,), HOLDS),
        _V.SNOOZE: ((_T.RUNNING,), (_T.SCHEDULED,)),
        _V.REQUEUE: ((_T.RUNNING,), (_T.QUEUED,)),
        _V.PROMOTE: ((_T.SCHEDULED, _T.RETRYING), (_T.QUEUED,)),
        _V.PAUSE: (WAITING, (_T.PAUSED,)),
        _V.UNPAUSE: ((_T.PAUSED,), (_T.QUEUED, _T.SCHEDULED)),
        _V.APPROVE: ((_T.PENDING_APPROVAL,), (_T.QUEUED, _T.SCHEDULED)),
        _V.TAKE_BACK: ((_T.SCHEDULED, _T.PAUSED, _T.REJECTED), (_T.PENDING_APPROVAL,)),
        _V.ANSWER: ((_T.NEEDS_INPUT, _T.NEEDS_AUTH), (_T.QUEUED,)),
        _V.REJECT: ((_T.PENDING_APPROVAL,), (_T.REJECTED, _T.QUEUED)),
        _V.REQUEST_CHANGES: ((_T.PENDING_APPROVAL,), (_T.QUEUED,)),
        _V.EXPIRE: (HOLDS, (_T.EXPIRED, _T.QUEUED)),
        _V.RETRY: ((_T.DEAD_LETTER, _T.CANCELLED), (_T.QUEUED,)),
        _V.RESUME: ((_T.REJECTED, _T.EXPIRED), (_T.QUEUED,)),
        _V.CANCEL: (UNFINISHED, (_T.CANCELLED,)),
    },
)

# What a person may do to one task by a button, POST /tasks/{id}/{verb}.
BUTTONS = (_V.RETRY, _V.RESUME, _V.CANCEL)

# How a task stands in lists and counts: its state, except that a dead letter somebody has marked resolved stands
# apart. Not a state: nothing can be done to it that could not be done to any dead letter.
RESOLVED = "resolved"
_AFTER_DEAD = list(TaskState).index(_T.DEAD_LETTER) + 1
STANDINGS = (*list(TaskState)[:_AFTER_DEAD], RESOLVED, *list(TaskState)[_AFTER_DEAD:])

DEFAULT_PRIORITY = 50
RESUMED_PRIORITY = 100  # a person has just dealt with it
APPROVED_PRIORITY = 200  # an approval is time-sensitive
