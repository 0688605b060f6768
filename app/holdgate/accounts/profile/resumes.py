"""A person's résumés: one is the usual, others are chosen for a run or a posting."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select, update

from holdgate.accounts.models import ResumeFile, User
from holdgate.accounts.profile.resume_files import Document
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.ids import uuid7

MOST = 20


class ResumeNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("You have no such résumé.")


class KeptResume(msgspec.Struct, frozen=True):
    """A résumé without its bytes."""

    id: UUID
    name: str
    media_type: str
    bytes: int
    usual: bool
    created_at: datetime


async def list_resumes(session: Session, user_id: UUID) -> list[KeptResume]:
    """The usual one first, then the newest."""
    size = func.length(ResumeFile.content)
    found = await session.execute(
        select(ResumeFile.id, ResumeFile.name, ResumeFile.media_type, size, ResumeFile.usual, ResumeFile.created_at)
        .where(ResumeFile.user_id == user_id)
        .order_by(ResumeFile.usual.desc(), ResumeFile.id.desc())
    )
    return [KeptResume(*row) for row in found]


async def load_resume(session: Session, user_id: UUID, resume_id: UUID | None = None) -> Document | None:
    """The one with this id, if it is there, else the usual one."""
    first = (ResumeFile.id == resume_id).desc() if resume_id else ResumeFile.usual.desc()
    statement = (
        select(ResumeFile.name, ResumeFile.media_type, ResumeFile.content)
        .where(ResumeFile.user_id == user_id, ResumeFile.usual | (ResumeFile.id == resume_id))
        .order_by(first)
        .limit(1)
    )
    row = (await session.execute(statement)).first()
    return Document(*row) if row else None


async def find_resume(session: Session, user_id: UUID, resume_id: UUID) -> Document:
    """Raises ResumeNotFound, also for somebody else's."""
    mine = (ResumeFile.id == resume_id, ResumeFile.user_id == user_id)
    row = (
        await session.execute(select(ResumeFile.name, ResumeFile.media_type, ResumeFile.content).where(*mine))
    ).first()
    if row is None:
        raise ResumeNotFound
    return Document(*row)


async def save_resume(session: WriteSession, user_id: UUID, resume: Document | None) -> None:
    """Keep `resume` in place of the usual one; None removes that, and the newest of the others is the usual one."""
    await _alone(session, user_id)
    await session.execute(delete(ResumeFile).where(ResumeFile.user_id == user_id, ResumeFile.usual))
    if resume is None:
        await _choose_usual(session, user_id)
    else:
        await _insert(session, user_id, resume, usual=True)


async def add_resume(session: WriteSession, user_id: UUID, resume: Document) -> UUID:
    """Keep one more; the first is the usual one. Raises Invalid: there are too many."""
    await _alone(session, user_id)
    there = await list_resumes(session, user_id)
    if len(there) >= MOST:
        raise Invalid(f"At most {MOST} résumés can be kept.", {"resume": "Remove one first."})
    return await _insert(session, user_id, resume, usual=not any(each.usual for each in there))


async def use_resume(session: WriteSession, user_id: UUID, resume_id: UUID) -> None:
    """From now on it is the usual one. Raises ResumeNotFound"""
    await _check(session, user_id, resume_id)
    await session.execute(update(ResumeFile).where(ResumeFile.user_id == user_id, ResumeFile.usual).values(usual=False))
    await session.execute(update(ResumeFile).where(ResumeFile.id == resume_id).values(usual=True))


async def remove_resume(session: WriteSession, user_id: UUID, resume_id: UUID) -> None:
    """If it was the usual one, the newest of the others is that. Raises ResumeNotFound"""
    await _check(session, user_id, resume_id)
    await session.execute(delete(ResumeFile).where(ResumeFile.id == resume_id))
    await _choose_usual(session, user_id)


async def _choose_usual(session: WriteSession, user_id: UUID) -> None:
    """The newest, if none is the usual one."""
    there = await list_resumes(session, user_id)
    if there and not there[0].usual:
        await session.execute(update(ResumeFile).where(ResumeFile.id == there[0].id).values(usual=True))


async def _check(session: WriteSession, user_id: UUID, resume_id: UUID) -> None:
    await _alone(session, user_id)
    mine = select(ResumeFile.id).where(ResumeFile.id == resume_id, ResumeFile.user_id == user_id)
    if (await session.execute(mine)).first() is None:
        raise ResumeNotFound


async def _alone(session: WriteSession, user_id: UUID) -> None:
    """Nobody else changes this person's résumés at the same time: of two at once both might choose a usual one."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def _insert(session: WriteSession, user_id: UUID, resume: Document, *, usual: bool) -> UUID:
    resume_id = uuid7()
    session.add(
        ResumeFile(
            id=resume_id,
            user_id=user_id,
            name=resume.name,
            media_type=resume.media_type,
            content=resume.content,
            usual=usual,
        )
    )
    await session.flush()
    return resume_id
