"""New tasks by program: one, many at once, or as a stream of lines."""

from hashlib import sha256
from typing import Annotated

from holdgate.api.bodies import content_type, decode, read_json, read_lines
from holdgate.api.endpoints import JSON, NDJSON
from holdgate.api.idempotency import MutationReply
from holdgate.api.router import PATH
from holdgate.api.routes import post
from holdgate.api.signatures import BodyReader
from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks import creating
from holdgate.tasks.schemas import MOST, NEW_TASK, Bulk, Created, CreatedTasks, NewTask, wanted
from holdgate.tasks.service import NAMED
from holdgate.web.http.request import WebRequest

TAG = "Tasks"


@post("/tasks", scope=Scope.TASKS_WRITE, tag=TAG, summary="Make a task", problems=(404, 409), example=NEW_TASK)
async def create_task(session: WriteSession, by: Principal, task: NewTask) -> MutationReply[Created]:
    """201 when it was made; 200 when this Idempotency-Key had made it before."""
    made = await creating.submit(session, by, wanted(task))
    url = f"{PATH}/tasks/{made}"
    return MutationReply(Created(made, url), 201, url)


async def _read_tasks(request: WebRequest, _: None) -> tuple[list[NewTask], bytes | None]:
    if content_type(request, JSON, NDJSON) == JSON:
        return (await read_json(request, Bulk)).tasks, None
    return await _read_lines(request)


async def _read_lines(request: WebRequest) -> tuple[list[NewTask], bytes]:
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
        raise Invalid("Some lines are invalid. No tasks were created.", problems)
    if not tasks:
        raise Invalid("There is no line with a task.", {"tasks": "Send at least one."})
    return tasks, hashed.digest()


@post(
    "/tasks/bulk",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Make many tasks",
    problems=(404, 409),
    bodies={JSON: Bulk, NDJSON: str},
    example={"tasks": [NEW_TASK]},
)
async def create_tasks(
    session: WriteSession, by: Principal, tasks: Annotated[list[NewTask], BodyReader(_read_tasks)]
) -> MutationReply[CreatedTasks]:
    """Up to 10,000, all of them or none; a refusal says of the first 100 what is wrong. As `application/x-ndjson` each
    line is a task, read as it arrives."""
    return MutationReply(CreatedTasks(await creating.submit_many(session, by, [wanted(task) for task in tasks])))


handlers = [create_task, create_tasks]
