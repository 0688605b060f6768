"""Applications that are there without a task that made them."""

from uuid import UUID

from holdgate.applications import queries, recording
from holdgate.applications.copies import ApplicationCopy, CopyReply
from holdgate.applications.queries import ApplicationSearch
from holdgate.applications.recording import AppliedFor
from holdgate.applications.states import ApplicationChannel
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.postings import service as postings

COPY = ApplicationCopy(
    apply_url="https://harrow.example/jobs/7/apply",
    name="Ada Lovelace",
    email="ada@example.org",
    cover_letter="Dear Harrow team,\n\nI want to be your Typesetter.\n\nAda Lovelace",
    replies=[CopyReply("Are you allowed to work in the EU?", "yes")],
    resume_name="cv.pdf",
    resume_type="application/pdf",
    resume_bytes=7,
    resume_sha256="0" * 64,
)


async def put_applications(session: WriteSession, by: Principal, task_id: UUID, posting_id: UUID) -> dict[str, str]:
    """`application`: of the posting, made elsewhere; `prepared`: one that a task has prepared."""
    await postings.mark_applied_elsewhere(session, by, [posting_id])
    [elsewhere] = await queries.list_applications(session, by.id, ApplicationSearch(), 2)
    target = AppliedFor(
        posting_id=posting_id, title="Typesetter", company="Harrow", location="Leeds", url="https://harrow.example/7"
    )
    await recording.prepare(session, task_id, by.id, target, ApplicationChannel.BY_HAND, COPY, b"A file.")
    prepared = await recording.application_id(session, task_id)
    return {"application": str(elsewhere.id), "prepared": str(prepared)}
