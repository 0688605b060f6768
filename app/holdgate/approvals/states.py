"""The states of a question put to people."""

from enum import StrEnum

from holdgate.core.machine import Machine


class ApprovalState(StrEnum):
    PENDING = "pending"
    """open"""
    APPROVED = "approved"
    """as many as were needed said yes"""
    ANSWERED = "answered"
    """answers were given, or the sign-in was confirmed"""
    REJECTED = "rejected"
    """a person said no, or too few are left to say yes"""
    CHANGES_REQUESTED = "changes_requested"
    """a person wants something else to be shown"""
    EXPIRED = "expired"
    """nobody decided in time"""
    CANCELLED = "cancelled"
    """withdrawn with its task"""


class ApprovalVerb(StrEnum):
    APPROVE = "approve"
    ANSWER = "answer"
    TAKE_BACK = "take_back"
    REJECT = "reject"
    REQUEST_CHANGES = "request_changes"
    EXPIRE = "expire"
    CANCEL = "cancel"


class HoldType(StrEnum):
    """Why a task waits. The values are the states of the task."""

    APPROVAL = "pending_approval"
    INPUT = "needs_input"
    SIGN_IN = "needs_auth"


_PENDING = (ApprovalState.PENDING,)

APPROVAL_MACHINE: Machine[ApprovalState, ApprovalVerb] = Machine(
    ApprovalState,
    {
        ApprovalVerb.APPROVE: (_PENDING, (ApprovalState.APPROVED,)),
        ApprovalVerb.TAKE_BACK: ((ApprovalState.APPROVED, ApprovalState.REJECTED), _PENDING),
        ApprovalVerb.ANSWER: (_PENDING, (ApprovalState.ANSWERED,)),
        ApprovalVerb.REJECT: (_PENDING, (ApprovalState.REJECTED,)),
        ApprovalVerb.REQUEST_CHANGES: (_PENDING, (ApprovalState.CHANGES_REQUESTED,)),
        ApprovalVerb.EXPIRE: (_PENDING, (ApprovalState.EXPIRED,)),
        ApprovalVerb.CANCEL: (_PENDING, (ApprovalState.CANCELLED,)),
    },
)
