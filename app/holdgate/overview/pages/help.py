"""/help: what the words of the pages mean; and a run to try them out with."""

from typing import Any

from litestar import Response, get, post

from holdgate.runs import service as runs
from holdgate.tasks.service import TaskRequest
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write
from holdgate.web.render import render, see_other

SAMPLE = "Sample run"
# What pages mark with a question mark, in one sentence each.
TERMS = {
    "kind": ("Kind", "A sort of task: its name, the code that runs it, and what its payload must look like."),
    "hold": ("Hold", "A task on hold waits for a person. It takes up no worker, and resumes where it stopped."),
    "redrive": (
        "Redrive",
        "Retries failed tasks in growing batches, one first, and stops if the same error occurs again.",
    ),
    "dead-letter": ("Dead letter", "A task that failed permanently: nothing retries it until a person does."),
    "run": ("Run", "Tasks that were started together, under one name."),
    "queue": ("Queue", "Where tasks wait for a worker. It can be paused."),
    "attempt": ("Attempt", "One execution of a task. Failed attempts are retried until the maximum is reached."),
    "approval": ("Approval request", "What a task asks people before it continues, with exactly what will be done."),
}


@post("/overview/sample")
async def try_sample(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    """A run of one task that asks whoever started it: from a request to a decision, with nothing at stake."""
    task = TaskRequest(kind="sample.task", payload={"hold": "approval"}, title="Sample task that asks you")
    await runs.start_run(write, user, SAMPLE, [task])
    return see_other(request, "/approvals?show=mine", "Sample run started. Its request appears here within seconds.")


@get("/help")
async def show_help(request: WebRequest, user: SignedIn) -> Response[str]:
    return await render(request, "help.html", TERMS, nav="help")


handlers = [try_sample, show_help]
