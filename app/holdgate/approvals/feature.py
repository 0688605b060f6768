"""What approvals add to the whole."""

from holdgate.feature import Feature, NavigationItem

FEATURE = Feature(
    pages=(
        "holdgate.approvals.pages.inbox",
        "holdgate.approvals.pages.review",
        "holdgate.approvals.pages.session",
        "holdgate.approvals.pages.receipts",
        "holdgate.approvals.pages.files",
        "holdgate.approvals.pages.uploads",
        "holdgate.approvals.pages.groups",
        "holdgate.approvals.pages.side_actions",
        "holdgate.approvals.pages.answers",
        "holdgate.approvals.pages.programs",
    ),
    api=(
        "holdgate.approvals.api.approvals",
        "holdgate.approvals.api.programs",
        "holdgate.approvals.api.using",
        "holdgate.approvals.api.side_actions",
        "holdgate.approvals.api.files",
        "holdgate.approvals.api.groups",
        "holdgate.approvals.api.evidence",
        "holdgate.approvals.api.answers",
    ),
    navigation=(
        NavigationItem(
            key="approvals",
            label="Approvals",
            href="/approvals",
            group="main",
            rank=40,
            keys="g a",
            words="inbox decide sign holds",
        ),
        NavigationItem(
            key="answers",
            label="Response times",
            href="/approvals/people",
            group="more",
            rank=55,
            words="people median approvals forecast",
        ),
    ),
    mails={
        "approval_request": "holdgate.approvals.requests.mails:ApprovalRequest",
        "input_needed": "holdgate.approvals.requests.mails:InputNeeded",
        "approval_reminder": "holdgate.approvals.requests.mails:ApprovalReminder",
        "approval_digest": "holdgate.approvals.requests.digest_mails:ApprovalDigest",
        "approval_reminder_digest": "holdgate.approvals.requests.digest_mails:ReminderDigest",
        "question_answered": "holdgate.approvals.requests.mails:QuestionAnswered",
        "question_back": "holdgate.approvals.requests.mails:QuestionBack",
    },
    timeline="holdgate.approvals.pages.task_timeline:tell",
    people_waiting="holdgate.approvals.evidence.people_waiting:people_of_runs",
    waiting="holdgate.approvals.requests.inbox:count_waiting",
    metrics="holdgate.approvals.figures.metrics:families",
    upkeep="holdgate.approvals.upkeep:UPKEEP",
    decided="holdgate.approvals.evidence.archive:DECIDED",
    archive="holdgate.approvals.evidence.archive:requests_of",
)
