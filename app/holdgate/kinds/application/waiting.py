"""Applications that wait for what their owner's profile has by now: a name, a résumé, answers. One save answers all."""

from collections.abc import Mapping
from uuid import UUID

from holdgate.accounts import service as accounts
from holdgate.accounts.profile.profiles import load_profile, remember_answers
from holdgate.accounts.profile.questions import legal_weight
from holdgate.approvals.answering import answer_known
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.kinds.application.compose import NAME
from holdgate.postings.service import KIND


async def learn(session: WriteSession, owner_id: UUID, answers: Mapping[str, str]) -> None:
    """Keep answers in the profile, and let go on what waits for just these: a run asks them once."""
    await remember_answers(session, owner_id, answers)
    owner = await accounts.find_user(session, owner_id)
    if owner is not None and owner.disabled_at is None:
        await resume_waiting(session, Principal(owner.id, owner.email, owner.name, "member"))


async def resume_waiting(session: WriteSession, by: Principal) -> int:
    """How many applications of this person go on by what the profile says."""
    profile = await load_profile(session, by.id)
    if profile is None or not profile.name.strip() or not profile.resume_name:
        return 0
    known = {
        " ".join(label.casefold().split()): answer
        for label, answer in profile.answers.items()
        if not legal_weight(label)  # those are for the person to answer, each time
    }
    return await answer_known(session, by, KIND, known | {NAME: profile.name}, source="their profile")
