"""Programs that ask people, for administrators: whose tokens they have, and which of them are trusted."""

from uuid import UUID

import msgspec

from holdgate.accounts.tokens import personal
from holdgate.api.routes import get, post
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope

TAG = "People"


class ProgramItem(msgspec.Struct, frozen=True):
    """A token that may ask people, and its person's address. `trusted_by`: the administrator because of whom links in
    what it asks can be followed; null: they are text."""

    id: UUID
    name: str
    prefix: str
    owner: str
    trusted_by: str | None


class ProgramList(msgspec.Struct, frozen=True):
    items: list[ProgramItem]


class NewTrust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`trusted`: false makes links text again."""

    trusted: bool


class ProgramTrust(msgspec.Struct, frozen=True):
    id: UUID
    trusted: bool


@get("/programs", scope=Scope.ADMIN, tag=TAG, summary="List programs that ask")
async def list_programs(user: Principal, read: ReadSession) -> ProgramList:
    """Everybody's tokens with the scope `approvals:create`, newest first."""
    return ProgramList([ProgramItem(**token._asdict()) for token in await personal.asking_tokens(read)])


@post(
    "/programs/{token_id:uuid}/trust",
    scope=Scope.ADMIN,
    tag=TAG,
    summary="Trust a program",
    example={"trusted": True},
)
async def trust_program(session: WriteSession, by: Principal, wanted: NewTrust, token_id: UUID) -> ProgramTrust:
    """Links in what it asks can be followed from then on, also in what it has asked already."""
    await personal.trust_token(session, by, token_id, trusted=wanted.trusted)
    return ProgramTrust(token_id, wanted.trusted)


handlers = [list_programs, trust_program]
