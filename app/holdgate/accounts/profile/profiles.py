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
from holdgate.accounts.models import Profile, User
from holdgate.accounts.profile import cover_letter
from holdgate.accounts.profile.questions import normalised
from holdgate.accounts.profile.resume_files import Document
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import checked_address
from holdgate.feature import parts

MOST_ANSWERS = 200
LONGEST_QUESTION = 200  # characters, as the form of the settings takes


class ProfileView(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as others read it; `name` and `email` are the account's while nobody has entered others.

    `answers` maps a question's label to the standing answer. The résumé's bytes are loaded on demand.
    """

    user_id: UUID
    name: str
    email: str
    phone: str = ""
    cover_letter: str = ""
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


async def load_profile(session: Session, user_id: UUID) -> ProfileView | None:
    """None when there is no such person; one who has entered nothing yet has an empty profile."""
    size = func.coalesce(func.length(Profile.resume), 0)
    statement = (
        select(
            User.name,
            User.email,
            Profile.name,
            Profile.email,
            Profile.phone,
            Profile.cover_letter,
            Profile.answers,
            Profile.resume_name,
            Profile.resume_type,
            Profile.updated_at,
            size,
        )
        .outerjoin(Profile, Profile.user_id == User.id)
        .where(User.id == user_id)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    account_name, account_email, name, email, phone, letter, answers, resume_name, resume_type, updated_at, size = row
    return ProfileView(
        user_id=user_id,
        name=name or account_name,
        email=email or account_email,
        phone=phone or "",
        cover_letter=letter or "",
        answers={str(key): str(value) for key, value in (answers or {}).items()},
        resume_name=resume_name or "",
        resume_type=resume_type or "",
        resume_bytes=size,
        updated_at=updated_at,
    )


async def load_resume(session: Session, user_id: UUID) -> Document | None:
    statement = select(Profile.resume_name, Profile.resume_type, Profile.resume).where(
        Profile.user_id == user_id, Profile.resume.is_not(None)
    )
    row = (await session.execute(statement)).one_or_none()
    return Document(row[0], row[1], row[2] or b"") if row else None


async def save_profile(session: WriteSession, user_id: UUID, change: ProfileChange) -> None:
    """Raises:
    Invalid: a placeholder nobody knows, an impossible address, too many answers.
    """
    cover_letter.check(change.cover_letter)
    if len(change.answers) > MOST_ANSWERS:
        raise Invalid(f"At most {MOST_ANSWERS} standing answers can be kept.")
    values = msgspec.structs.asdict(change) | {"email": checked_address(change.email), "updated_at": func.now()}
    await session.execute(_upsert(user_id, values))
    await queries.set_name(session, user_id, change.name)


async def save_resume(session: WriteSession, user_id: UUID, resume: Document | None) -> None:
    """Keep `resume` in place of the one before; None removes it."""
    values: dict[str, Any] = {
        "resume": resume.content if resume else None,
        "resume_name": resume.name if resume else "",
        "resume_type": resume.media_type if resume else "",
        "updated_at": func.now(),
    }
    await session.execute(_upsert(user_id, values))


async def settle_profile(session: WriteSession, by: Principal) -> int:
    """Let go on what waited for the profile as it is saved now. How many tasks."""
    return sum([await settle(session, by) for settle in parts("profile_saved")])


async def remember_answers(session: WriteSession, user_id: UUID, learnt: Mapping[str, str]) -> None:
    """Keep answers to be used again, each in place of the one to the same question. Of more than `MOST_ANSWERS` the new
    ones are left out."""
    found = select(Profile.answers).where(Profile.user_id == user_id).with_for_update()
    kept: dict[str, str] = (await session.execute(found)).scalar_one_or_none() or {}
    anew = {normalised(question) for question in learnt}
    answers = {question: answer for question, answer in kept.items() if normalised(question) not in anew}
    for question, answer in learnt.items():
        if len(answers) < MOST_ANSWERS and question.strip() and answer.strip():
            answers[question[:LONGEST_QUESTION].strip()] = answer.strip()
    await session.execute(_upsert(user_id, {"answers": answers, "updated_at": func.now()}))


def _upsert(user_id: UUID, values: dict[str, Any]) -> Insert:
    return (
        upsert(Profile)
        .values(user_id=user_id, **values)
        .on_conflict_do_update(index_elements=[Profile.user_id], set_=values)
    )
