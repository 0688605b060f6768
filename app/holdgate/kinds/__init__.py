"""The built-in task kinds. The entries import the modules named here and in `KINDS`, which registers them."""

BUILT_IN: tuple[str, ...] = (
    "app.kinds.application_submit",
    "app.kinds.email_send",
    "app.kinds.http_request",
    "app.kinds.image_process",
    "app.kinds.report_generate",
    "app.kinds.sample_task",
    "app.kinds.webhook_deliver",
)
