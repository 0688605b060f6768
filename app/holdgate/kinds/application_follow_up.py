"""The kind `application.follow_up`: on the day that was chosen, ask the applicant what came of an application.

follow-up: they answer → record
"""

from uuid import UUID

import msgspec

from holdgate.applications import reminders
from holdgate.applications.reminders import Reminder
from holdgate.approvals.forms import FormField
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import PermanentError
from holdgate.tasks.kinds import kind

NOTHING_YET = "Nothing yet: leave it as it is"


class FollowUpApplication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    application_id: UUID


class FollowedUp(msgspec.Struct, frozen=True):
    """How the application stands now."""

    status: str


@kind("application.follow_up")
async def follow_up_application(ctx: Context, payload: FollowUpApplication) -> FollowedUp:
    """Remind a person of an application, and record what they say came of it."""
    found = await ctx.step("look", _look, ctx, payload.application_id)
    if found is None:
        raise PermanentError("No such application, or it belongs to somebody else.")
    if found.over:
        return FollowedUp(found.status)
    answer = await ctx.ask(
        "follow-up",
        title=f"What came of your application for {found.title} at {found.company}?",
        show={name: text for name, text in found.shown.items() if text},
        fields=[
            FormField("status", "How it stands", "select", True, (NOTHING_YET, *reminders.CHOICES)),
            FormField("notes", "Add to the notes", "textarea"),
        ],
    )
    status = reminders.CHOICES.get(answer.form["status"])
    notes = str(answer.form.get("notes") or "")
    # Whose it is holds again: the payload may have been edited since the first look.
    record = reminders.record_answer
    return FollowedUp(await ctx.transact("record", record, payload.application_id, ctx.owner_id, status, notes))


async def _look(ctx: Context, application_id: UUID) -> Reminder | None:
    async with ctx.database.read() as session:
        return await reminders.reminder_of(session, application_id, ctx.owner_id, ctx.settings.base_url)
