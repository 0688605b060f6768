"""What a line of the audit says was done: a sentence without its subject, such as `Created task`."""

from holdgate.audit.entries import AuditEntry
from holdgate.core.text.verbs import past

# By area and verb; what is missing is made of the two.
_SENTENCES = {
    ("task", "enqueue"): "Created task",
    ("task", "claim"): "Started task",
    ("task", "succeed"): "Finished task",
    ("task", "bury"): "Failed task permanently",
    ("task", "retry_later"): "Attempt failed, task will be retried",
    ("task", "hold"): "Task is waiting for a person",
    ("task", "snooze"): "Scheduled task for later",
    ("task", "take_back"): "Undid approval of task",
    ("task", "prioritise"): "Changed priority of task",
    ("task", "resolve"): "Marked task resolved",
    ("task", "request_changes"): "Requested changes to task",
    ("approval", "ask"): "Requested approval",
    ("approval", "approve"): "Approved request",
    ("approval", "reject"): "Rejected request",
    ("approval", "request_changes"): "Requested changes",
    ("approval", "answer"): "Answered request",
    ("approval", "propose"): "Changed the form of request",
    ("approval", "forward"): "Delegated request",
    ("approval", "ask_back"): "Requested clarification",
    ("approval", "answer_back"): "Replied to clarification",
    ("approval", "withdraw"): "Withdrew clarification",
    ("approval", "remind"): "Sent reminder for request",
    ("approval", "show"): "Showed request in a review session",
    ("approval", "expire"): "Request expired",
    ("approval", "escalate"): "Escalated request",
    ("approval", "take_back"): "Undid approval",
    ("approval", "use"): "Used approval",
    ("bulk", "wait"): "Paused bulk job",
    ("limit", "set_limit"): "Changed limits of kind",
    ("user", "add"): "Invited user",
    ("user", "make_sign_in_link"): "Created a sign-in link for",
    ("user", "change_role"): "Changed role of user",
    ("user", "sign_in"): "Signed in",
    ("user", "add_absence"): "Added absence of user",
    ("user", "remove_absence"): "Removed absence of user",
    ("group", "add"): "Created group",
    ("token", "make"): "Created token",
    ("webhook", "add"): "Created webhook",
    ("webhook", "rotate_secret"): "Rotated secret of webhook",
}
_NAMES = {"bulk": "bulk job"}


def sentence(line: AuditEntry) -> str:
    made = f"{past(line.verb).capitalize()} {_NAMES.get(line.area, line.area)}"
    return _SENTENCES.get((line.area, line.verb), made)
