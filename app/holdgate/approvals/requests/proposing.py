"""One of several who decide changes the form: from then on all are asked about it as they left it."""

from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from holdgate.approvals import forms, values
from holdgate.approvals.models import Approval
from holdgate.approvals.rules import events, proposal_queries
from holdgate.approvals.rules.shown import plain
from holdgate.approvals.rules.tally import Standing
from holdgate.approvals.values import EarlierForm
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid

MOST = 10  # changes of one request: people are not to be asked for ever


def as_proposed(approval: Approval) -> dict[str, Any]:
    """The answer of whoever leaves the form as it is shown. Raises Invalid: it is not complete."""
    fields = values.fields_of(approval)
    return forms.read(fields, {field.name: field.value for field in fields})


async def propose(
    session: WriteSession,
    approval: Approval,
    standing: Standing,
    answer: dict[str, Any],
    *,
    by: str,
    now: datetime | None,
) -> bool:
    """Make the form of a request, which is locked, what `by` answers. False: it is that, or one person decides alone.

    Who had approved it as it was is asked again, and told so once; who had rejected it has.

    Raises:
        Invalid: it was changed too often; or of those whose approvals would end not enough are left to approve again.
    """
    if approval.needed == 1:
        return False
    shown = as_proposed(approval)
    fields = values.fields_of(approval)
    changed = [field for field in fields if answer[field.name] != shown[field.name]]
    if not changed:
        return False
    earlier = values.earlier_forms(approval)
    if len(earlier) >= MOST:
        raise Invalid(f"The form has already been changed {MOST} times. Approve it as it is, or reject it.")
    if msgspec.structs.replace(standing, votes=standing.rejected).out_of_reach:
        raise Invalid("Too few people are left who could approve this change. Approve it as it is, or reject it.")
    replaced = {field.name: field.value for field in changed}
    earlier.append(EarlierForm(version=approval.version, values=replaced, changed_by=by))
    new = {name: plain(answer[name]) for name in replaced}
    fields = tuple(msgspec.structs.replace(field, value=new.get(field.name, field.value)) for field in fields)
    version = sha256(values.as_shown(approval, fields)).hexdigest()
    form = {"fields": msgspec.to_builtins(fields), "earlier": msgspec.to_builtins(earlier)}
    await proposal_queries.change_form(session, approval, form, version)
    again = await proposal_queries.withdraw_approvals(session, approval.id)
    await proposal_queries.tell_again(session, approval.id, [one.person for one in again], now=now)
    told = {"fields": [field.label for field in changed], "again": [one.email for one in again]}
    await events.record(session, approval.id, "propose", by, data=told, now=now)
    return True
