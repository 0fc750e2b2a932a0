"""The settings of the channels: one type a kind.  What is secret stands in files of its own."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from collector.notify.secret_files import SecretError, read_secret
from watchbook.configfile import positive, setting
from watchbook.units import Seconds

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix of every secret
#: What Standard Webhooks asks of a secret (section "Symmetric signatures").
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
SECRET_WORDS: Final = f"'{SECRET_PREFIX}' and the base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes"
NEXT_STEP: Final = f"make one with: echo {SECRET_PREFIX}$(openssl rand -base64 32)"
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
KINDS: Final = ("webhook", "email", "alertmanager", "pagerduty", "slack", "apprise")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\\]+")
_LIMIT: Final = re.compile(r"(\d{1,6}) in (\S+)")


def is_url(value: str) -> str | None:
    """Check an address that is posted to."""
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    return None if right else "an address such as https://example.com/hooks/watchbook"


def is_name(value: str) -> str | None:
    """Check a name that becomes part of idempotency keys."""
    return None if _NAME.fullmatch(value) else "up to 64 letters, digits, '-' and '_', beginning with a letter or digit"


def _mail_address(value: str) -> str | None:
    return None if _ADDRESS.fullmatch(value) else "an e-mail address such as on-call@example.com"


def _mail_addresses(values: tuple[str, ...]) -> str | None:
    wrong = [value for value in values if _mail_address(value)]
    if wrong:
        return f"e-mail addresses such as on-call@example.com (not {wrong[0]!r})"
    return None if values else "at least one e-mail address"


def _urls(values: tuple[str, ...]) -> str | None:
    return next((found for value in values if (found := is_url(value))), None if values else "at least one address")


def _port(value: int) -> str | None:
    return None if 0 < value < 65536 else "a port from 1 to 65535"


@dataclass(frozen=True)
class WebhookSettings:
    """A webhook, signed after the Standard Webhooks specification.  It has one of ``secret`` and ``secret_file``."""

    url: str = setting("Where notifications are posted to; redirects are not followed.", check=is_url)
    secret_file: Path | None = setting(f"File that holds the secret: {SECRET_WORDS}. It or 'secret' is needed.", None)
    secret: str | None = setting("The secret itself, where a file is not wanted.", None)
    body: Literal["standard", "short"] = setting(
        "What is posted: 'standard' is {type, timestamp, data} with all of the alert, 'short' is {event, user, "
        "resource, timestamp} of its first event.",
        "standard",
    )
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)

    def key(self) -> bytes:
        """Return the bytes to sign with; raises SecretError (without the secret in its text)."""
        if self.secret is not None:
            return secret_key(self.secret)
        if self.secret_file is None:
            raise SecretError("neither 'secret_file' nor 'secret' is set")
        return secret_key(read_secret(self.secret_file))


@dataclass(frozen=True)
class EmailSettings:
    """Mail through an SMTP server."""

    host: str = setting("The SMTP server.")
    sender: str = setting("The address that mails come from.", check=_mail_address)
    recipients: tuple[str, ...] = setting("The addresses that they go to.", check=_mail_addresses)
    port: int | None = setting("Its port; without it 465 with 'tls', 587 with 'starttls', 25 with 'none'.", None,
                               check=_port)  # fmt: skip
    security: Literal["starttls", "tls", "none"] = setting(
        "How it is encrypted: 'starttls' before anything is said, and a server that cannot is refused; 'tls' from the "
        "first byte; 'none' not at all, where nobody can listen in.",
        "starttls",
    )
    ca_file: Path | None = setting("Certificates that vouch for the server, instead of the system's.", None)
    user: str | None = setting("The name to log in with; 'password_file' belongs to it.", None)
    password_file: Path | None = setting("File that holds the password.", None)
    timeout: Seconds = setting("How long one attempt may take.", Seconds(30.0), check=positive)


@dataclass(frozen=True)
class AlertmanagerSettings:
    """Prometheus Alertmanager, by its API v2.  It groups, repeats and silences by its own configuration."""

    urls: tuple[str, ...] = setting(
        "The addresses of all its instances (such as http://127.0.0.1:9093); each is told, one that answers is enough.",
        check=_urls,
    )
    resend: Seconds = setting(
        "How often it is told again of what still fires; what it was not told of for four times that is over for it.",
        Seconds(60.0),
        check=positive,
    )
    token_file: Path | None = setting("File with a token that is sent as 'Authorization: Bearer'.", None)
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)


@dataclass(frozen=True)
class PagerDutySettings:
    """PagerDuty, by its Events API v2: incidents are triggered, acknowledged and resolved."""

    routing_key_file: Path = setting("File that holds the integration key of the service (32 characters).")
    url: str = setting("Where events are posted to.", PAGERDUTY_URL, check=is_url)
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)


@dataclass(frozen=True)
class SlackSettings:
    """A Slack channel, by an incoming webhook."""

    url_file: Path = setting("File that holds the address of the incoming webhook, which is a secret.")
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)


@dataclass(frozen=True)
class AppriseSettings:
    """Whatever Apprise speaks (https://github.com/caronc/apprise): needs the extra ``apprise``."""

    url_file: Path = setting("File that holds the Apprise addresses, one a line; they hold secrets.")
    timeout: Seconds = setting("How long one attempt may take.", Seconds(30.0), check=positive)


def secret_key(secret: str) -> bytes:
    """Return the bytes of a secret; raises SecretError, whose text says what was expected and never the secret."""
    text = secret.strip()
    if not text.startswith(SECRET_PREFIX):
        raise SecretError(f"expected {SECRET_WORDS}; {NEXT_STEP}")
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretError(f"what follows '{SECRET_PREFIX}' is no base64 ({error}); {NEXT_STEP}") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise SecretError(f"expected {SECRET_WORDS}, found {len(key)} bytes; {NEXT_STEP}")
    return key
