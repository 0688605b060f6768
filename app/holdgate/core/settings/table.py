"""The table of settings, from which `load`, .env.example and docs/settings.md are made.

Its order is that of the docs. A new one is an entry here and a field with its default in `Settings` (core/config.py).
"""

from holdgate.core.settings.operation import KEPT, OUTGOING, WATCHED
from holdgate.core.settings.setting import Setting
from holdgate.core.settings.types import (
    BOOLEAN,
    KEYS,
    LISTEN,
    NAMES,
    ORIGINS,
    POSTGRESQL,
    PROXIES,
    QUEUES,
    SCHEMA,
    SENDER,
    SIGNUP,
    TEXT,
    choice,
    duration,
    integer,
    minutes,
    url,
    with_driver,
    with_redis,
    without_slash,
)

SERVERS, WEB, MAIL, WORKERS = "Servers", "Web and sign-in", "Mail", "Workers"
APPROVALS, API, DEVELOPMENT = "Approvals", "API", "Development"
MANY = integer(1, 100_000)

SETTINGS = (
    Setting("environment", choice("development", "production"), SERVERS, "`development` or `production`"),
    Setting(
        "database_url",
        url(*POSTGRESQL, read=with_driver),
        SERVERS,
        "PostgreSQL 15 to 18, `postgresql://…`, of one host or [several](scaling.md); empty in "
        "development: an embedded server under `DATA_DIR`",
        required=True,
        unset="embedded",
    ),
    Setting(
        "database_schema",
        SCHEMA,
        SERVERS,
        "the schema with our tables, functions and Alembic version: an installation can live in the "
        "database of a product, whose own migrations neither see nor touch it",
    ),
    Setting(
        "database_pooler",
        choice(
            "none",
            "transaction",
            read=lambda text: text == "transaction",
            write=lambda on: "transaction" if on else "none",
        ),
        SERVERS,
        "`transaction`: `DATABASE_URL` leads to a PgBouncer in transaction mode ([scaling.md](scaling.md))",
    ),
    Setting(
        "database_read_url",
        url(*POSTGRESQL, read=with_driver),
        SERVERS,
        "a replica, for charts and exports, which may be some seconds old ([scaling.md](scaling.md)); "
        "empty: they read from `DATABASE_URL`",
    ),
    Setting(
        "redis_url",
        url("redis", "rediss", "unix", "valkey", "valkeys", read=with_redis),
        SERVERS,
        "Redis or Valkey, `redis://…` or `unix://…`; empty in development: an embedded server under `DATA_DIR`",
        required=True,
        unset="embedded",
    ),
    Setting(
        "secret_keys",
        KEYS,
        WEB,
        "at least 32 characters; several, separated by commas, for rotation: the first signs, all verify",
        required=True,
        unset="kept in `DATA_DIR`",
        variable="SECRET_KEY",
    ),
    Setting(
        "base_url",
        url("http", "https", read=without_slash),
        WEB,
        "where people reach it, with a path if it is below one, without a slash at the end; links begin with it",
        required=True,
        unset="`http://127.0.0.1:PORT`",
        example="http://127.0.0.1:8000",
    ),
    Setting(
        "host",
        LISTEN,
        WEB,
        "the address the web server listens on: of this machine only, or of all that reach it",
        unset="`127.0.0.1`, `0.0.0.0` in production",
    ),
    Setting(
        "port", integer(1, 65535), WEB, "the web server's port; `make run` takes the next free one when it is not set"
    ),
    Setting(
        "forwarded_allow_ips",
        PROXIES,
        WEB,
        "proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses or networks, "
        "separated by commas, or `*` ([deploy.md](deploy.md))",
    ),
    Setting("signup", SIGNUP, WEB, "who may sign in for the first time: `open`, `invite` or `domain:example.com`"),
    Setting(
        "sign_in_emails_per_hour",
        integer(1, 1_000_000),
        WEB,
        "sign-in emails to everybody together, asked for from networks where the person has not signed in"
        " before; further ones are not sent, and the log says so",
    ),
    Setting(
        "smtp_url",
        url("smtp", "smtps", "smtp+starttls"),
        MAIL,
        "`smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` if needed; empty in "
        "development: emails are on the mailbox page",
        required=True,
        unset="the mailbox page",
    ),
    Setting("mail_from", SENDER, MAIL, "the sender of all emails", required=True),
    Setting(
        "emails_per_day",
        MANY,
        MAIL,
        "how many emails in their own words (`email.message`) one person may send within a day; further ones wait for "
        "their turn",
    ),
    Setting("queues", QUEUES, WORKERS, "queues of a worker process and how many tasks of each run at a time"),
    Setting("kinds", NAMES, WORKERS, "modules with task kinds of your own, separated by commas"),
    Setting(
        "lease",
        duration(1, bare=True),
        WORKERS,
        "how long a task stays with a worker whose heartbeat has stopped",
        variable="LEASE_SECONDS",
    ),
    Setting(
        "shutdown_grace",
        duration(0),
        WORKERS,
        "how long a worker that is stopped lets its tasks end; the rest is put back",
    ),
    Setting(
        "max_lease_losses",
        integer(1, 1000),
        WORKERS,
        "a task whose worker is lost so often in a row, without finishing a step, becomes a dead letter; "
        "before the last time it has a worker for itself ([running.md](running.md)). Raise it where "
        "machines often vanish",
    ),
    Setting(
        "threads",
        integer(1, 1000),
        WORKERS,
        "threads of a worker process, for `ctx.in_thread` and kinds that run in one",
    ),
    Setting(
        "processes",
        integer(1, 256),
        WORKERS,
        "processes beside a worker process, for `ctx.in_process` and kinds that run in one",
    ),
    Setting(
        "stuck_timeout",
        minutes(1_000_000),
        WORKERS,
        "a task whose attempt has been running for so long, and longer than its kind allows, though its worker lives, "
        "becomes a dead letter; `0`: never",
        variable="STUCK_TIMEOUT_MINUTES",
    ),
    Setting(
        "orphan_timeout",
        minutes(1_000_000),
        WORKERS,
        "a ready task becomes a dead letter when no worker has served its queue and kind for so long; `0`: never",
        variable="ORPHAN_TIMEOUT_MINUTES",
    ),
    *OUTGOING,
    Setting(
        "approval_ttl", duration(1), APPROVALS, "time until a request expires, from the delivery of the first email"
    ),
    Setting(
        "approvals_at_once",
        integer(1, 1000),
        APPROVALS,
        "open approval requests of one person at once; further ones wait for their turn, without an email and without a"
        " running clock",
    ),
    Setting("digest_after", integer(1, 1000), APPROVALS, "more requests to one person within a minute are one email"),
    Setting(
        "approval_take_back",
        duration(0),
        APPROVALS,
        "how long an approved task waits before it goes on, so that the approval can be undone; `0`: it "
        "goes on at once",
    ),
    Setting(
        "approval_undo",
        duration(0),
        APPROVALS,
        "how long a decision made in the inbox can be undone, at least; an approved task waits that long, a rejected "
        "one ends at once and holds again when it is undone; `0`: not",
    ),
    Setting("approval_requests_open", MANY, APPROVALS, "how many requests of one token may be open at once"),
    Setting("approval_requests_per_hour", MANY, APPROVALS, "how many requests one token may make within an hour"),
    Setting(
        "people_figures",
        BOOLEAN,
        APPROVALS,
        "whether people see how many requests wait for them and how long they take, and administrators everybody's; "
        "`no` also deletes what is kept of each person's times",
    ),
    Setting(
        "applications_per_host",
        integer(0, 100_000),
        APPROVALS,
        "how many applications of one person go to one site within a day; further ones wait for their turn. `0`: as "
        "many as there are",
    ),
    *KEPT,
    Setting(
        "rate_limit_max",
        integer(1, 1_000_000),
        API,
        "how many requests that change something a person's programs may send within `RATE_LIMIT_WINDOW`,"
        " ten times as many may read; and how many forms the person may send",
    ),
    Setting("rate_limit_window", duration(1), API, "the time in which they are counted"),
    Setting(
        "jwks_url",
        url("https", "http"),
        API,
        "where the keys of your identity provider are: its JWTs are then taken beside personal tokens "
        "([api.md](api.md))",
    ),
    Setting(
        "cors_origins",
        ORIGINS,
        API,
        "other sites whose pages may call the API with a token, separated by commas; never with our cookies "
        "([api.md](api.md#from-a-browser))",
    ),
    Setting("jwt_issuer", TEXT, API, "the `iss` they must have; needed with `JWKS_URL`"),
    Setting("jwt_audience", TEXT, API, "the `aud` they must have; needed with `JWKS_URL`"),
    *WATCHED,
    Setting(
        "careers_port",
        integer(1, 65535),
        DEVELOPMENT,
        "the port of the development careers site; at the next `make run` the sample postings follow it",
    ),
)
