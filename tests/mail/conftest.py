"""Fixtures of the mail tests."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail import letters
from tests.mail.probe import TEMPLATE, Probe
from tests.mail.smtp_server import MailServer, serving


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    async with serving() as server:
        yield server


@pytest.fixture
def smtp_settings(settings: Settings, mail_server: MailServer) -> Settings:
    """Settings that send mail to `mail_server`."""
    return msgspec.structs.replace(settings, smtp_url=mail_server.url)


@pytest.fixture
async def probe(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Probe]:
    made = Probe()
    monkeypatch.setitem(letters._LETTERS, TEMPLATE, made)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE mail_probe (what text, detail text)"))
    yield made
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE mail_probe"))
