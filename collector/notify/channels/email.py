"""Mail, as plain text and HTML, through an SMTP server (aiosmtplib).

The Message-ID is made of the idempotency key, so that a mail server that sees one twice can tell; mails of one group
refer to each other, so that readers show them as one conversation.
"""

import asyncio
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib

from collector.notify.attempt import AttemptFailedError
from collector.notify.channel_settings import EmailSettings
from collector.notify.document import Document
from collector.notify.message import html_text, plain_text, subject_of
from collector.notify.secret_files import SecretError, read_secret
from watchbook.clock import EPOCH, Clock
from watchbook.logs import get_logger

log = get_logger("notify")
_PORTS: Final = {"tls": 465, "starttls": 587, "none": 25}
_NEVER_FROM: Final = 500
_URGENT: Final = ("high", "critical")


class EmailChannel:
    """Recipients behind an SMTP server."""

    def __init__(self, settings: EmailSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def send(self, notification: str, document: Document) -> str:
        """Make one attempt; see :class:`collector.notify.attempt.Channel`."""
        password, context = await asyncio.to_thread(self._secrets)
        mail = make_mail(self._settings, notification, document, self._clock())
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await self._deliver(mail, password, context)
        except TimeoutError as error:
            raise AttemptFailedError(f"no answer within {self._settings.timeout:g} s") from error
        except aiosmtplib.SMTPException as error:
            raise AttemptFailedError(_words(error), permanent=_is_permanent(error)) from error
        except OSError as error:
            raise AttemptFailedError(str(error) or type(error).__name__) from error

    async def _deliver(self, mail: EmailMessage, password: str | None, context: ssl.SSLContext | None) -> str:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port or _PORTS[settings.security],
            timeout=settings.timeout,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=context,
        )
        async with client:
            if settings.user is not None and password is not None:
                await client.login(settings.user, password)
            refused, answer = await client.send_message(
                mail, sender=settings.sender, recipients=list(settings.recipients)
            )
        if refused:  # the others have it: sending it again would double it for them
            log.warning("recipients_refused", recipients=sorted(refused), next_step="correct 'recipients'")
        left_out = f"; refused: {', '.join(sorted(refused))}" if refused else ""
        return f"accepted by {settings.host}: {' '.join(answer.split())[:200]}{left_out}"

    def _secrets(self) -> tuple[str | None, ssl.SSLContext | None]:
        settings = self._settings
        try:
            password = None if settings.password_file is None else read_secret(settings.password_file)
            context = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
        except (SecretError, OSError) as error:
            raise AttemptFailedError(f"the password or 'ca_file' cannot be used: {error}") from error
        return password, context


def make_mail(settings: EmailSettings, notification: str, document: Document, now: int) -> EmailMessage:
    """Return the mail of a notification (RFC 5322), with both parts."""
    mail = EmailMessage()
    domain = parseaddr(settings.sender)[1].rpartition("@")[2] or "watchbook"
    mail["Subject"] = subject_of(document)
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.recipients)
    mail["Date"] = format_datetime(EPOCH.fromtimestamp(now // 1_000_000, EPOCH.tzinfo))
    mail["Message-ID"] = f"<{notification}@{domain}>"
    mail["References"] = f"<{document['about']}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers this
    mail["X-Watchbook-Level"] = document["level"]
    if document["level"] in _URGENT and document["standing"] == "firing":
        mail["Importance"] = "high"
    mail.set_content(plain_text(document))
    mail.add_alternative(html_text(document), subtype="html")
    return mail


def _words(error: aiosmtplib.SMTPException) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"answered {error.code}: {' '.join(str(error.message).split())[:200]}"
    return str(error) or type(error).__name__


def _is_permanent(error: aiosmtplib.SMTPException) -> bool:
    """Return whether the server will never take this mail.  A refused login is a setting that can be corrected."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(one.code >= _NEVER_FROM for one in error.recipients)
    return isinstance(error, aiosmtplib.SMTPDataError | aiosmtplib.SMTPSenderRefused) and error.code >= _NEVER_FROM
