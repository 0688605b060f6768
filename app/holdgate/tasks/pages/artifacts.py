"""Downloads of the files that tasks made: handed over, never run.

Whoever can make a task can make a file of any type. So a browser saves it instead of showing it, except for pictures,
takes the type as it is told, and treats what it shows as a page without rights.
"""

from urllib.parse import quote

from litestar import get
from litestar.params import FromPath
from litestar.response import Stream

from holdgate.core.ids import UUID
from holdgate.tasks import artifacts
from holdgate.tasks.artifacts import ArtifactNotFound
from holdgate.tasks.models import Artifact
from holdgate.tasks.payloads.artifact import PICTURES
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read


@get("/tasks/{task_id:uuid}/artifacts/{artifact_id:uuid}")
async def download(
    request: WebRequest, user: SignedIn, read: Read, task_id: FromPath[UUID], artifact_id: FromPath[UUID]
) -> Stream:
    found = await artifacts.find_artifact(read, task_id, artifact_id, user.scope)
    return await file_of(request, found)


async def file_of(request: WebRequest, found: Artifact, *, shown: bool = True) -> Stream:
    """The file, in pieces. Raises ArtifactNotFound.

    Args:
        shown: by the browser, if it is a picture.
    """
    from holdgate.core.files import FileStore

    disposition = "inline" if shown and found.content_type in PICTURES else "attachment"
    pieces = await FileStore(request.app.state.settings).open(found.key)
    if pieces is None:
        raise ArtifactNotFound  # replaced in this moment, or taken out of the store by hand
    return Stream(
        pieces,
        media_type=found.content_type.partition(";")[0],  # to text the response adds the charset itself
        headers={
            "Content-Length": str(found.size),
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(found.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{found.sha256}"',
        },
    )


handlers = [download]
