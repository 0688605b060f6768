"""Files that people put into a form: checked, and kept with the task, before the decision that names them.

So a transaction waits for no store of files, and whoever is refused a decision need not choose the file again.
"""

from typing import NamedTuple

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import QuestionExpired
from holdgate.approvals.forms import FormField
from holdgate.approvals.models import Approval
from holdgate.approvals.requests.deciding import check_may_vote, refuse
from holdgate.approvals.rules import events, policy_queries, upload_queries
from holdgate.approvals.rules.tally import standing_of
from holdgate.approvals.values import fields_of
from holdgate.core import file_types
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.text.addresses import canonical_address
from holdgate.tasks import artifacts
from holdgate.tasks.payloads.artifact import StoredArtifact

MOST = 30  # files of one request: people change their minds, but not for ever


class SentFile(NamedTuple):
    name: str
    content: bytes


async def upload(
    database: Database, settings: Settings, approval: Approval, field: str, file: SentFile, *, by: str, actor: str
) -> StoredArtifact:
    """Args:
        by: the address of who decides, and may.

    Raises:
        Invalid: by field: of another type, too large, too many.
        AlreadyDecided, QuestionExpired, AlreadyVoted, PassedOn, SelfApproval, AccessEnded; FilesAway
    """
    name, content_type = _checked(_field(approval, field), file)
    key = await artifacts.put_file(settings, approval.task_id, file.content)
    try:
        async with database.write(actor) as session:
            current = await policy_queries.open_approval(session, approval.id)
            await accounts.check_access(session, by)
            if current is None:
                await refuse(session, approval.id, approval.version)
                raise QuestionExpired
            check_may_vote(await standing_of(session, current), by)
            if await upload_queries.count_uploads(session, approval.id) >= MOST:
                _refuse(field, f"{MOST} files have been uploaded here, which is the most.")
            kept = await artifacts.insert_file(session, approval.task_id, name, content_type, file.content, key)
            person = canonical_address(by)
            await upload_queries.insert_upload(session, kept.id, approval_id=approval.id, person=person, field=field)
            told = {"text": f"{kept.name}, SHA-256 {kept.sha256}"}
            await events.record(session, approval.id, "upload", by, data=told)
    except BaseException:
        await artifacts.forget_files(settings, [key])
        raise
    return kept


def _field(approval: Approval, name: str) -> FormField:
    field = next((each for each in fields_of(approval) if each.name == name and each.type == "file"), None)
    if field is None:
        raise Invalid("The form has no such field for a file.", {"field": "Name a field of the type file."})
    return field


def _checked(field: FormField, file: SentFile) -> tuple[str, str]:
    """The name by which it is kept, and its type, which the content decides."""
    if not file.content:
        _refuse(field.name, "Choose a file that is not empty.")
    if len(file.content) > field.most_bytes:
        _refuse(field.name, f"The file is too large: at most {field.most_bytes:,} bytes.")
    found = file_types.media_type(file.content)
    if found == file_types.TEXT and file.name.lower().endswith(file_types.SUFFIXES[file_types.CSV]):
        found = file_types.CSV
    if found == file_types.TEXT and found not in field.accept and file_types.CSV in field.accept:
        found = file_types.CSV
    if found is None or found not in field.accept:
        known = ", ".join(file_types.SUFFIXES[each] for each in field.accept)
        _refuse(field.name, f"By its content this is none of {known}. Choose another file.")
    assert found is not None
    return file_types.harmless_name(file.name, file_types.SUFFIXES[found], unnamed="file"), found


def _refuse(field: str, sentence: str) -> None:
    raise Invalid(sentence, {field: sentence})
