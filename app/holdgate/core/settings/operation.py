"""The settings of whoever operates it, a part of the table: how it reaches others, what is kept, how it is watched."""

from holdgate.core.settings.setting import Setting
from holdgate.core.settings.types import (
    BOOLEAN,
    CERTIFICATES,
    DIRECTORY,
    LISTEN,
    LOG_LEVEL,
    SECRET,
    TEXT,
    choice,
    duration,
    integer,
    url,
    without_slash,
)

NETWORK, FILES, WATCHING = "Outgoing connections", "Files and data", "Observability"

OUTGOING = (
    Setting(
        "allow_private_addresses",
        BOOLEAN,
        NETWORK,
        "whether tasks may send requests to loopback and private addresses",
        unset="`yes`, `no` in production",
        example="yes",
    ),
    Setting(
        "ca_file",
        CERTIFICATES,
        NETWORK,
        "certificates of your own authorities (PEM), trusted beside the public ones by email, HTTP requests, webhooks, "
        "boards and object storage ([below](#own-certificate-authority-and-proxy))",
    ),
    Setting(
        "https_proxy",
        url("http", "https"),
        NETWORK,
        "the proxy for requests to `https://` addresses: `http://user:password@proxy:3128`, user and password optional "
        "([below](#own-certificate-authority-and-proxy))",
    ),
    Setting("http_proxy", url("http", "https"), NETWORK, "the same for `http://` addresses"),
    Setting(
        "no_proxy",
        TEXT,
        NETWORK,
        "what is reached directly, separated by commas: names with their subdomains, addresses, networks such as "
        "`10.0.0.0/8`; this machine always is",
    ),
)

KEPT = (
    Setting(
        "retention",
        duration(0, never=True),
        FILES,
        "how long finished tasks are kept, with their steps and events; `0`: for ever. What has a decision, or is an "
        "unresolved dead letter, has a setting of its own ([running.md](running.md#what-is-kept))",
    ),
    Setting(
        "retention_approvals",
        duration(0, never=True),
        FILES,
        "how long finished tasks on which people have decided are kept, with the requests and decisions that receipts "
        "are made from; `0`: for ever",
    ),
    Setting(
        "retention_dead_letters",
        duration(0, never=True),
        FILES,
        "how long unresolved dead letters are kept; `0`: until they are resolved",
    ),
    Setting(
        "retention_audit",
        duration(0, never=True),
        FILES,
        "how long the audit says who did what; `0`: for ever",
    ),
    Setting(
        "retention_runs",
        duration(0, never=True),
        FILES,
        "how long finished runs are kept once none of their tasks is left; `0`: for ever",
    ),
    Setting(
        "retention_archive",
        BOOLEAN,
        FILES,
        "whether tasks, runs and lines of the audit are written to `ARTIFACTS_URL/archive`, as JSON lines with "
        "checksums, before they are deleted",
    ),
    Setting(
        "data_dir",
        DIRECTORY,
        FILES,
        "embedded servers, and a key for development",
    ),
    Setting(
        "artifacts_url",
        url("file", "s3", read=without_slash),
        FILES,
        "where files that tasks make are kept: `file:///directory` or `s3://bucket/prefix` ([below](#artifacts))",
        unset="`DATA_DIR/artifacts`",
    ),
)

WATCHED = (
    Setting(
        "log_level",
        LOG_LEVEL,
        WATCHING,
        "the least that is logged: `debug`, `info`, `warning` or `error`; above `info` no line for each "
        "request and attempt",
    ),
    Setting(
        "log_format",
        choice("text", "json"),
        WATCHING,
        "`json`: each line of the log is an object; `text`: for people",
        unset="`text`, `json` in production",
    ),
    Setting(
        "metrics_token",
        SECRET,
        WATCHING,
        "whoever reads `/metrics` sends it as a bearer token; without it `/metrics` answers this machine in "
        "development, and nobody in production",
    ),
    Setting(
        "metrics_port",
        integer(0, 65535),
        WATCHING,
        "a worker process answers `/metrics`, `/livez` and `/readyz` on this port; `0`: not at all "
        "([operations.md](operations.md))",
    ),
    Setting(
        "metrics_host",
        LISTEN,
        WATCHING,
        "the address of `METRICS_PORT`",
        unset="all with `METRICS_TOKEN`, else `127.0.0.1`",
    ),
    Setting(
        "traces_url",
        url("http", "https"),
        WATCHING,
        "where traces go by OTLP over HTTP (`http://collector:4318/v1/traces`); needs the extra `holdgate[tracing]`",
    ),
)
