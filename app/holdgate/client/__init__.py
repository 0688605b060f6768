"""Clients of the JSON API, for programs that need nothing else: httpx and msgspec, no web framework, no database.

    with Client("https://hold.example.org", "hg_…") as hold:
        task_id = hold.enqueue("sample.task", {"steps": 2}, once="monday-1")
        print(hold.wait(task_id).state)

`AsyncClient` has the same methods, awaited. Every refusal is a `Problem`. 429 and what is “not available just now” are
tried again, changes only where that is safe: they had no effect, or carry an Idempotency-Key. Answers are structs
(answers.py); docs/api.md tells the rest.
"""

from holdgate.client.answers import (
    Created,
    CreatedRun,
    CreatedTasks,
    EventItem,
    FailureItem,
    KindFigures,
    Moved,
    NeedItem,
    OverviewItem,
    Page,
    QueueItem,
    RunForecast,
    RunItem,
    SpanFigures,
    Stats,
    TaskDetail,
    TaskItem,
    Times,
)
from holdgate.client.approvals import (
    ApprovalDetail,
    ApprovalItem,
    AskedItem,
    Decided,
    DecisionItem,
    FieldItem,
    NoteItem,
    Option,
    QuotaItem,
    SignedReceipt,
)
from holdgate.client.asking import AskOptions, CreatedApproval, Decision
from holdgate.client.asynchronous import AsyncClient
from holdgate.client.events import StreamedEvent
from holdgate.client.filters import ApprovalFilters, TaskFilters
from holdgate.client.problems import Problem
from holdgate.client.sync import Client
from holdgate.client.webhooks import WebhookMessage, WebhookRefused, verify_webhook

__all__ = [
    "ApprovalDetail",
    "ApprovalFilters",
    "ApprovalItem",
    "AskOptions",
    "AskedItem",
    "AsyncClient",
    "Client",
    "Created",
    "CreatedApproval",
    "CreatedRun",
    "CreatedTasks",
    "Decided",
    "Decision",
    "DecisionItem",
    "EventItem",
    "FailureItem",
    "FieldItem",
    "KindFigures",
    "Moved",
    "NeedItem",
    "NoteItem",
    "Option",
    "OverviewItem",
    "Page",
    "Problem",
    "QueueItem",
    "QuotaItem",
    "RunForecast",
    "RunItem",
    "SignedReceipt",
    "SpanFigures",
    "Stats",
    "StreamedEvent",
    "TaskDetail",
    "TaskFilters",
    "TaskItem",
    "Times",
    "WebhookMessage",
    "WebhookRefused",
    "verify_webhook",
]
