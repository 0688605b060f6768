"""Passing a question on: “not mine”, to a colleague who is asked in the same place, within the same time.

Whoever may pass one on can name any address, so the answer is the same for all: it tells nobody who has an account,
and only those are mailed who have one, or whose domain may sign in by itself. Others see the question once an
administrator has let them in; until then an administrator can decide, and after its time whoever was asked first can
put it again.
"""

from datetime import datetime

from holdgate.accounts import service as accounts
from holdgate.accounts.sign_in.links import may_sign_in
from holdgate.approvals.errors import QuestionExpired
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.requests import clock
from holdgate.approvals.requests.deciding import check_may_vote, refuse
from holdgate.approvals.requests.requesting import mail_question
from holdgate.approvals.rules import events, policy_queries, turn_queries
from holdgate.approvals.rules.tally import Standing, standing_of, starters
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import PACE, ApprovalPace
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.text.addresses import BadAddress, canonical_address, checked_address, same_person

LONGEST_NOTE = 1000
ANYBODY = "anybody"  # in place of SIGNUP, in development: no address is a stranger's


async def forward(
    session: WriteSession,
    approval: Approval,
    sender: Recipient,
    *,
    to: str,
    note: str,
    signup: str,
    pace: ApprovalPace = PACE,
    now: datetime | None = None,
) -> str:
    """Ask `to` in place of `sender`. The clock goes on. Returns the address.

    Args:
        signup: the setting SIGNUP, or ANYBODY. Where signing up is open, too, only people with an account are mailed,
            so that nobody uses it to write to strangers.

    Raises:
        Invalid: not an approval, or not to this address.
        AlreadyDecided, QuestionExpired, AlreadyVoted, PassedOn, SelfApproval: nothing was changed.
    """
    if approval.hold != HoldType.APPROVAL:
        raise Invalid("Only approvals can be delegated; this waits for the owner.")
    address = _address(to)
    current = await policy_queries.open_approval(session, approval.id, now=now)
    await accounts.check_access(session, sender.email)
    if current is None:
        await refuse(session, approval.id, approval.version)
        raise QuestionExpired
    standing = await standing_of(session, current)
    check_may_vote(standing, sender.email)
    await _check_receiver(session, standing, current, sender, address)
    recipient_id = uuid7()
    text = note.strip()[:LONGEST_NOTE]
    user = await accounts.find_user_by_email(session, address)
    mailed = may_sign_in(user, address, "invite" if signup == "open" else signup) or (
        signup == ANYBODY and user is None
    )
    await policy_queries.insert_forwarded(
        session, recipient_id, address, sender=sender, note=text, pace=pace.at_once if mailed else 0
    )
    await events.record(
        session,
        current.id,
        "forward",
        sender.email,
        recipient_id=recipient_id,
        data={"to": address, "note": text},
        now=now,
    )
    # Whoever passes it on has read it. Its time must not stand still because the colleague is never told.
    await clock.start(session, current.id, now=now)
    for id, email in await turn_queries.tell_at_once(session, current.id, None, few=pace.digest_after):
        await mail_question(session, id, email, HoldType.APPROVAL, current.owner_id, current.title)
    return address


def _address(text: str) -> str:
    try:
        return checked_address(text)
    except BadAddress as problem:
        raise Invalid(str(problem), {"to": str(problem)}) from None


async def _check_receiver(
    session: WriteSession, standing: Standing, approval: Approval, sender: Recipient, address: str
) -> None:
    if same_person(address, sender.email):
        _refuse("That is you. Enter a colleague’s email.")
    barred = standing.barred
    if sender.groups:  # for a group nobody stands who started it, whoever they were passed it on by
        run_id = await policy_queries.run_of(session, approval.task_id)
        barred = await starters(session, approval.task_id, approval.owner_id, run_id)
    if canonical_address(address) in barred:
        _refuse(f"{address} started this task, so they can’t approve it.")
    if standing.vote_of(address) or any(same_person(address, person.email) for person in standing.recipients):
        _refuse(f"{address} is already an approver.")


def _refuse(sentence: str) -> None:
    raise Invalid(sentence, {"to": sentence})
