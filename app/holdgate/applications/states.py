"""How an application stands, and how that may change. Declared here once."""

from enum import StrEnum

from holdgate.core.machine import Machine


class ApplicationStatus(StrEnum):
    PREPARED = "prepared"
    """composed, and not sent yet"""
    PUT_ASIDE = "put_aside"
    """could not be sent"""
    SENT = "sent"
    """with the employer, who has not answered"""
    REPLIED = "replied"
    """the employer has answered"""
    INTERVIEW = "interview"
    """invited to an interview"""
    OFFER = "offer"
    """the employer has offered the job"""
    REJECTED = "rejected"
    """the employer has said no"""
    NO_ANSWER = "no_answer"
    """sent weeks ago, and nothing was heard"""


class ApplicationVerb(StrEnum):
    PREPARE = "prepare"
    PUT_ASIDE = "put_aside"
    SEND = "send"
    RECORD = "record"
    LAPSE = "lapse"


class ApplicationChannel(StrEnum):
    """How it was sent, or is to be."""

    DIRECT = "direct"
    EMAIL = "email"
    BY_HAND = "by_hand"
    ELSEWHERE = "elsewhere"  # not with Holdgate: a person or an import says so


_S = ApplicationStatus
_V = ApplicationVerb

# What a person records of an application that is with the employer, in the order in which it usually goes.
AFTERWARDS = (_S.SENT, _S.REPLIED, _S.INTERVIEW, _S.OFFER, _S.REJECTED, _S.NO_ANSWER)

APPLICATION_MACHINE: Machine[ApplicationStatus, ApplicationVerb] = Machine(
    ApplicationStatus,
    {
        _V.PREPARE: ((_S.PUT_ASIDE,), (_S.PREPARED,)),
        _V.PUT_ASIDE: ((_S.PREPARED,), (_S.PUT_ASIDE,)),
        _V.SEND: ((_S.PREPARED, _S.PUT_ASIDE), (_S.SENT,)),
        _V.RECORD: (AFTERWARDS, AFTERWARDS),
        _V.LAPSE: ((_S.SENT,), (_S.NO_ANSWER,)),
    },
)
