"""Settings: read from the environment once, all problems reported at once, passed down from then on."""

import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec

from holdgate.core.text.addresses import BadAddress, checked_domain

VERSION = version("holdgate")
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
LONGEST = timedelta(days=3650)  # of what can be set
QUEUE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class ConfigError(Exception):
    """The environment does not make usable settings. The message lists every problem, a line each."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator can set (docs/settings.md). Durations are timedeltas."""

    environment: Literal["development", "production"] = "development"
    database_url: str = ""
    # Where our tables are, with an Alembic version of their own. Part of the URLs from here on.
    database_schema: str = "holdgate"
    # Whether that is a PgBouncer that hands out connections by the transaction.
    database_pooler: bool = False
    # A replica for what may be some seconds old; empty: none.
    database_read_url: str = ""
    redis_url: str = ""
    # Empty in development: a key kept in the data directory.
    secret_keys: tuple[str, ...] = ()
    base_url: str = "http://127.0.0.1:8000"
    port: int = 8000
    # Whose X-Forwarded-For and -Proto the web server believes: addresses, networks, or *.
    forwarded_allow_ips: str = "127.0.0.1"
    smtp_url: str = ""
    mail_from: str = "Holdgate <holdgate@localhost>"
    queues: tuple[tuple[str, int], ...] = (("default", 20), ("mail", 5), ("webhooks", 5))
    kinds: tuple[str, ...] = ()
    signup: str = "invite"
    # To everybody together, asked for from networks they have not signed in from.
    sign_in_emails_per_hour: int = 1000
    approval_ttl: timedelta = timedelta(minutes=20)
    approval_take_back: timedelta = timedelta()
    lease: timedelta = timedelta(seconds=15)
    shutdown_grace: timedelta = timedelta(seconds=20)
    poll_interval: timedelta = timedelta(seconds=1)
    max_lease_losses: int = 3
    # Of each worker process, for blocking and for heavy work.
    threads: int = 8
    processes: int = 2
    # None: never buried.
    stuck_timeout: timedelta | None = None
    orphan_timeout: timedelta | None = None
    # None: finished tasks are kept for ever.
    retention: timedelta | None = timedelta(days=30)
    data_dir: Path = Path(".holdgate")
    # Empty: a directory below the data directory.
    artifacts_url: str = ""
    # Of state-changing API requests, for each person.
    rate_limit_max: int = 60
    rate_limit_window: timedelta = timedelta(minutes=1)
    # Empty: no JWTs, personal tokens only.
    jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    log_level: LogLevel = "info"
    # Empty: /metrics is open in development and closed in production.
    metrics_token: str = ""
    # Of a worker process; 0: none.
    metrics_port: int = 0
    # Where traces go (OTLP over HTTP); empty: none are made.
    traces_url: str = ""
    careers_port: int = 8090
    allow_private_addresses: bool = True

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def doorbell_scope(self) -> str:
        """Tells apart installations that share a Redis: the database they work on."""
        parts = urlsplit(self.database_url)
        hosts = parts.netloc.rpartition("@")[2]
        place = hosts if "," in hosts else f"{parts.hostname}{parts.port}"
        return sha256(f"{place}{parts.path}?{parts.query}".encode()).hexdigest()[:12]

    @property
    def artifact_store(self) -> str:
        """The URL of the store of artifacts: `file:///directory` or `s3://bucket/prefix`."""
        return self.artifacts_url or (self.data_dir / "artifacts").absolute().as_uri()

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https, so that cookies may insist on it."""
        return self.base_url.startswith("https://")


def load(environ: Mapping[str, str]) -> Settings:
    """Parse `environ` (usually os.environ).

    Raises:
        ConfigError: with one line for every setting that is missing or does not fit.
    """
    reader = _Reader(environ)
    environment = reader.choice("ENVIRONMENT", "development", ("development", "production"))
    production = environment == "production"
    defaults = Settings()
    port = reader.integer("PORT", defaults.port, 1, 65535)
    secret = reader.text("SECRET_KEY", "")
    schema = reader.schema("DATABASE_SCHEMA", defaults.database_schema)
    settings = Settings(
        environment="production" if production else "development",
        database_url=with_schema(_driver(reader.url("DATABASE_URL", POSTGRESQL)), schema),
        database_schema=schema,
        database_pooler=reader.choice("DATABASE_POOLER", "none", ("none", "transaction")) == "transaction",
        database_read_url=with_schema(_driver(reader.url("DATABASE_READ_URL", POSTGRESQL)), schema),
        # Its client knows the names of Redis only.
        redis_url=re.sub(
            r"^valkey", "redis", reader.url("REDIS_URL", ("redis", "rediss", "unix", "valkey", "valkeys"))
        ),
        secret_keys=tuple(k.strip() for k in secret.split(",") if k.strip()),
        base_url=reader.url("BASE_URL", ("http", "https")).rstrip("/") or f"http://127.0.0.1:{port}",
        port=port,
        forwarded_allow_ips=reader.text("FORWARDED_ALLOW_IPS", defaults.forwarded_allow_ips),
        smtp_url=reader.url("SMTP_URL", ("smtp", "smtps", "smtp+starttls")),
        mail_from=reader.text("MAIL_FROM", defaults.mail_from),
        queues=reader.queues("QUEUES", defaults.queues),
        kinds=tuple(k.strip() for k in reader.text("KINDS", "").split(",") if k.strip()),
        signup=reader.signup("SIGNUP", defaults.signup),
        sign_in_emails_per_hour=reader.integer(
            "SIGN_IN_EMAILS_PER_HOUR", defaults.sign_in_emails_per_hour, 1, 1_000_000
        ),
        approval_ttl=reader.duration("APPROVAL_TTL", defaults.approval_ttl, minimum=1),
        approval_take_back=reader.duration("APPROVAL_TAKE_BACK", defaults.approval_take_back, minimum=0),
        lease=reader.duration("LEASE_SECONDS", defaults.lease, minimum=1),
        shutdown_grace=reader.duration("SHUTDOWN_GRACE", defaults.shutdown_grace, minimum=0),
        max_lease_losses=reader.integer("MAX_LEASE_LOSSES", defaults.max_lease_losses, 1, 1000),
        threads=reader.integer("THREADS", defaults.threads, 1, 1000),
        processes=reader.integer("PROCESSES", defaults.processes, 1, 256),
        stuck_timeout=timedelta(minutes=reader.integer("STUCK_TIMEOUT_MINUTES", 0, 0, 1_000_000)) or None,
        orphan_timeout=timedelta(minutes=reader.integer("ORPHAN_TIMEOUT_MINUTES", 0, 0, 1_000_000)) or None,
        retention=reader.duration("RETENTION", timedelta(days=30), minimum=0) or None,
        data_dir=Path(reader.text("DATA_DIR", str(defaults.data_dir))).absolute(),
        artifacts_url=reader.url("ARTIFACTS_URL", ("file", "s3")).rstrip("/"),
        rate_limit_max=reader.integer("RATE_LIMIT_MAX", defaults.rate_limit_max, 1, 1_000_000),
        rate_limit_window=reader.duration("RATE_LIMIT_WINDOW", defaults.rate_limit_window, minimum=1),
        jwks_url=reader.url("JWKS_URL", ("https", "http")),
        jwt_issuer=reader.text("JWT_ISSUER", ""),
        jwt_audience=reader.text("JWT_AUDIENCE", ""),
        log_level=reader.level("LOG_LEVEL", defaults.log_level),
        metrics_token=reader.text("METRICS_TOKEN", ""),
        metrics_port=reader.integer("METRICS_PORT", defaults.metrics_port, 0, 65535),
        traces_url=reader.url("TRACES_URL", ("http", "https")),
        careers_port=reader.integer("CAREERS_PORT", defaults.careers_port, 1, 65535),
        allow_private_addresses=reader.boolean("ALLOW_PRIVATE_ADDRESSES", not production),
    )
    if "channel_binding=require" in settings.database_url:
        reader.problems.append(
            "DATABASE_URL asks for channel_binding=require, which the driver cannot do: take it out."
        )
    if settings.jwks_url and not (settings.jwt_issuer and settings.jwt_audience):
        reader.problems.append("JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE: else anybody's tokens would do.")
    if production:
        for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "BASE_URL", "SMTP_URL", "MAIL_FROM"):
            if not environ.get(name, "").strip():
                reader.problems.append(f"{name} must be set when ENVIRONMENT=production.")
        if secret and any(len(key) < 32 for key in settings.secret_keys):
            reader.problems.append("SECRET_KEY must have at least 32 characters (each, when several).")
    if reader.problems:
        raise ConfigError("\n".join(sorted(reader.problems)))
    return settings


def parse_duration(text: str) -> timedelta | None:
    """Seconds as a number, or a number with s, m, h or d; None for anything else."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhd]?)", text)
    if match is None:
        return None
    try:
        return timedelta(seconds=float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]])
    except OverflowError:
        return None


def with_schema(url: str, schema: str) -> str:
    """The URL that leads to this schema of its database, in the form that core/db.py reads."""
    if not url or schema == Settings().database_schema:
        return url
    return f"{url}{'&' if '?' in url else '?'}search_path={schema}"


def _driver(url: str) -> str:
    """SQLAlchemy needs the driver named: a plain postgresql:// would mean another one."""
    return re.sub(r"^postgres(ql)?(\+asyncpg)?://", "postgresql+asyncpg://", url)


class _Reader:
    """Takes values out of the environment and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name, "").strip() or default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.problems.append(f"{name} is {value!r}, but must be one of: {', '.join(allowed)}.")
            return default
        return value

    def level(self, name: str, default: LogLevel) -> LogLevel:
        value = self.text(name, default)
        for level in get_args(LogLevel):
            if value == level:
                found: LogLevel = level
                return found
        self.problems.append(f"{name} is {value!r}, but must be one of: {', '.join(get_args(LogLevel))}.")
        return default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or not low <= int(value) <= high:
            self.problems.append(f"{name} is {value!r}, but must be a whole number from {low} to {high}.")
            return default
        return int(value)

    def boolean(self, name: str, default: bool) -> bool:
        value = self.text(name, "yes" if default else "no").lower()
        if value not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            self.problems.append(f"{name} is {value!r}, but must be yes or no.")
            return default
        return value in ("1", "true", "yes", "on")

    def url(self, name: str, schemes: tuple[str, ...]) -> str:
        value = self.text(name, "")
        if value and urlsplit(value).scheme not in schemes:
            # The value itself may hold a password: it is not repeated.
            self.problems.append(f"{name} must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}.")
            return ""
        return value

    def duration(self, name: str, default: timedelta, minimum: int) -> timedelta:
        """Seconds as a number, or a number with s, m, h or d: `900`, `900s`, `15m`, `1h`, `30d`."""
        value = self.text(name, "")
        if not value:
            return default
        found = parse_duration(value)
        if found is None or found > LONGEST:
            wanted = "a duration such as 90, 90s, 20m, 1h or 30d, up to ten years"
            self.problems.append(f"{name} is {value!r}, but must be {wanted}.")
            return default
        if found < timedelta(seconds=minimum):
            self.problems.append(f"{name} is {value!r}, but must be at least {minimum} s.")
        return found

    def queues(self, name: str, default: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
        """`name:concurrency`, separated by commas."""
        value = self.text(name, "")
        if not value:
            return default
        found: dict[str, int] = {}
        for part in value.split(","):
            queue, _, size = part.strip().partition(":")
            if not QUEUE_NAME.fullmatch(queue) or not (size or "10").isdecimal() or int(size or "10") < 1:
                self.problems.append(f"{name} has {part.strip()!r}, but needs pairs such as default:20,mail:5.")
            else:
                found[queue] = int(size or "10")
        return tuple(found.items())

    def schema(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value) or value.startswith("pg_"):
            self.problems.append(f"{name} is {value[:80]!r}, but must be small letters, digits and _, not pg_….")
            return default
        return value

    def signup(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value in ("open", "invite"):
            return value
        rule, _, given = value.partition(":")
        try:
            domain = checked_domain(given)
        except BadAddress:
            domain = ""
        if rule != "domain" or "." not in domain:
            self.problems.append(f"{name} is {value!r}, but must be open, invite or domain:example.com.")
            return default
        return f"domain:{domain}"
