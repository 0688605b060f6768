"""The files that a request shows, also in its form: opened by whoever may read it, and no other file of the task.

By a personal link as well: an answer of its own origin, without cookies, whose page may do nothing.
"""

from datetime import timedelta
from uuid import UUID

from litestar import get
from litestar.params import FromPath
from litestar.response import Stream

from holdgate.approvals import blocks, values
from holdgate.approvals.models import Approval
from holdgate.approvals.pages.receipts import linked
from holdgate.approvals.requests import inbox
from holdgate.core.db import Session
from holdgate.tasks import artifacts
from holdgate.tasks.artifacts import ArtifactNotFound
from holdgate.tasks.pages.artifacts import file_of
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.headers import PRIVATE_LINK
from holdgate.web.http.limits import Limit
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

LIMIT = Limit("review-files", 600, timedelta(minutes=1))  # a page may show as many as it has blocks


async def shown_file(
    request: WebRequest, session: Session, approval: Approval, artifact_id: UUID, *, shown: bool = True
) -> Stream:
    """The very bytes that were shown. Raises ArtifactNotFound, also when the task has others under the name by now.

    Args:
        shown: by the browser, if it is a picture.
    """
    files = [*blocks.files_of(approval.shown), *(file for _, file in values.form_files(approval))]
    wanted = next((file for file in files if file.id == artifact_id), None)
    if wanted is None:
        raise ArtifactNotFound
    found = await artifacts.find_artifact(session, approval.task_id, artifact_id, None)
    if found.sha256 != wanted.sha256:
        raise ArtifactNotFound
    return await file_of(request, found, shown=shown)


@get("/approvals/{approval_id:uuid}/files/{artifact_id:uuid}")
async def open_file(
    request: WebRequest, user: SignedIn, read: Read, approval_id: FromPath[UUID], artifact_id: FromPath[UUID]
) -> Stream:
    detail = await inbox.detail(read, approval_id, user)
    return await shown_file(request, read, detail.approval, artifact_id)


@get("/review/{token:str}/files/{artifact_id:uuid}")
async def open_file_by_link(
    request: WebRequest, read: Read, token: FromPath[str], artifact_id: FromPath[UUID]
) -> Stream:
    answer = await shown_file(request, read, await linked(request, read, token, LIMIT), artifact_id)
    answer.headers |= {name: value for name, value in PRIVATE_LINK.items() if name not in answer.headers}
    return answer


handlers = [open_file, open_file_by_link]
