"""Making tasks by program: one, many at once, or as a stream of lines. Here, since a task may go into a run."""

from hashlib import sha256
from typing import Any

import msgspec
from litestar import Response

from holdgate.api.bodies import content_type, decode, read_json, read_lines
from holdgate.api.endpoints import JSON, NDJSON, endpoint
from holdgate.api.idempotency import MutationReply, once
from holdgate.api.mutations import change
from holdgate.api.router import PATH
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.runs import creating
from holdgate.runs.api.schemas import MOST, Bulk, CreatedTasks
from holdgate.tasks.schemas import Created, NewTask
from holdgate.tasks.service import NAMED, TaskRequest
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest

TAG = "Tasks"
EXAMPLE = {"kind": "sample.task", "payload": {"steps": 3}, "title": "A first task", "priority": 50}


def wish(task: NewTask) -> TaskRequest:
    return TaskRequest(**msgspec.structs.asdict(task))


@change(
    "/tasks",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Make a task",
    answers={201: Created, 200: Created},
    problems=(404, 409),
    body=NewTask,
    example=EXAMPLE,
)
async def create_task(session: WriteSession, by: Principal, task: NewTask) -> MutationReply:
    """201 when it was made; 200 when this Idempotency-Key had made it before."""
    made = await creating.submit(session, by, wish(task))
    url = f"{PATH}/tasks/{made}"
    return MutationReply(Created(made, url), 201, url)


@endpoint(
    "POST",
    "/tasks/bulk",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Make many tasks",
    answers={201: CreatedTasks, 200: CreatedTasks},
    problems=(404, 409),
    bodies={JSON: Bulk, NDJSON: str},
    example={"tasks": [EXAMPLE]},
    once=True,
)
async def create_tasks(request: WebRequest, user: SignedIn) -> Response[Any]:
    """Up to 10,000, all of them or none; a refusal says of the first 100 what is wrong. As `application/x-ndjson` each
    line is a task, read as it arrives."""
    digest = None
    if content_type(request, JSON, NDJSON) == JSON:
        tasks = (await read_json(request, Bulk)).tasks
    else:
        tasks, digest = await _lines(request)

    async def work(session: WriteSession) -> MutationReply:
        return MutationReply(
            CreatedTasks(await creating.submit_many(session, user, [wish(task) for task in tasks])), 201
        )

    return await once(request, user, work, digest)


async def _lines(request: WebRequest) -> tuple[list[NewTask], bytes]:
    """The tasks and the digest of what was sent. Raises Invalid: as for many tasks."""
    tasks: list[NewTask] = []
    problems: dict[str, str] = {}
    number, hashed = 0, sha256()
    async for line in read_lines(request):
        if number == MOST:
            raise Invalid(f"At most {MOST:,} tasks can be made at once.", {"tasks": f"At most {MOST:,}."})
        hashed.update(line + b"\n")
        try:
            tasks.append(decode(line, NewTask, within=f"tasks[{number}]"))
        except Invalid as problem:
            if len(problems) < NAMED:
                problems |= problem.fields
        number += 1
    if problems:
        raise Invalid("Some lines do not fit. No task was made.", problems)
    if not tasks:
        raise Invalid("There is no line with a task.", {"tasks": "Send at least one."})
    return tasks, hashed.digest()


handlers = [create_task, create_tasks]
