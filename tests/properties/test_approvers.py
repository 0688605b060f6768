"""Random groups, absences, escalations and decisions on the real service: whoever is asked, and whoever counts, is one.

No request asks its requester unless by name, asks one person twice, counts one twice, or lets one stand for two groups.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from holdgate.accounts.availability import absences
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.models import Recipient
from holdgate.approvals.requests import deciding, expiring
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import AppError
from holdgate.core.text.addresses import canonical_address
from tests import servers as servers_module
from tests.factories.approvals import (
    OWNER,
    Asked,
    approval_of,
    delivered,
    make_group,
    principal,
    put_question,
    recipients_of,
    votes_of,
)
from tests.servers import Servers

T = TypeVar("T")
PEOPLE = (
    *("ann@example.org", "bob@example.org", "bob+work@example.org", "cid@example.org", "dan@example.org"),
    *("eve@example.org", OWNER),
)
GROUPS = ("security", "finance", "leads")
SOME = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=3)


class Case(NamedTuple):
    groups: dict[str, list[str]]
    away: dict[str, str]
    recipients: list[str]
    needed: Any
    self_approval: bool
    escalates: bool
    decisions: list[tuple[int, bool]]
    late: list[tuple[int, bool]]


DECISIONS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from((True, True, False))), max_size=3)
CASES = st.builds(
    Case,
    groups=st.fixed_dictionaries({name: SOME for name in GROUPS}),
    away=st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), min_size=2, max_size=4),
    recipients=st.lists(st.sampled_from([*PEOPLE, "group:security", "group:finance"]), min_size=1, max_size=3),
    needed=st.one_of(
        st.integers(1, 3), st.dictionaries(st.sampled_from(GROUPS[:2]), st.integers(1, 2), min_size=1, max_size=2)
    ),
    self_approval=st.booleans(),
    escalates=st.booleans(),
    decisions=DECISIONS,
    late=DECISIONS,
)


def can_be_placed(needed: Mapping[str, int], people: Sequence[Sequence[str]]) -> bool:
    """Whether every place can be filled, by trying all ways to place each person once or nowhere."""
    return any(
        all(way.count(group) >= number for group, number in needed.items())
        for way in product(*[("", *groups) for groups in people])
    )


class Life:
    """One request, from its making to its end."""

    def __init__(self, database: Database, config: Settings, case: Case, seen: Counter[str]) -> None:
        self.database, self.config, self.case, self.seen = database, config, case, seen

    async def live(self) -> None:
        await servers_module.empty(self.database)
        for name, members in self.case.groups.items():
            await make_group(self.database, name, *members)
        for email in PEOPLE:
            await principal(self.database, email)
        for email, substitute in self.case.away.items():
            await self.send_away(email, substitute)
        try:
            asked = await put_question(
                self.database,
                self.config,
                recipients=() if isinstance(self.case.needed, dict) else tuple(self.case.recipients),
                needed=self.case.needed,
                self_approval=self.case.self_approval,
                escalates_to="leads" if self.case.escalates else None,
            )
        except QuestionImpossible:
            return
        self.check_asked(await recipients_of(self.database, asked))
        await self.decide(asked, self.case.decisions)
        deadline = (await approval_of(self.database, asked)).expires_at
        async with self.database.write("system") as session:
            if deadline is not None:
                await expiring.expire_due(session, now=deadline)
        people = await recipients_of(self.database, asked)
        self.check_asked(people)
        for person in people:
            if person.escalated and person.state == "waiting":
                await delivered(self.database, self.config, person.id)
        await self.decide(asked, self.case.late)

    async def send_away(self, email: str, substitute: str) -> None:
        person = await principal(self.database, email)
        if canonical_address(email) == canonical_address(substitute):
            return
        async with self.database.write("system") as session:
            now = (await session.execute(select(func.now()))).scalar_one()
            day = timedelta(days=1)
            await absences.add_absence(session, person.id, now - day, now + day, substitute)

    def check_asked(self, people: Sequence[Recipient]) -> None:
        self.seen.update(word for person in people for word in person.because.split()[:1])
        persons = [canonical_address(person.email) for person in people]
        assert len(persons) == len(set(persons)), "nobody is asked twice"
        by_name = OWNER in self.case.recipients and not isinstance(self.case.needed, dict)
        for person in people:
            if person.email == OWNER:
                assert by_name and not person.groups and not person.substitute_for and not person.escalated
                assert self.case.self_approval or person.state == "undelivered"

    async def decide(self, asked: Asked, decisions: Sequence[tuple[int, bool]]) -> None:
        for number, approves in decisions:
            people = await recipients_of(self.database, asked)
            person = await principal(self.database, people[number % len(people)].email)
            decision = Decision(
                version=asked.version,
                verb=ApprovalVerb.APPROVE if approves else ApprovalVerb.REJECT,
                reason="" if approves else "no",
            )
            try:
                async with self.database.write(person.actor) as session:
                    await deciding.decide_signed_in(session, person, asked.approval_id, decision, source="here")
            except AppError:
                pass
            await self.check(asked)

    async def check(self, asked: Asked) -> None:
        approval, votes = await approval_of(self.database, asked), await votes_of(self.database, asked)
        groups = {canonical_address(one.email): one.groups for one in await recipients_of(self.database, asked)}
        persons = [vote.person for vote in votes]
        assert len(persons) == len(set(persons)), "nobody counts twice"
        assert set(persons) <= groups.keys(), "only whoever was asked counts"
        assert self.case.self_approval or OWNER not in persons
        agreed = [vote.person for vote in votes if vote.verb == "approve"]
        refused = {vote.person for vote in votes if vote.verb == "reject"}
        free = [person for person in groups if person not in refused and (self.case.self_approval or person != OWNER)]
        needed = approval.needed_by
        enough = can_be_placed(needed, [groups[one] for one in agreed]) if needed else len(agreed) >= approval.needed
        reachable = can_be_placed(needed, [groups[one] for one in free]) if needed else len(free) >= approval.needed
        self.seen[approval.state] += 1
        match approval.state:
            case "approved":
                assert enough
            case "rejected":
                assert refused and not enough and (approval.needed == 1 or not reachable)
            case "pending":
                assert not enough and (reachable or not refused)


def test_nobody_is_asked_or_counted_for_two(servers: Servers, tmp_path: Any) -> None:
    loop = asyncio.new_event_loop()
    config = Settings(
        database_url=servers.database_url, redis_url=servers.redis_url, secret_keys=("k" * 40,), data_dir=tmp_path
    )

    seen: Counter[str] = Counter()

    def wait(work: Coroutine[Any, Any, T]) -> T:
        return loop.run_until_complete(work)

    database = Database(servers.database_url, name="approvers", pool_size=2)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(CASES)
    def lives(case: Case) -> None:
        wait(Life(database, config, case, seen).live())

    try:
        lives()
        assert {"approved", "rejected", "pending", "member", "substitute", "escalated"} <= seen.keys()
    finally:
        wait(database.dispose())
        loop.close()
