"""The whole schema, and bringing a database to it. Alembic is the only one that creates tables."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import app.accounts.models
import app.api.models
import app.approvals.models
import app.audit.models
import app.bulk.models
import app.mail.models
import app.postings.models
import app.runs.models
import app.schedules.models
import app.stats.models
import app.tasks.models
import app.webhooks.models  # noqa: F401
from app.core.db import Base
from app.core.places import MIGRATIONS

metadata = Base.metadata


def config(url: str) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("prepend_sys_path", str(MIGRATIONS.parent))
    made.set_main_option("path_separator", "os")
    made.attributes["url"] = url
    return made


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`. Must not be called from a running event loop."""
    command.upgrade(config(url), revision)


def head() -> str:
    """The newest revision this code knows."""
    found = ScriptDirectory.from_config(config("")).get_current_head()
    assert found is not None
    return found
