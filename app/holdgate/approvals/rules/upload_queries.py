"""Statements about files that people upload into the form of a request."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.forms import NO_FILES
from holdgate.approvals.models import Approval
from holdgate.approvals.rules.models import Upload
from holdgate.approvals.values import fields_of
from holdgate.core.db import WriteSession
from holdgate.core.text.addresses import canonical_address
from holdgate.tasks import artifacts
from holdgate.tasks.payloads.artifact import StoredArtifact


async def insert_upload(
    session: WriteSession, artifact_id: UUID, *, approval_id: UUID, person: str, field: str
) -> None:
    values = {"artifact_id": artifact_id, "approval_id": approval_id, "person": person, "field": field}
    await session.execute(insert(Upload).values(values))


async def count_uploads(session: AsyncSession, approval_id: UUID) -> int:
    query = select(func.count()).select_from(Upload).where(Upload.approval_id == approval_id)
    return (await session.execute(query)).scalar_one()


async def uploads_of(session: AsyncSession, approval: Approval, email: str) -> Mapping[tuple[str, str], StoredArtifact]:
    """(field, id) → what this person has uploaded there, oldest first."""
    if all(field.type != "file" for field in fields_of(approval)):
        return NO_FILES
    query = (
        select(Upload.artifact_id, Upload.field)
        .where(Upload.approval_id == approval.id, Upload.person == canonical_address(email))
        .order_by(Upload.created_at, Upload.artifact_id)
    )
    fields: dict[UUID, str] = {id: field for id, field in await session.execute(query)}
    files = {file.id: file for file in await artifacts.files_of(session, fields)}
    return {(field, str(id)): files[id] for id, field in fields.items() if id in files}
