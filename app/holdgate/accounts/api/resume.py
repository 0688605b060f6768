"""The résumé of one's profile for programs: putting one there, fetching it, removing it."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response

from holdgate.accounts.profile import profiles, resumes
from holdgate.accounts.profile.resume_files import Document, document
from holdgate.accounts.profile.resumes import KeptResume
from holdgate.api.bodies import content_type
from holdgate.api.routes import get, post
from holdgate.api.signatures import BodyReader, Query
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.errors import NotFound
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks.schemas import Moment
from holdgate.web.downloads import attachment
from holdgate.web.http.request import WebRequest

TAG = "Account"
FILE = "application/octet-stream"


class ResumeQuery(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=200, description="The file's name, as those who get it see it.")] = ""


class ResumeKept(msgspec.Struct, frozen=True):
    """How the file is kept: its type is read off its content, and the name ends accordingly.

    `warning` says what may keep employers from reading it, or is empty.
    """

    name: str
    type: str
    bytes: int
    warning: str = ""


class ResumeItem(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    type: str
    bytes: int
    usual: bool
    created_at: Moment


class ResumeList(msgspec.Struct, frozen=True):
    items: list[ResumeItem]


def resume_item(kept: KeptResume) -> ResumeItem:
    return ResumeItem(kept.id, kept.name, kept.media_type, kept.bytes, kept.usual, kept.created_at)


@get("/account/resume", scope=Scope.TASKS_READ, tag=TAG, summary="Download your résumé", problems=(404,), media=FILE)
async def get_resume(user: Principal, read: ReadSession) -> Response[bytes]:
    """The file as it was sent."""
    found = await resumes.load_resume(read, user.id)
    if found is None:
        raise NotFound("You have not uploaded a résumé.")
    return attachment(found.content, found.name, FILE)


async def _read_file(request: WebRequest, wanted: ResumeQuery) -> tuple[Document, None]:
    content_type(request, FILE)
    return document(wanted.name, await request.body()), None


@post("/account/resume", scope=Scope.TASKS_WRITE, tag=TAG, summary="Upload a résumé", bodies={FILE: str})
async def put_resume(
    session: WriteSession,
    by: Principal,
    wanted: Query[ResumeQuery],
    file: Annotated[Document, BodyReader(_read_file)],
) -> ResumeKept:
    """A PDF, Word, OpenDocument or plain text file of at most 5 MB, in place of the one before."""
    await resumes.save_resume(session, by.id, file)
    await profiles.settle_profile(session, by)
    return ResumeKept(file.name, file.media_type, len(file.content), file.warning)


@post("/account/resume/remove", scope=Scope.TASKS_WRITE, tag=TAG, summary="Remove your résumé", problems=(404,))
async def remove_resume(session: WriteSession, by: Principal) -> ResumeKept:
    """Answers which one it was."""
    found = await resumes.load_resume(session, by.id)
    if found is None:
        raise NotFound("There is no résumé in your profile.")
    await resumes.save_resume(session, by.id, None)
    return ResumeKept(found.name, found.media_type, len(found.content))


@get("/account/resumes", scope=Scope.TASKS_READ, tag=TAG, summary="List your résumés")
async def list_resumes(user: Principal, read: ReadSession) -> ResumeList:
    """The usual one first. Others are chosen for a run or a posting."""
    return ResumeList([resume_item(each) for each in await resumes.list_resumes(read, user.id)])


@post("/account/resumes", scope=Scope.TASKS_WRITE, tag=TAG, summary="Add a résumé", bodies={FILE: str})
async def add_resume(
    session: WriteSession,
    by: Principal,
    wanted: Query[ResumeQuery],
    file: Annotated[Document, BodyReader(_read_file)],
) -> ResumeItem:
    """One more; the first is the usual one."""
    made = await resumes.add_resume(session, by.id, file)
    await profiles.settle_profile(session, by)
    return next(resume_item(each) for each in await resumes.list_resumes(session, by.id) if each.id == made)


@get(
    "/account/resumes/{resume_id:uuid}",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Download one of your résumés",
    problems=(404,),
    media=FILE,
)
async def get_one_resume(user: Principal, read: ReadSession, resume_id: UUID) -> Response[bytes]:
    """The file as it was sent."""
    found = await resumes.find_resume(read, user.id, resume_id)
    return attachment(found.content, found.name, FILE)


@post(
    "/account/resumes/{resume_id:uuid}/use",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Make a résumé the usual one",
)
async def use_resume(session: WriteSession, by: Principal, resume_id: UUID) -> ResumeList:
    await resumes.use_resume(session, by.id, resume_id)
    return ResumeList([resume_item(each) for each in await resumes.list_resumes(session, by.id)])


@post(
    "/account/resumes/{resume_id:uuid}/remove",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Remove one of your résumés",
)
async def remove_one_resume(session: WriteSession, by: Principal, resume_id: UUID) -> ResumeList:
    """What was approved with it is sent with it all the same."""
    await resumes.remove_resume(session, by.id, resume_id)
    return ResumeList([resume_item(each) for each in await resumes.list_resumes(session, by.id)])


handlers = [
    get_resume,
    put_resume,
    remove_resume,
    list_resumes,
    add_resume,
    get_one_resume,
    use_resume,
    remove_one_resume,
]
