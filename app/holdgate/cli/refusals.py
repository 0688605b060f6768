"""What a command says of an error that a person can cause: a sentence without a traceback, and what to do."""

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from holdgate.core.config import ConfigError
from holdgate.core.errors import AppError
from holdgate.core.postgres.outages import is_away
from holdgate.core.telemetry.outage import in_a_line
from holdgate.core.text.masking import masked_text
from holdgate.embedded import EmbeddedServerError

_OTHERS = "The database is not migrated, or another program's. Look at DATABASE_URL, then run holdgate migrate."
# SQLSTATE: what it means for somebody who has set DATABASE_URL.
_STATES = {
    "28P01": "PostgreSQL refuses the user or the password of DATABASE_URL. Correct it.",
    "28000": "PostgreSQL refuses the user of DATABASE_URL. Correct it, or let the user in (pg_hba.conf).",
    "3D000": "No such database as DATABASE_URL names. Create it (createdb), or correct DATABASE_URL.",
    "3F000": "There is no schema as DATABASE_SCHEMA names. Run holdgate migrate.",
    "42P01": _OTHERS,
    "42703": _OTHERS,
    "42883": _OTHERS,
    "42501": "The user of DATABASE_URL lacks a right that this needs. Grant it, or use the owner of the schema.",
    "25006": "The database takes no writes: it is a standby. Point DATABASE_URL at the primary.",
    "53300": "PostgreSQL has no connection left. Raise max_connections, or end some.",
    "57014": "It took too long for PostgreSQL. Try again when there is less to do.",
}


def sentence(error: Exception) -> str | None:
    """None: it is a fault of ours, of which the traceback is wanted."""
    if isinstance(error, (ConfigError, EmbeddedServerError, AppError)):
        return str(error)
    driver = getattr(error, "orig", None) or error
    state = str(getattr(driver, "sqlstate", "") or "")
    if state in _STATES:
        return _STATES[state]
    told = masked_text(in_a_line(error))
    if type(error).__module__.startswith("redis."):  # known by its name: doorbells and limits are its homes
        return f"Redis cannot be asked ({told}). Look at REDIS_URL, the server, and the network between."
    if isinstance(error, (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        away = is_away(error)
        says = "can’t be reached" if away else "refuses"
        return f"PostgreSQL {says} ({told}). Look at DATABASE_URL, the server, and the network between."
    if isinstance(error, (OSError, TimeoutError)):
        return f"It cannot be done ({told}). Look at DATABASE_URL, REDIS_URL, DATA_DIR and what is behind them."
    return None
