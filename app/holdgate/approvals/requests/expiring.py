"""The deadline: the task ends, goes on without an answer, or another group is asked."""

from datetime import datetime

from holdgate.accounts.availability import absences
from holdgate.approvals.models import Approval
from holdgate.approvals.moving_on import move_on
from holdgate.approvals.requests.requesting import mail_question
from holdgate.approvals.requests.resolving import ResolvedPeople, reachable, replace_absent
from holdgate.approvals.rules import clock_queries, events, policy_queries, queries, recipient_queries, turn_queries
from holdgate.approvals.rules.recipient_queries import Person
from holdgate.approvals.rules.tally import standing_of, starters
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import PACE, ApprovalPace
from holdgate.core.db import WriteSession
from holdgate.core.ids import uuid7
from holdgate.core.text.addresses import canonical_address
from holdgate.groups import service as groups
from holdgate.groups.errors import GroupNotFound
from holdgate.tasks.states import TaskVerb


async def expire_due(
    session: WriteSession, *, signup: str = "open", pace: ApprovalPace = PACE, now: datetime | None = None
) -> int:
    """The sweeper's beat. Returns how many requests it has dealt with.

    Args:
        signup: the setting SIGNUP; where signing in is required, who may not do so is not mailed.
    """
    tasks = await queries.lock_due(session, now=now)
    if not tasks:
        return 0
    waiting = await queries.to_escalate(session, tasks, now=now)
    escalated = [await _escalate(session, approval, signup, pace, now) for approval in waiting]
    expired = await queries.expire(session, tasks, now=now)
    for approval in expired:
        await events.record(session, approval.id, "expire", "system", now=now)
        reason = "Nobody decided in time." if approval.needed == 1 else "Not enough people decided in time."
        await move_on(session, approval, TaskVerb.EXPIRE, reason, now=now)
    return len(expired) + sum(escalated)


async def _escalate(
    session: WriteSession, approval: Approval, signup: str, pace: ApprovalPace, now: datetime | None
) -> bool:
    """Ask the group beside those who were asked, once. False: nobody in it can be, so the request ends."""
    asked = await _more_people(session, approval, signup, now)
    if not any(person.problem is None for person in asked.people):
        return False
    told = {**asked.told, "group": approval.escalates_to}
    event = events.line(approval.id, "escalate", "system", data=told, now=now)
    people = recipient_queries.insert_people(approval.id, approval.task_id, asked.people, pace=pace.at_once)
    await session.execute(event.add_cte(people.cte("people")))
    await clock_queries.restart_clock(session, approval.id, now=now)
    for id, email in await turn_queries.tell_at_once(session, approval.id, None, few=pace.digest_after):
        await mail_question(session, id, email, HoldType(approval.hold), approval.owner_id, approval.title)
    return True


async def _more_people(session: WriteSession, approval: Approval, signup: str, now: datetime | None) -> ResolvedPeople:
    """Who is in the group now, was not asked before, and has not started it. They count wherever somebody lacks."""
    group = str(approval.escalates_to)
    try:
        members = (await groups.members_of(session, [group]))[group]
    except GroupNotFound:
        members = []
    standing = await standing_of(session, approval)
    run_id = await policy_queries.run_of(session, approval.task_id)
    requesters = await starters(session, approval.task_id, approval.owner_id, run_id)
    taken = {canonical_address(person.email) for person in standing.recipients} | {one.person for one in standing.votes}
    stand_for = list(dict.fromkeys([group, *(approval.needed_by or ())]))
    new = {canonical_address(email): email for email in members}
    people = [
        Person(uuid7(), email, groups=stand_for, escalated=True)
        for one, email in new.items()
        if one not in taken | requesters
    ]
    absent = await absences.substitutes_of(session, [person.email for person in people], signup, now=now)
    people, away = replace_absent(people, absent, requesters, taken)
    left_out = [email for one, email in new.items() if one in requesters]
    return ResolvedPeople(await reachable(session, people, approval.level, signup), left_out, away)
