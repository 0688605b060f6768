"""Files in the form of a request, for programs: putting one there before deciding, and fetching it afterwards."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar.response import Stream

from holdgate.api.bodies import content_type
from holdgate.api.routes import get, post
from holdgate.api.signatures import BodyReader, Query
from holdgate.approvals.pages.files import shown_file
from holdgate.approvals.requests import deciding, inbox, uploading
from holdgate.approvals.requests.uploading import SentFile
from holdgate.core.db import ReadSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.payloads.artifact import StoredArtifact
from holdgate.web.http.request import WebRequest

TAG = "Approvals"
FILE = "application/octet-stream"


class UploadQuery(msgspec.Struct, frozen=True):
    field: Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="The field of the form.")]
    name: Annotated[str, msgspec.Meta(max_length=200, description="The file's name, as people see it.")] = ""


async def _read_file(request: WebRequest, wanted: UploadQuery) -> tuple[SentFile, None]:
    content_type(request, FILE)
    return SentFile(wanted.name, await request.body()), None


@post(
    "/approvals/{approval_id:uuid}/files",
    scope=Scope.APPROVALS_DECIDE,
    tag=TAG,
    summary="Upload a file for a form",
    problems=(409, 410),
    bodies={FILE: str},
)
async def upload_file(
    request: WebRequest,
    user: Principal,
    wanted: Query[UploadQuery],
    file: Annotated[SentFile, BodyReader(_read_file)],
    approval_id: UUID,
) -> StoredArtifact:
    """The file is kept with the task; its type is read off its content. A decision that has the `id` as the field's
    value puts it into the form. Yours alone until then."""
    state = request.app.state
    async with state.database.read() as read:
        approval = await deciding.decidable(read, user, approval_id)
    return await uploading.upload(
        state.database, state.settings, approval, wanted.field, file, by=user.email, actor=user.actor
    )


@get(
    "/approvals/{approval_id:uuid}/files/{file_id:uuid}",
    scope=Scope.TASKS_READ,
    instead=Scope.APPROVALS_CREATE,
    tag=TAG,
    summary="Download a file of a request",
    media=FILE,
)
async def get_file(request: WebRequest, user: Principal, read: ReadSession, approval_id: UUID, file_id: UUID) -> Stream:
    """One that the request shows, or that people have put into its form. `ETag` is its SHA-256."""
    detail = await inbox.detail(read, approval_id, user)
    return await shown_file(request, read, detail.approval, file_id, shown=False)


handlers = [upload_file, get_file]
