"""Whatever is asked, decided, cancelled, told and left to time: nobody exceeds their pace, and nothing ends unseen."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from holdgate.approvals.requests import deciding, expiring, reminding, telling
from holdgate.approvals.rules import turn_queries
from holdgate.approvals.values import ApprovalPace
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import AppError
from holdgate.tasks import service as tasks
from holdgate.tasks.states import TaskVerb
from tests.factories.approvals import ANN, BOB, CID, Asked, agree, principal, put_question
from tests.factories.mails import accept_all

PEOPLE = (ANN, BOB, CID)
MOVE = st.one_of(
    st.tuples(
        st.just("ask"),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        st.integers(1, 30),
        st.booleans(),
    ),
    st.tuples(st.just("decide"), st.integers(0, 50), st.sampled_from(PEOPLE)),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("pass"), st.integers(1, 20)),
    st.tuples(st.just("sweep")),
)
_EXCEEDED = text(
    "SELECT person, count(*) FROM approval_recipients WHERE turn = 'open' GROUP BY person HAVING count(*) > :pace"
)
# Also of those that ended a moment ago.
_UNSEEN = text(
    """
    SELECT a.title FROM approvals a
    WHERE (a.state = 'expired' OR a.expires_at IS NOT NULL) AND NOT EXISTS (
      SELECT FROM approval_recipients r WHERE r.approval_id = a.id AND r.state IN ('sent', 'shown'))
    """
)
# Room that nobody has although somebody waits.
_IDLE = text(
    """
    SELECT person FROM approval_recipients
    GROUP BY person
    HAVING count(*) FILTER (WHERE turn = 'waiting') > 0 AND count(*) FILTER (WHERE turn = 'open') < :pace
    """
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(pace=st.integers(1, 3), moves=st.lists(MOVE, min_size=8, max_size=25))
async def test_nobody_exceeds_their_pace_and_nothing_ends_before_it_was_seen(
    database: Database, settings: Settings, pace: int, moves: list[Any]
) -> None:
    boss = await principal(database, "boss@example.org", admin=True)
    now, asked = datetime.now(UTC), list[Asked]()
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks"))
        await session.execute(text("DELETE FROM approval_digests"))
    for move in moves:
        match move:
            case ("ask", people, minutes, both):
                asked.append(
                    await put_question(
                        database,
                        settings,
                        recipients=tuple(people),
                        deliver=False,
                        ttl=timedelta(minutes=minutes),
                        needed=len(people) if both else 1,
                        name=str(len(asked)),
                        pace=ApprovalPace(pace, 1),
                    )
                )
            case ("decide", place, email) if asked:
                one = asked[place % len(asked)]
                try:
                    async with database.write("x") as session:
                        by = await principal(database, email)
                        await deciding.decide_signed_in(session, by, one.approval_id, agree(one), source="")
                except AppError:
                    pass  # over, or not theirs
            case ("cancel", place) if asked:
                try:
                    async with database.write(boss.actor) as session:
                        await tasks.act(session, boss, asked[place % len(asked)].task_id, TaskVerb.CANCEL)
                except AppError:
                    pass
            case ("pass", minutes):
                now += timedelta(minutes=minutes)
            case _:
                async with database.write("system") as session:
                    await expiring.expire_due(session, now=now)
                    await reminding.remind_due(session, now=now)
                    await turn_queries.give_due(session)
                    await telling.tell_due(session, few=1, now=now + timedelta(seconds=3))
                await accept_all(database, settings)
        async with database.read() as session:
            assert (await session.execute(_EXCEEDED, {"pace": pace})).all() == []
            assert (await session.execute(_UNSEEN)).all() == []
    async with database.write("system") as session:
        await turn_queries.give_due(session)
        assert (await session.execute(_IDLE, {"pace": pace})).all() == []
