"""Runs of applications for programs: started from postings, and given more of them."""

from uuid import UUID

from holdgate.api.idempotency import MutationReply
from holdgate.api.router import PATH
from holdgate.api.routes import post
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.postings import queries, service
from holdgate.postings.api.schemas import ApplicationsAdded, ChosenPostings, NewApplications
from holdgate.postings.queries import open_ones
from holdgate.postings.service import MOST, Started

TAG = "Runs"
ID = "0199a8e4-0000-7000-8000-000000000007"


@post(
    "/runs/from-postings",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Start a run from postings",
    example={"name": "Monday", "matching": "gardener"},
    problems=(404, 409),
)
async def start_applications(
    session: WriteSession, by: Principal, wanted: NewApplications
) -> MutationReply[ApplicationsAdded]:
    """An application for each, made from your profile; so of your own postings only, whatever your role."""
    ids = await _chosen(session, by, wanted)
    made = await service.start_applications(
        session, by, name=wanted.name, posting_ids=ids, force=wanted.again, material=wanted.material
    )
    return _reply(made)


@post(
    "/runs/{run_id:uuid}/postings",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Add postings to a run",
    example={"postings": [ID]},
    problems=(409,),
)
async def add_applications(
    session: WriteSession, by: Principal, wanted: ChosenPostings, run_id: UUID
) -> MutationReply[ApplicationsAdded]:
    """To a run of your own that is not cancelled. What it has already is left out."""
    ids = await _chosen(session, by, wanted)
    return _reply(
        await service.add_applications(
            session, by, run_id, posting_ids=ids, force=wanted.again, material=wanted.material
        )
    )


async def _chosen(session: WriteSession, user: Principal, wanted: ChosenPostings) -> list[UUID]:
    ids = list(wanted.postings)
    if wanted.matching is not None:
        ids += await queries.ids_of(session, user.id, open_ones(wanted.matching), MOST)
    return ids


def _reply(done: Started) -> MutationReply[ApplicationsAdded]:
    url = f"{PATH}/runs/{done.run_id}"
    return MutationReply(ApplicationsAdded(done.run_id, url, done.tasks, done.skipped), 201, url)


handlers = [start_applications, add_applications]
