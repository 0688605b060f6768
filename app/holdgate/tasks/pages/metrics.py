"""/metrics: what this web process counts, and how the queues stand, for Prometheus. As quick with any history."""

from typing import Any

from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.errors import NotFound
from holdgate.core.network.networks import is_local
from holdgate.core.postgres.outages import AWAY
from holdgate.core.telemetry import metrics
from holdgate.core.telemetry.metrics import Families, gauge
from holdgate.feature import parts
from holdgate.stats import counts as stats
from holdgate.tasks import queues
from holdgate.tasks.queue import orphans as orphan_queries
from holdgate.tasks.search import lists
from holdgate.tasks.states import STANDINGS, TaskState
from holdgate.web.http.request import WebRequest, client_address


@get("/metrics", include_in_schema=False)
async def show_metrics(request: WebRequest) -> Response[Any]:
    settings: Settings = request.app.state.settings
    if settings.metrics_token:
        if not metrics.may_read(settings.metrics_token, request.headers.get("authorization", "")):
            # Not raised: whoever asks for a page would be led to sign in.
            refusal = {"WWW-Authenticate": "Bearer"}
            return Response(
                "Send METRICS_TOKEN as a bearer token.\n", status_code=401, media_type="text/plain", headers=refusal
            )
    elif not settings.development or not is_local(client_address(request.scope)):
        raise NotFound("Metrics are closed: METRICS_TOKEN is not set.")
    body, content_type = metrics.exposition(request.headers.get("accept", ""), await _figures(request))
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


async def _figures(request: WebRequest) -> Families:
    """Without the database only that it is away; what the process counts is told all the same."""
    database: Database = request.app.state.database
    try:
        async with database.read() as session:
            found = await standing(session)
    except AWAY:
        found = []
    about = "Whether this process reaches the database."
    return [gauge("holdgate_database_up", about, (), {(): float(bool(found))}), *found]


async def standing(session: AsyncSession) -> Families:
    """How the queues stand at this moment, everybody's tasks together, and what features tell beside."""
    by_kind = await stats.counts_by_kind(session)
    by_queue: dict[str, dict[str, int]] = {}
    for (queue, _), states in by_kind.items():
        line = by_queue.setdefault(queue, {})
        for state, n in states.items():
            line[state] = line.get(state, 0) + n
    workers = await lists.list_workers(session)
    lines = await queues.standing(session, by_queue, workers)
    orphans = orphan_queries.orphans(by_kind, workers)
    swept = await lists.sweeper_age(session)
    totals = {state: sum(line.get(state, 0) for line in by_queue.values()) for state in STANDINGS}
    return [
        gauge(
            "holdgate_tasks",
            "Tasks by queue, kind and state. Emails have the kind email.send, webhooks webhook.deliver.",
            ("queue", "kind", "state"),
            {(queue, kind, state): n for (queue, kind), states in by_kind.items() for state, n in states.items()},
        ),
        gauge("holdgate_retries", "Tasks that wait for their next attempt.", (), {(): totals[TaskState.RETRYING]}),
        gauge("holdgate_dead_letters", "Failed tasks that are not resolved.", (), {(): totals[TaskState.DEAD_LETTER]}),
        gauge(
            "holdgate_queue_ready",
            "Tasks ready to be claimed.",
            ("queue",),
            {(line.name,): line.ready for line in lines},
        ),
        gauge(
            "holdgate_queue_oldest_wait_seconds",
            "How long the oldest ready task has waited; 0 without one.",
            ("queue",),
            {(line.name,): line.oldest.total_seconds() if line.oldest else 0.0 for line in lines},
        ),
        gauge(
            "holdgate_queue_paused",
            "1: people have paused it.",
            ("queue",),
            {(line.name,): float(line.paused_at is not None) for line in lines},
        ),
        gauge(
            "holdgate_queue_unserved",
            "Ready tasks for whose queue and kind no worker lives.",
            ("queue",),
            {(line.name,): sum(o.n for o in orphans if o.queue == line.name) for line in lines},
        ),
        gauge(
            "holdgate_workers",
            "Worker processes, by state; a lost one has not been heard of for 30 seconds.",
            ("state",),
            {(state,): sum(w.state == state for w in workers) for state in ("online", "draining", "lost")},
        ),
        gauge(
            "holdgate_sweeper_age_seconds",
            "Since a living worker last swept (promoted, expired, recovered, counted); absent without one.",
            (),
            {} if swept is None else {(): swept.total_seconds()},
        ),
        *[family for told in parts("metrics") for family in await told(session)],
    ]


handlers = [show_metrics]
