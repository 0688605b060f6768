"""The kind that runs of applications consist of: the real one where it exists, else one that does nothing."""

from importlib import import_module
from importlib.util import find_spec
from uuid import UUID

import msgspec

from app.tasks.kinds import kind


class SubmitApplication(msgspec.Struct, forbid_unknown_fields=True):
    posting_id: UUID


if find_spec("app.kinds.application_submit"):
    import_module("app.kinds.application_submit")
else:

    @kind("application.submit")
    async def submit_application(ctx: object, payload: SubmitApplication) -> None:
        """Does nothing."""
