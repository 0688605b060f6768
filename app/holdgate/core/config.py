"""Settings: read from the environment once, all problems reported at once, passed down from then on."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from holdgate.core.network.networks import is_local
from holdgate.core.settings.setting import Setting
from holdgate.core.settings.table import SETTINGS
from holdgate.core.settings.types import LogLevel

DEFAULT_SCHEMA = "holdgate"
LIKE = 0.86  # of two names, by difflib: one letter wrong, missing or too many


class ConfigError(Exception):
    """The environment does not make usable settings. The message lists every problem, a line each."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator can set: a field for each entry of core/settings/table.py. Durations are timedeltas."""

    environment: Literal["development", "production"] = "development"
    database_url: str = ""
    database_schema: str = DEFAULT_SCHEMA
    database_pooler: bool = False
    database_read_url: str = ""
    redis_url: str = ""
    secret_keys: tuple[str, ...] = ()
    base_url: str = "http://127.0.0.1:8000"
    host: str = ""
    port: int = 8000
    forwarded_allow_ips: str = "127.0.0.1"
    signup: str = "invite"
    sign_in_emails_per_hour: int = 1000
    smtp_url: str = ""
    mail_from: str = "Holdgate <holdgate@localhost>"
    emails_per_day: int = 50
    queues: tuple[tuple[str, int], ...] = (("default", 100), ("mail", 5), ("webhooks", 5))
    kinds: tuple[str, ...] = ()
    lease: timedelta = timedelta(seconds=15)
    shutdown_grace: timedelta = timedelta(seconds=20)
    poll_interval: timedelta = timedelta(seconds=1)
    max_lease_losses: int = 3
    threads: int = 8
    processes: int = 2
    stuck_timeout: timedelta | None = timedelta(minutes=15)
    orphan_timeout: timedelta | None = timedelta(days=1)
    allow_private_addresses: bool = True
    ca_file: str = ""
    https_proxy: str = ""
    http_proxy: str = ""
    no_proxy: str = ""
    approval_ttl: timedelta = timedelta(minutes=20)
    approvals_at_once: int = 10
    digest_after: int = 3
    approval_take_back: timedelta = timedelta()
    approval_undo: timedelta = timedelta(seconds=10)
    applications_per_host: int = 10
    approval_requests_open: int = 200
    approval_requests_per_hour: int = 500
    people_figures: bool = True
    retention: timedelta | None = timedelta(days=30)
    retention_approvals: timedelta | None = None
    retention_dead_letters: timedelta | None = None
    retention_audit: timedelta | None = None
    retention_runs: timedelta | None = None
    retention_archive: bool = False
    data_dir: Path = Path(".holdgate")
    artifacts_url: str = ""
    rate_limit_max: int = 60
    rate_limit_window: timedelta = timedelta(minutes=1)
    cors_origins: tuple[str, ...] = ()
    jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    log_level: LogLevel = "info"
    log_format: Literal["", "text", "json"] = ""
    metrics_token: str = ""
    metrics_port: int = 0
    metrics_host: str = ""
    traces_url: str = ""
    careers_port: int = 8090

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @property
    def base_path(self) -> str:
        """The path below which everything is, such as `/holdgate`; empty for a host of its own."""
        return urlsplit(self.base_url).path.rstrip("/")

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
    def listens_on(self) -> str:
        """What has not been told to be in production trusts whoever reaches it too much for a network."""
        return self.host or ("127.0.0.1" if self.development else "0.0.0.0")  # noqa: S104

    @property
    def metrics_on(self) -> str:
        return self.metrics_host or ("0.0.0.0" if self.metrics_token else "127.0.0.1")  # noqa: S104

    @property
    def metrics_key(self) -> str | None:
        """What opens `/metrics` of a worker; empty: whoever reaches it, who is on this machine; None: nothing."""
        return self.metrics_token or ("" if self.development and is_local(self.metrics_on) else None)

    @property
    def json_logs(self) -> bool:
        return self.log_format == "json" or (not self.log_format and not self.development)

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https, so that cookies may insist on it."""
        return self.base_url.startswith("https://")


def load(environ: Mapping[str, str]) -> Settings:
    """Parse `environ` (usually os.environ).

    Raises:
        ConfigError: with one line for every setting that is missing or invalid.
    """
    given = {each: text for each in SETTINGS if (text := environ.get(each.name, "").strip())}
    found: dict[str, Any] = {}
    problems: list[str] = []
    for setting, text in given.items():
        try:
            found[setting.field] = setting.type.read(text)
        except ValueError:
            problems.append(setting.problem(text, default_of(setting)))
    settings = Settings(**found)
    if not settings.development:
        problems += [
            f"{each.name} must be set when ENVIRONMENT=production: {each.type.words}."
            for each in SETTINGS
            if each.required and each not in given
        ]
    problems += _conflicts(settings)
    if problems:
        raise ConfigError("\n".join(sorted(problems)))
    schema = settings.database_schema
    return replace(
        settings,
        database_url=with_schema(settings.database_url, schema),
        database_read_url=with_schema(settings.database_read_url, schema),
        base_url=found.get("base_url") or f"http://127.0.0.1:{settings.port}",
        data_dir=settings.data_dir.absolute(),
        allow_private_addresses=found.get("allow_private_addresses", settings.development),
    )


def misspelt(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is probably meant to be a setting, and is none. One that stands beside the
    setting it is like has a meaning of its own."""
    names = [setting.name for setting in SETTINGS]
    found = []
    for name in environ.keys() - set(names):
        [meant] = get_close_matches(name, names, 1, LIKE) or [""]
        if meant and meant not in environ:
            found.append(f"{name} is no setting. Did you mean {meant}?")
    return sorted(found)


def default_of(setting: Setting) -> str:
    """As one writes it; empty when it is none, or depends on others."""
    value = getattr(Settings(), setting.field)
    return "" if setting.unset or value == () else setting.type.write(value)


def _conflicts(settings: Settings) -> Iterator[str]:
    """What is wrong with them together."""
    if "channel_binding=require" in settings.database_url:
        yield "DATABASE_URL asks for channel_binding=require, which the driver cannot do: take it out."
    if settings.jwks_url and not (settings.jwt_issuer and settings.jwt_audience):
        yield "JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE, else anybody's tokens would do: set both."
    shortest = min(map(len, settings.secret_keys), default=32)
    if not settings.development and shortest < 32:
        yield f"SECRET_KEY has a key of {shortest} characters; each must have at least 32: make a longer one."


def with_schema(url: str, schema: str) -> str:
    """The URL that leads to this schema of its database, in the form that core/db.py reads."""
    if not url or schema == DEFAULT_SCHEMA:
        return url
    return f"{url}{'&' if '?' in url else '?'}search_path={schema}"
