"""Whom a request asks: addresses and groups become people, each once, with the reason why they were asked.

It is settled when the request is made. Whoever started the task, or changed it, is asked as a member of no group.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from holdgate.accounts import service as accounts
from holdgate.accounts.availability import absences
from holdgate.accounts.reach import KnownPeople, look_up
from holdgate.accounts.sign_in.links import may_sign_in
from holdgate.approvals import forms
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.models import because
from holdgate.approvals.rules import quotas
from holdgate.approvals.rules.recipient_queries import Person
from holdgate.approvals.rules.tally import starters
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import Question
from holdgate.approvals.versions import AskingTask
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.text.addresses import BadAddress, canonical_address, checked_address
from holdgate.core.text.shape import shape_problem
from holdgate.core.text.visible import is_blank
from holdgate.groups import service as groups
from holdgate.groups.errors import GroupNotFound
from holdgate.groups.names import PREFIX, name_in
from holdgate.tasks.kinds import LONGEST_WAIT

NOBODY = KnownPeople()
LONGEST_WORK = timedelta(days=90)  # of 24 hours: some fourteen months at eight hours on five days
BARRED = "started or changed it, so somebody else has to decide"
# Whoever reads it is not to learn who has an account, or has one no more.
UNREACHABLE = "no email could be sent to them; an administrator may know why"


class ResolvedPeople(NamedTuple):
    """`left_out`: members of the groups who are not asked, because they started the task or changed it. `away`: asked
    although they are, since nobody can stand in for them."""

    people: list[Person]
    left_out: list[str]
    away: list[str]

    @property
    def told(self) -> dict[str, Any]:
        """For the timeline: who is asked, why, and who is not."""
        told: dict[str, Any] = {"people": [person.email for person in self.people]}
        why = {
            person.email: reason
            for person in self.people
            if (reason := because(person.groups, person.substitute_for, person.escalated))
        }
        more = {"why": why, "left_out": self.left_out, "away": self.away}
        return told | {name: value for name, value in more.items() if value}


class _Named(NamedTuple):
    """Canonical address → address as it is mailed, and the groups that name it."""

    addresses: dict[str, str]
    groups: dict[str, list[str]]
    left_out: list[str]


async def resolve(session: WriteSession, task: AskingTask, question: Question, signup: str) -> ResolvedPeople:
    """Those to ask, each once, and why some of them are not mailed.

    Raises:
        QuestionImpossible: for the author of the kind. That nobody is left to ask is shown to people instead.
    """
    check_question(question)
    requesters: frozenset[str] | None = None
    if not question.self_approval or question.group_names:
        requesters = await starters(session, task.id, task.owner_id, task.run_id)
    named = await _named(session, question, requesters or frozenset())
    nobody = not named.addresses and not question.group_names
    known = await look_up(session, named.addresses.values(), owner_id=task.owner_id if nobody else None)
    if known.owner is not None:
        named.addresses[canonical_address(known.owner)] = known.owner
    barred = frozenset() if question.self_approval or requesters is None else requesters
    _check_people(question, named, barred)
    people = [Person(uuid7(), address, groups=named.groups.get(one, ())) for one, address in named.addresses.items()]
    away: list[str] = []
    if question.hold is HoldType.APPROVAL:  # what an owner has to answer nobody can answer for them
        absent = await absences.able_substitutes(session, known.away, signup)
        if absent and requesters is None:
            requesters = await starters(session, task.id, task.owner_id, task.run_id)
        people, away = replace_absent(people, absent, requesters or frozenset())
    people = [
        person._replace(state="undelivered", problem=BARRED) if canonical_address(person.email) in barred else person
        for person in people
    ]
    return ResolvedPeople(await reachable(session, people, question.level, signup, known), named.left_out, away)


def replace_absent(
    people: Sequence[Person], absent: Mapping[str, str | None], requesters: frozenset[str], taken: Iterable[str] = ()
) -> tuple[list[Person], list[str]]:
    """Put substitutes in the places of those who are away. Returns also who is away and keeps theirs.

    Nobody stands in who is asked already, for somebody else or for themselves, nor whoever started it; and what people
    have started themselves, which they were named for, waits for them.

    Args:
        taken: canonical addresses of further people who are asked already.
    """
    counted = {canonical_address(person.email) for person in people} | set(taken)
    placed: list[Person] = []
    away: list[str] = []
    for person in people:
        if person.email.lower() not in absent or canonical_address(person.email) in requesters:
            placed.append(person)
            continue
        substitute = absent[person.email.lower()]
        if substitute is None or canonical_address(substitute) in counted | requesters:
            away.append(person.email)
            placed.append(person)
            continue
        counted.add(canonical_address(substitute))
        placed.append(person._replace(email=substitute, substitute_for=person.email))
    return placed, away


async def reachable(
    session: WriteSession, people: Sequence[Person], level: str, signup: str, known: KnownPeople = NOBODY
) -> list[Person]:
    """The same people, with the reason for those whom no email is to be sent.

    Args:
        known: of whom it has been looked up.
    """
    others = [person.email for person in people if person.email.lower() not in known.looked_up]
    disabled = known.disabled | await accounts.disabled_among(session, others)
    found = []
    for person in people:
        if person.problem is None and (
            person.email.lower() in disabled
            or (level == "sign-in" and not await _may_sign_in(session, person.email, signup))
        ):
            person = person._replace(state="undelivered", problem=UNREACHABLE)
        found.append(person)
    return found


async def _named(session: WriteSession, question: Question, requesters: frozenset[str]) -> _Named:
    """Addresses stand for themselves, groups for who is in them now."""
    found = _Named({}, {}, [])
    members = await _members(session, question)
    for recipient in (*question.recipients, *map(PREFIX.__add__, question.needed_by)):
        group = name_in(recipient)
        if group is None:
            address = _address(question, recipient)
            found.addresses.setdefault(canonical_address(address), address)
            continue
        for email in members[group]:
            person = canonical_address(email)
            if person in requesters:
                if email not in found.left_out:
                    found.left_out.append(email)
                continue
            found.addresses.setdefault(person, email)
            if group not in (of := found.groups.setdefault(person, [])):
                of.append(group)
        if members[group] and not any(group in of for of in found.groups.values()):
            raise QuestionImpossible(
                f"The approval request {question.step!r} asks the group {group!r}, in which is nobody but who started "
                "or changed the task. Add other people to it."
            )
    return found


async def _members(session: WriteSession, question: Question) -> Mapping[str, list[str]]:
    try:
        wanted = [*question.group_names, *([question.escalates_to] if question.escalates_to else ())]
        members = await groups.members_of(session, list(dict.fromkeys(wanted)))
    except GroupNotFound as problem:
        raise QuestionImpossible(
            f"The approval request {question.step!r} asks a group that is not there. {problem} Create it under "
            "/admin/groups, or correct the name."
        ) from None
    for name, emails in members.items():
        if not emails:
            raise QuestionImpossible(
                f"The approval request {question.step!r} asks the group {name!r}, and nobody is in it. "
                "Add people to it."
            )
    return members


def _address(question: Question, text: str) -> str:
    """As it is stored: whoever is named in two spellings is one person."""
    try:
        return checked_address(text)
    except BadAddress as problem:
        raise QuestionImpossible(f"The question {question.step!r} asks {text[:100]!r}. {problem}") from None


def check_question(question: Question) -> None:
    """What is known without looking anybody up. Raises QuestionImpossible."""
    if max(question.ttl or timedelta(), question.take_back) > LONGEST_WAIT:
        raise QuestionImpossible(f"The approval request {question.step!r} gives more than ten years. Give less time.")
    if question.clock == "working" and (question.ttl is None or question.ttl > LONGEST_WORK):
        raise QuestionImpossible(
            f"The approval request {question.step!r} counts working hours, for which it needs a deadline of at "
            f"most {LONGEST_WORK.days} days of 24 hours."
        )
    if is_blank(question.title):
        raise QuestionImpossible(
            f"The approval request {question.step!r} has no title that can be seen. Say there what will be done."
        )
    if problem := shape_problem(question.shown):
        raise QuestionImpossible(f"What the approval request {question.step!r} shows can’t be stored. {problem}")
    if question.votes_needed < 1 or any(number < 1 for number in question.needed_by.values()):
        raise QuestionImpossible(
            f"The question {question.step!r} needs {question.needed} people; it must be at least one."
        )


def _check_people(question: Question, named: _Named, barred: frozenset[str]) -> None:
    people = list(named.addresses)
    if not people:
        raise QuestionImpossible(
            f"The approval request {question.step!r} asks nobody: it names no recipients, and the task has no owner. "
            "Name recipients, or enqueue the task with an owner."
        )
    needed, left = question.votes_needed, [person for person in people if person not in barred]
    if needed > len(people):
        raise QuestionImpossible(
            f"The question {question.step!r} needs {needed} different people and asks {len(people)}."
        )
    if left and needed > len(left):
        raise QuestionImpossible(
            f"The approval request {question.step!r} needs {needed} approvals, and only {len(left)} of its approvers "
            "may decide: who started the task may not."
        )
    _check_groups(question, named)
    if needed > 1:
        try:
            forms.read(question.fields, {field.name: field.value for field in question.fields})
        except Invalid as problem:
            raise QuestionImpossible(
                f"Several people decide {question.step!r} on the same form, which is not complete: {problem}"
            ) from None


def _check_groups(question: Question, named: _Named) -> None:
    """Where groups are counted everybody asked must count for one, and each group have enough people of its own."""
    needed = question.needed_by
    if not needed:
        return
    for person, address in named.addresses.items():
        if not set(named.groups.get(person, ())) & needed.keys():
            raise QuestionImpossible(
                f"The approval request {question.step!r} asks {address}, who is in none of the groups that it needs "
                f"({', '.join(needed)}) and could never count."
            )
    found = quotas.filled(needed, named.groups.values())
    for group, number in needed.items():
        if found[group] < number:
            raise QuestionImpossible(
                f"The approval request {question.step!r} needs {number} of the group {group!r}, and only "
                f"{found[group]} can be asked for it: each person counts once, and whoever started the task not at all."
            )


async def _may_sign_in(session: WriteSession, address: str, signup: str) -> bool:
    return may_sign_in(await accounts.find_user_by_email(session, address), address, signup)
