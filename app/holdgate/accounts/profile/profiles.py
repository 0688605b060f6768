"""What a person's applications are made from: profile, résumé, cover letter template, standing answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert

from holdgate.accounts import queries
from holdgate.accounts.models import Profile, ResumeFile, User
from holdgate.accounts.profile import cover_letter
from holdgate.accounts.profile.questions import normalised
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.network.outgoing import RefusedRequest, checked_url
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import checked_address
from holdgate.feature import parts

MOST_ANSWERS = 200
LONGEST_QUESTION, LONGEST_ANSWER, LONGEST_LINK = 200, 5_000, 500  # characters
MOST_LETTERS = 20
MOST_LINKS = 10


class ProfileView(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as others read it; `name` and `email` are the account's while nobody has entered others.

    `answers` maps a question's label to the standing answer, `letters` the name of another letter template to it. The
    résumé is the usual one; its bytes are loaded on demand (resumes.py).
    """

    user_id: UUID
    name: str
    first_name: str = ""
    last_name: str = ""
    email: str
    phone: str = ""
    links: list[str] = []
    cover_letter: str = ""
    letters: dict[str, str] = {}
    answers: dict[str, str] = {}
    resume_name: str = ""
    resume_type: str = ""
    resume_bytes: int = 0
    updated_at: datetime | None = None


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    email: str
    phone: str
    cover_letter: str
    answers: dict[str, str]
    first_name: str = ""
    last_name: str = ""
    links: list[str] = []
    letters: dict[str, str] = {}


async def load_profile(session: Session, user_id: UUID) -> ProfileView | None:
    """None when there is no such person; one who has entered nothing yet has an empty profile."""
    told = ("first_name", "last_name", "phone", "links", "cover_letter", "letters", "answers", "updated_at")
    size = func.coalesce(func.length(ResumeFile.content), 0)
    statement = (
        select(
            func.coalesce(func.nullif(Profile.name, ""), User.name),
            func.coalesce(func.nullif(Profile.email, ""), User.email),
            ResumeFile.name,
            ResumeFile.media_type,
            size,
            Profile.user_id,
            *(getattr(Profile, name) for name in told),
        )
        .outerjoin(Profile, Profile.user_id == User.id)
        .outerjoin(ResumeFile, (ResumeFile.user_id == User.id) & ResumeFile.usual)
        .where(User.id == user_id)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    name, email, resume_name, resume_type, resume_bytes, entered, *values = row
    return ProfileView(
        user_id=user_id,
        name=name,
        email=email,
        resume_name=resume_name or "",
        resume_type=resume_type or "",
        resume_bytes=resume_bytes,
        **(dict(zip(told, values, strict=True)) if entered else {}),
    )


async def save_profile(session: WriteSession, user_id: UUID, change: ProfileChange) -> None:
    """Raises:
    Invalid: a placeholder nobody knows, an impossible address, too many answers.
    """
    for template in (change.cover_letter, *change.letters.values()):
        cover_letter.check(template)
    if len(change.letters) > MOST_LETTERS or len(change.links) > MOST_LINKS:
        raise Invalid(f"At most {MOST_LETTERS} letters and {MOST_LINKS} links can be kept.")
    if len(change.answers) > MOST_ANSWERS:
        raise Invalid(f"At most {MOST_ANSWERS} standing answers can be kept.")
    links = [_link(link) for link in change.links]
    email = checked_address(change.email)
    values = msgspec.structs.asdict(change) | {"email": email, "links": links, "updated_at": func.now()}
    await session.execute(_upsert(user_id, values))
    await queries.set_name(session, user_id, change.name)


async def settle_profile(session: WriteSession, by: Principal) -> int:
    """Let go on what waited for the profile as it is saved now. How many tasks."""
    return sum([await settle(session, by) for settle in parts("profile_saved")])


async def remember_answers(session: WriteSession, user_id: UUID, learnt: Mapping[str, str]) -> None:
    """Keep answers to be used again, each in place of the one to the same question. Of more than `MOST_ANSWERS` the new
    ones are left out, and so is one that is too long for a profile, which could not be saved with it."""
    found = select(Profile.answers).where(Profile.user_id == user_id).with_for_update()
    kept: dict[str, str] = (await session.execute(found)).scalar_one_or_none() or {}
    anew = {normalised(question) for question in learnt}
    answers = {question: answer for question, answer in kept.items() if normalised(question) not in anew}
    for question, answer in learnt.items():
        if len(answers) < MOST_ANSWERS and question.strip() and 0 < len(answer.strip()) <= LONGEST_ANSWER:
            answers[question[:LONGEST_QUESTION].strip()] = answer.strip()
    await session.execute(_upsert(user_id, {"answers": answers, "updated_at": func.now()}))


def _link(given: str) -> str:
    if len(given) > LONGEST_LINK:
        raise Invalid("A link is invalid.", {"links": f"A link has at most {LONGEST_LINK} characters."})
    try:
        return str(checked_url(given if "://" in given else f"https://{given}"))
    except RefusedRequest as error:
        raise Invalid("A link is invalid.", {"links": f"“{given[:80]}” is not a web address."}) from error


def _upsert(user_id: UUID, values: dict[str, Any]) -> Insert:
    return (
        upsert(Profile)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=[Profile.user_id], set_=values)
    )
