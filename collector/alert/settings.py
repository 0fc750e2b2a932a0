"""The settings of alerts and notifications."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from watchbook.configfile import Node, Problem, positive, setting
from watchbook.units import Seconds

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix of every secret
#: What Standard Webhooks asks of a secret (section "Symmetric signatures").
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
_SECRET_WORDS: Final = f"'{SECRET_PREFIX}' and the base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes"
_NEXT_STEP: Final = f"make one with: echo {SECRET_PREFIX}$(openssl rand -base64 32)"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    return None if right else "an address such as https://example.com/hooks/watchbook"


def _name(value: str) -> str | None:
    return None if _NAME.fullmatch(value) else "up to 64 letters, digits, '-' and '_', beginning with a letter or digit"


@dataclass(frozen=True)
class WebhookSettings:
    """A webhook, signed after the Standard Webhooks specification.  It has one of ``secret`` and ``secret_file``."""

    url: str = setting("Where notifications are posted to; redirects are not followed.", check=_url)
    secret_file: Path | None = setting(f"File that holds the secret: {_SECRET_WORDS}. It or 'secret' is needed.", None)
    secret: str | None = setting("The secret itself, where a file is not wanted.", None)
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)

    def key(self) -> bytes:
        """Return the bytes to sign with; raises ValueError (without the secret in its text) or OSError."""
        if self.secret is not None:
            return secret_key(self.secret)
        if self.secret_file is None:
            raise ValueError("neither 'secret_file' nor 'secret' is set")
        return secret_key(self.secret_file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ChannelSettings:
    """Somebody who is told about alerts."""

    name: str = setting("Name of the channel; notifications that were not sent yet are kept under it.", check=_name)
    webhook: WebhookSettings = setting("The webhook that is told.")
    resolved: bool = setting("Whether it is also told when an alert is over.", True)


@dataclass(frozen=True)
class AlertLimits:
    """Alerts, and who is told about them."""

    evidence_max: int = setting(
        "How many event ids an alert keeps (its first ones); it counts beyond.", 100, check=positive
    )
    in_flight: int = setting("How many notifications of one channel are sent at the same time.", 4, check=positive)
    retry_first: Seconds = setting(
        "Pause after the first failed attempt; it doubles with each.", Seconds(1.0), check=positive
    )
    retry_max: Seconds = setting(
        "Longest pause between two attempts; a receiver may ask for more with Retry-After, up to an hour.",
        Seconds(60.0),
        check=positive,
    )
    public_url: str | None = setting(
        "The address under which people reach the collector, for links to alerts; without it links are paths.", None
    )
    look_every: Seconds = setting(
        "How often it is looked whether a silence or an exception begins, ends soon or is over.",
        Seconds(1.0),
        check=positive,
    )
    silences_max: int = setting("How many silences there may be that are not over.", 1000, check=positive)
    silence_time_max: Seconds = setting("How far ahead a silence may end.", Seconds(90 * 86_400.0), check=positive)
    silence_warning: Seconds = setting(
        "How long before its end a silence is announced to end (a short one after half of its time).",
        Seconds(900.0),
        check=positive,
    )
    exceptions_max: int = setting("How many exceptions there may be that are not over.", 1000, check=positive)
    exception_time_max: Seconds = setting(
        "How far ahead an exception may end.", Seconds(366 * 86_400.0), check=positive
    )


@dataclass(frozen=True)
class AlertSettings(AlertLimits):
    """Alerts, and who is told about them."""

    notify: tuple[ChannelSettings, ...] = setting("Channels that are told about every alert.", ())


def secret_key(secret: str) -> bytes:
    """Return the bytes of a secret; raises ValueError, whose text says what was expected and never the secret."""
    text = secret.strip()
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"expected {_SECRET_WORDS}; {_NEXT_STEP}")
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"what follows '{SECRET_PREFIX}' is no base64 ({error}); {_NEXT_STEP}") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(f"expected {_SECRET_WORDS}, found {len(key)} bytes; {_NEXT_STEP}")
    return key


def channel_problems(channels: Sequence[ChannelSettings], notify: Node) -> Iterator[Problem]:
    """Yield what one option alone cannot tell: a channel without a secret that can be used, a name given twice.

    ``notify`` is the list that the channels were bound from.  A secret is never part of a problem.
    """
    first_lines: dict[str, int] = {}
    for channel, place in zip(channels, notify.sequence(), strict=True):
        options = place.mapping()
        line = first_lines.setdefault(channel.name, options["name"].line)
        if line != options["name"].line:
            yield options["name"].problem(f"another channel has this name, on line {line}; give it its own")
        yield from _secret_problems(channel.webhook, options["webhook"])


def _secret_problems(webhook: WebhookSettings, place: Node) -> Iterator[Problem]:
    given = [name for name in ("secret", "secret_file") if getattr(webhook, name) is not None]
    if len(given) != 1:
        found = "both" if given else "neither"
        yield place.problem(f"expected one of 'secret_file' and 'secret', found {found}; {_NEXT_STEP}")
        return
    node = place.mapping()[given[0]]
    try:
        webhook.key()
    except OSError as error:
        yield node.problem(f"cannot be read: {error.strerror}; it should hold {_SECRET_WORDS}")
    except UnicodeDecodeError:
        yield node.problem(f"is not text; it should hold {_SECRET_WORDS}")
    except ValueError as error:
        yield node.problem(str(error))
