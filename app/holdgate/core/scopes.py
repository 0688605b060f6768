"""What a program's token may do. On its own, so that the command line can name the scopes without loading the web."""

from enum import StrEnum


class Scope(StrEnum):
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    APPROVALS_DECIDE = "approvals:decide"
    APPROVALS_CREATE = "approvals:create"
    ADMIN = "admin"


MEANINGS = {
    Scope.TASKS_READ: "See tasks, runs, approvals, postings, schedules, webhooks, counts and one's own account.",
    Scope.TASKS_WRITE: "Start, change and cancel tasks, runs, bulk actions, schedules and webhooks; import postings; "
    "change one's own settings.",
    Scope.APPROVALS_DECIDE: "Decide approvals, pass them on, take them back; answer questions.",
    Scope.APPROVALS_CREATE: "Ask people for approval, and see what came of it. Such a token decides nothing.",
    Scope.ADMIN: "All of it, and everybody's: only for administrators.",
}
