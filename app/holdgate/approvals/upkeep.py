"""What approval requests need from time to time: turns, emails, reminders, an end when time is over, and counting."""

from sqlalchemy import text

from holdgate.approvals.figures import queries as figures
from holdgate.approvals.programs import callbacks
from holdgate.approvals.requests import expiring, reminding, telling
from holdgate.approvals.rules import digest_queries, turn_queries
from holdgate.approvals.values import pace_of
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep

_EXPIRED = text("EXISTS (SELECT FROM approvals WHERE state = 'pending' AND expires_at <= now())")
_TO_REMIND = text("EXISTS (SELECT FROM approvals WHERE state = 'pending' AND remind_at <= now())")
_TURNS = text("EXISTS (SELECT FROM approval_turns)")
_TO_TELL = text("EXISTS (SELECT FROM approval_recipients WHERE tell_at <= now())")
_TO_FOLD = text("EXISTS (SELECT FROM answer_notes)")


async def _expire(session: WriteSession, round: Round) -> bool:
    return await expiring.expire_due(session, signup=round.settings.signup, pace=pace_of(round.settings)) > 0


async def _remind(session: WriteSession, _: Round) -> bool:
    return await reminding.remind_due(session) == reminding.CHUNK


async def _give_turns(session: WriteSession, _: Round) -> bool:
    return await turn_queries.give_due(session) == turn_queries.CHUNK


async def _look_again(session: WriteSession, round: Round) -> bool:
    await turn_queries.look_again(session, at_once=round.settings.approvals_at_once)
    await digest_queries.prune(session)
    return False


async def _tell(session: WriteSession, round: Round) -> bool:
    return await telling.tell_due(session, few=round.settings.digest_after) == turn_queries.CHUNK


async def _fold_answers(session: WriteSession, round: Round) -> bool:
    return await figures.fold(session, people=round.settings.people_figures)


async def _forget_answers(session: WriteSession, round: Round) -> bool:
    await figures.forget(session, people=round.settings.people_figures)
    return False


async def _call_back(session: WriteSession, round: Round) -> bool:
    return await callbacks.call_back(session, round.settings)


UPKEEP = (
    Upkeep("expire_approvals", SAFETY, _expire, _EXPIRED),
    Upkeep("remind", SAFETY, _remind, _TO_REMIND),
    Upkeep("look_at_turns", SAFETY, _look_again),
    Upkeep("give_turns", SAFETY, _give_turns, _TURNS),
    Upkeep("tell_people", SAFETY, _tell, _TO_TELL),
    Upkeep("fold_answers", SAFETY, _fold_answers, _TO_FOLD),
    Upkeep("forget_answers", SAFETY, _forget_answers),
    Upkeep("call_back", SAFETY, _call_back, callbacks.DUE),
)
