"""Holdgate: a task queue with hold points, where people sign off on what machines do.

The names listed here are the public interface; everything else may change without notice. They are loaded when they
are first used, so that a program that only talks to the API, or only asks for the version, loads nothing more.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdgate.approvals.blocks import DiffBlock as DiffBlock
    from holdgate.approvals.blocks import FieldsBlock as FieldsBlock
    from holdgate.approvals.blocks import FileBlock as FileBlock
    from holdgate.approvals.blocks import ImageBlock as ImageBlock
    from holdgate.approvals.blocks import JsonBlock as JsonBlock
    from holdgate.approvals.blocks import LinkBlock as LinkBlock
    from holdgate.approvals.blocks import MarkdownBlock as MarkdownBlock
    from holdgate.approvals.blocks import TableBlock as TableBlock
    from holdgate.approvals.blocks import TextBlock as TextBlock
    from holdgate.approvals.choices import Option as Option
    from holdgate.approvals.forms import FormField as FormField
    from holdgate.approvals.values import Answer as Answer
    from holdgate.client import ApprovalFilters as ApprovalFilters
    from holdgate.client import AskOptions as AskOptions
    from holdgate.client import AsyncClient as AsyncClient
    from holdgate.client import Client as Client
    from holdgate.client import CreatedApproval as CreatedApproval
    from holdgate.client import Decision as Decision
    from holdgate.client import Problem as Problem
    from holdgate.client import TaskFilters as TaskFilters
    from holdgate.client import WebhookMessage as WebhookMessage
    from holdgate.client import WebhookRefused as WebhookRefused
    from holdgate.client import verify_webhook as verify_webhook
    from holdgate.client.guard import AlreadyUsed as AlreadyUsed
    from holdgate.client.guard import Approved as Approved
    from holdgate.client.guard import NotApproved as NotApproved
    from holdgate.client.guard import requires_approval as requires_approval
    from holdgate.core.db import WriteSession as WriteSession
    from holdgate.runtime.attempts.context import Context as Context
    from holdgate.runtime.attempts.reporting import on_error as on_error
    from holdgate.runtime.errors import PermanentError as PermanentError
    from holdgate.runtime.errors import RetryAfter as RetryAfter
    from holdgate.runtime.resources import Resource as Resource
    from holdgate.runtime.resources import resource as resource
    from holdgate.schedules.declared import schedule as schedule
    from holdgate.tasks.enqueue import enqueue as enqueue
    from holdgate.tasks.enqueue import enqueue_many as enqueue_many
    from holdgate.tasks.kinds import Backoff as Backoff
    from holdgate.tasks.kinds import Kind as Kind
    from holdgate.tasks.kinds import Rate as Rate
    from holdgate.tasks.kinds import kind as kind
    from holdgate.tasks.payloads.artifact import StoredArtifact as StoredArtifact
    from holdgate.tasks.requests import TaskOptions as TaskOptions
    from holdgate.tasks.requests import TaskRequest as TaskRequest
    from holdgate.tasks.upgrades import on_payload as on_payload

_HOMES = {
    "AlreadyUsed": "client.guard",
    "Answer": "approvals.values",
    "Approved": "client.guard",
    "ApprovalFilters": "client",
    "AskOptions": "client",
    "AsyncClient": "client",
    "Backoff": "tasks.kinds",
    "Client": "client",
    "CreatedApproval": "client",
    "Context": "runtime.attempts.context",
    "Decision": "client",
    "DiffBlock": "approvals.blocks",
    "FieldsBlock": "approvals.blocks",
    "FileBlock": "approvals.blocks",
    "FormField": "approvals.forms",
    "ImageBlock": "approvals.blocks",
    "JsonBlock": "approvals.blocks",
    "Kind": "tasks.kinds",
    "LinkBlock": "approvals.blocks",
    "MarkdownBlock": "approvals.blocks",
    "Option": "approvals.choices",
    "NotApproved": "client.guard",
    "PermanentError": "runtime.errors",
    "Problem": "client",
    "Rate": "tasks.kinds",
    "Resource": "runtime.resources",
    "RetryAfter": "runtime.errors",
    "StoredArtifact": "tasks.payloads.artifact",
    "TableBlock": "approvals.blocks",
    "TaskFilters": "client",
    "TaskOptions": "tasks.requests",
    "TaskRequest": "tasks.requests",
    "WebhookMessage": "client",
    "WebhookRefused": "client",
    "TextBlock": "approvals.blocks",
    "WriteSession": "core.db",
    "enqueue": "tasks.enqueue",
    "enqueue_many": "tasks.enqueue",
    "kind": "tasks.kinds",
    "on_error": "runtime.attempts.reporting",
    "on_payload": "tasks.upgrades",
    "requires_approval": "client.guard",
    "resource": "runtime.resources",
    "schedule": "schedules.declared",
    "verify_webhook": "client",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'holdgate' has no attribute {name!r}")
    try:
        return getattr(import_module(f"holdgate.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        from holdgate.core.extras import missing_extra

        raise missing_extra(missing, "kinds") from missing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
