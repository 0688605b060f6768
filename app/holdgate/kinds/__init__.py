"""The built-in task kinds. The entries import the modules named here and in `KINDS`, which registers them."""

BUILT_IN: tuple[str, ...] = (
    "holdgate.kinds.application_submit",
    "holdgate.kinds.email_send",
    "holdgate.kinds.http_request",
    "holdgate.kinds.image_process",
    "holdgate.kinds.report_generate",
    "holdgate.kinds.sample_task",
    "holdgate.kinds.webhook_deliver",
)
