"""Whatever is asked, decided, undone, changed, passed on, cancelled, told, escalated and left to time: nobody exceeds
their pace, is asked or counted twice, or decides for a group what they started; and nothing ends unseen."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from holdgate.accounts.availability import absences
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding, delegating, expiring, reminding, telling, undoing
from holdgate.approvals.rules import access, turn_queries
from holdgate.approvals.rules.tally import standings_of
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import ApprovalPace, Decision
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import AppError
from holdgate.core.principal import Principal
from holdgate.tasks import service as tasks
from holdgate.tasks.states import TaskVerb
from tests.factories.approvals import ANN, BOB, BOSS, CID, DAN, OWNER, Asked, make_group, principal, put_question
from tests.factories.mails import accept_all

PEOPLE = (ANN, BOB, CID)
PERSON = st.sampled_from((*PEOPLE, DAN))
GROUPS = {"security": (ANN, BOB, OWNER), "finance": (BOB, CID), "leads": (CID, DAN, OWNER)}
PLACE = st.integers(0, 50)
ASK = st.tuples(
    st.just("ask"),
    st.one_of(
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        st.sampled_from(({"security": 1}, {"security": 1, "finance": 1}, {"finance": 2})),
    ),
    st.integers(1, 30),  # minutes
    st.booleans(),  # all of them must approve
    st.booleans(),  # it goes on with the leads
)
MOVE = st.one_of(
    ASK,
    st.tuples(st.just("decide"), PLACE, PERSON, st.sampled_from(("approve", "approve", "reject", "change"))),
    st.tuples(st.just("undo"), PLACE, PERSON),
    st.tuples(st.just("forward"), PLACE, PERSON, st.sampled_from((*PEOPLE, DAN, OWNER))),
    st.tuples(st.just("cancel"), PLACE),
    st.tuples(st.just("wait"), st.integers(1, 20)),
    st.tuples(st.just("sweep")),
)
WRONG = {
    "a pace is exceeded": """
        SELECT person, count(*) FROM approval_recipients WHERE turn = 'open' GROUP BY person HAVING count(*) > :pace
        """,
    # Also of those that ended a moment ago.
    "a clock runs, or has ended, of what nobody was shown": """
        SELECT a.title FROM approvals a
        WHERE (a.state = 'expired' OR a.expires_at IS NOT NULL) AND NOT EXISTS (
          SELECT FROM approval_recipients r
          WHERE r.approval_id = a.id AND (r.state IN ('sent', 'shown') OR r.forwarded_from IS NOT NULL))
        """,
    "a person is asked twice": """
        SELECT approval_id, person FROM approval_recipients GROUP BY approval_id, person HAVING count(*) > 1
        """,
    "whoever started it stands for a group, for somebody away, or was added": f"""
        SELECT id FROM approval_recipients
        WHERE person = '{OWNER}' AND (groups <> '{{}}' OR substitute_for IS NOT NULL OR escalated)
        """,
    "somebody has voted who was not asked": """
        SELECT v.person FROM approval_votes v WHERE NOT EXISTS (
          SELECT FROM approval_recipients r WHERE r.approval_id = v.approval_id AND r.person = v.person)
        """,
    "it was rejected by nobody": """
        SELECT a.id FROM approvals a WHERE a.state = 'rejected' AND NOT EXISTS (
          SELECT FROM approval_votes v WHERE v.approval_id = a.id AND v.verb = 'reject')
        """,
}
# Room that nobody has although somebody waits.
_IDLE = text(
    """
    SELECT person FROM approval_recipients
    GROUP BY person
    HAVING count(*) FILTER (WHERE turn = 'waiting') > 0 AND count(*) FILTER (WHERE turn = 'open') < :pace
    """
)


class Office:
    """People with a pace, and all that they are asked."""

    def __init__(self, database: Database, config: Settings, pace: int, boss: Principal) -> None:
        self.database, self.config, self.boss = database, config, boss
        self.pace = ApprovalPace(pace, 1)
        self.now, self.asked = datetime.now(UTC), list[Asked]()

    async def move(self, move: Any) -> None:
        verb, *rest = move
        if verb in ("ask", "wait", "sweep"):
            await getattr(self, verb)(*rest)
        elif self.asked:
            one = self.asked[rest[0] % len(self.asked)]
            with suppress(AppError):  # over, or not theirs
                await getattr(self, verb)(one, *rest[1:])

    async def ask(self, people: Any, minutes: int, everybody: bool, escalates: bool) -> None:
        try:
            one = await put_question(
                self.database,
                self.config,
                recipients=() if isinstance(people, dict) else tuple(people),
                needed=people if isinstance(people, dict) else len(people) if everybody else 1,
                escalates_to="leads" if escalates else None,
                take_back=timedelta(minutes=15),
                deliver=False,
                ttl=timedelta(minutes=minutes),
                name=str(len(self.asked)),
                pace=self.pace,
                priority=900,
            )
        except QuestionImpossible:  # who is left of a group is away, say
            return
        self.asked.append(one)

    async def decide(self, one: Asked, email: str, how: str) -> None:
        by = await principal(self.database, email)
        async with self.database.write(by.actor) as session:
            approval = await session.get_one(Approval, one.approval_id)
            verb = ApprovalVerb.REJECT if how == "reject" else ApprovalVerb.APPROVE
            form = {"wish": f"as {email} likes it"} if how == "change" else None
            decision = Decision(version=approval.version, verb=verb, form=form, reason="no")
            await deciding.decide_signed_in(session, by, one.approval_id, decision, source="", now=self.now)

    async def undo(self, one: Asked, email: str) -> None:
        by = await principal(self.database, email)
        async with self.database.write(by.actor) as session:
            await undoing.take_back_signed_in(session, by, one.approval_id, now=self.now)

    async def forward(self, one: Asked, email: str, to: str) -> None:
        by = await principal(self.database, email)
        async with self.database.write(by.actor) as session:
            approval, sender = await access.asked_signed_in(session, by, one.approval_id)
            more = {"signup": "open", "pace": self.pace, "now": self.now}
            await delegating.forward(session, approval, sender, to=to, note="", **more)  # type: ignore[arg-type]

    async def cancel(self, one: Asked) -> None:
        async with self.database.write(self.boss.actor) as session:
            await tasks.act(session, self.boss, one.task_id, TaskVerb.CANCEL)

    async def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    async def sweep(self) -> None:
        async with self.database.write("system") as session:
            await expiring.expire_due(session, pace=self.pace, now=self.now)
            await reminding.remind_due(session, now=self.now)
            await turn_queries.give_due(session)
            await telling.tell_due(session, few=1, now=self.now + timedelta(seconds=3))
        await accept_all(self.database, self.config)

    async def check(self) -> None:
        async with self.database.read() as session:
            for what, query in WRONG.items():
                values = {"pace": self.pace.at_once} if ":pace" in query else {}
                assert (await session.execute(text(query), values)).all() == [], what
            pending = (await session.execute(select(Approval).where(Approval.state == "pending"))).scalars().all()
            standings = await standings_of(session, pending)
        assert all(one.lacking for one in standings.values()), "enough have approved, and it is open"


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    pace=st.integers(1, 3),
    away=st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from((*PEOPLE, DAN, OWNER)), max_size=2),
    moves=st.lists(MOVE, min_size=10, max_size=30),
)
@pytest.mark.slow
async def test_nobody_exceeds_their_pace_and_nothing_ends_before_it_was_seen(
    database: Database, settings: Settings, pace: int, away: dict[str, str], moves: list[Any]
) -> None:
    async with database.write("system") as session:
        for table in ("tasks", "approval_digests", "groups", "absences", "approval_turns"):
            await session.execute(text(f"DELETE FROM {table}"))
    office = Office(database, settings, pace, await principal(database, BOSS, admin=True))
    for name, members in GROUPS.items():
        await make_group(database, name, *members)
    for email, substitute in away.items():
        person = await principal(database, email)
        if email != substitute:
            async with database.write("system") as session:
                begin = (await session.execute(select(func.now()))).scalar_one()
                await absences.add_absence(session, person.id, begin, begin + timedelta(days=9), substitute)
    for move in moves:
        await office.move(move)
        await office.check()
    async with database.write("system") as session:
        await turn_queries.give_due(session)
        assert (await session.execute(_IDLE, {"pace": pace})).all() == []
