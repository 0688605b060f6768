"""Programs that ask people, and the people who answer by their links."""

from typing import Any
from uuid import UUID

import httpx

from holdgate.approvals.models import Approval
from holdgate.approvals.requests import deciding
from holdgate.approvals.rules import recipient_queries
from holdgate.approvals.states import ApprovalVerb
from holdgate.approvals.values import Decision
from holdgate.core.scopes import Scope
from holdgate.core.tokens import digest
from tests.factories.approvals import delivered
from tests.factories.programs import OWNER, V1, Api

ASKS = (Scope.APPROVALS_CREATE,)
APPROVALS = f"{V1}/approvals"
REQUEST: dict[str, Any] = {"title": "Deploy 4.2", "show": {"Version": "4.2", "Changes": "Prices with tax"}}


async def asking_program(api: Api, email: str = OWNER) -> httpx.AsyncClient:
    return await api.program(email, ASKS)


async def ask(program: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """What the program is answered."""
    answer = await program.post(APPROVALS, json={**REQUEST, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def link_of(api: Api, approval_id: str, person: int = 0) -> str:
    """The token of the link of one of those asked (by their addresses), once its mail is delivered."""
    async with api.database.read() as session:
        people = await recipient_queries.recipients_of(session, [UUID(approval_id)])
    return await delivered(api.database, api.settings, people[person].id)


async def answer_by_link(
    api: Api, approval_id: str, verb: ApprovalVerb | None = ApprovalVerb.APPROVE, *, person: int = 0, **decision: Any
) -> Approval:
    """One of those asked decides by the link in their mail."""
    link = await link_of(api, approval_id, person)
    async with api.database.write("recipient:x") as session:
        approval = await session.get_one(Approval, UUID(approval_id))
        decided = Decision(version=approval.version, verb=verb, **decision)
        return await deciding.decide_by_link(session, digest(link), decided, source="192.0.2.1")
