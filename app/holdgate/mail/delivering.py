"""Where a message goes: to the mail server, or to the built-in mailbox of development."""

from datetime import timedelta
from email.message import EmailMessage

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.mail import mailbox
from holdgate.mail.errors import TemporaryMailError

TIMEOUT = timedelta(seconds=60)


async def deliver(database: Database, settings: Settings, message: EmailMessage) -> str:
    """Hand it over, with no transaction open. Returns the words of acceptance.

    Raises:
        TemporaryMailError, PermanentMailError
    """
    if settings.smtp_url:
        from holdgate.mail import smtp  # a web server knows the kinds of mail and sends none

        return await smtp.deliver(message, settings.smtp_url, TIMEOUT, ca_file=settings.ca_file)
    if not mailbox.in_use(settings):
        raise TemporaryMailError("SMTP_URL is not set.")
    async with database.write("system") as session:
        await mailbox.deliver(session, message)
    return "built-in mailbox"
