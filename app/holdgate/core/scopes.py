"""What a program's token may do. On its own, so that the command line can name the scopes without loading the web."""

from enum import StrEnum


class Scope(StrEnum):
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    APPROVALS_DECIDE = "approvals:decide"
    APPROVALS_CREATE = "approvals:create"
    ADMIN = "admin"


MEANINGS = {
    Scope.TASKS_READ: "View tasks, runs, approvals, postings, schedules, webhooks, counts and your account.",
    Scope.TASKS_WRITE: "Start, change and cancel tasks, runs, bulk actions, schedules and webhooks; import postings; "
    "change your settings.",
    Scope.APPROVALS_DECIDE: "Decide, delegate and undo approvals; answer questions.",
    Scope.APPROVALS_CREATE: "Ask people for approval, and see what came of it. Such a token decides nothing.",
    Scope.ADMIN: "Full access to everyone’s data (admins only).",
}
