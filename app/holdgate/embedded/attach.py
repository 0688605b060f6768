"""Fills in what the environment left empty, in development, by the servers under the data directory."""

import os
import secrets
from pathlib import Path

import msgspec

from holdgate.core.config import ConfigError, Settings, with_schema
from holdgate.embedded import postgres, valkey


def attached(settings: Settings, *, start: bool = False) -> Settings:
    """Settings with the URLs of the embedded servers where none were given.

    Args:
        start: start them when they do not run; otherwise only say where they would be.

    Raises:
        ConfigError: production, where servers are never embedded (`config.load` has refused before).
        EmbeddedServerError
    """
    if not settings.development:
        if not (settings.database_url and settings.redis_url):
            raise ConfigError("DATABASE_URL and REDIS_URL must be set when ENVIRONMENT=production.")
        return settings
    home = settings.data_dir
    changes: dict[str, object] = {}
    if not settings.database_url:
        url = postgres.start(home) if start else postgres.url(home)
        changes["database_url"] = with_schema(url, settings.database_schema)
    if not settings.redis_url:
        changes["redis_url"] = valkey.start(home) if start else valkey.url(home)
    if settings.secret_keys == ():
        changes["secret_keys"] = (_own_secret(home),)
    return msgspec.structs.replace(settings, **changes)


def stop_started(settings: Settings) -> None:
    """Stop the embedded servers that stand in for the URLs not given."""
    if not settings.database_url:
        postgres.stop(settings.data_dir)
    if not settings.redis_url:
        valkey.stop(settings.data_dir)


def _own_secret(home: Path) -> str:
    """A key of this data directory, made once, so that sessions and forms outlive a restart."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "secret_key"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(48)
        file.write(key)
    return key
