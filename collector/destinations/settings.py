"""Settings of the destinations: where checkpoints are sent, so that whoever owns this host cannot take them back."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from watchbook.configfile import Node, Problem, positive, setting
from watchbook.units import Seconds

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_KINDS: Final = ("webhook", "file", "syslog")
_SYSLOG_WORDS: Final = "udp://host:514, tcp://host:514 or unix:///dev/log"
_SYSLOG_PORT: Final = 514


class SyslogAddress(NamedTuple):
    """Where a syslog receiver listens; ``path`` for ``unix``, ``host`` and ``port`` for the others."""

    transport: Literal["udp", "tcp", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""


def syslog_address(text: str) -> SyslogAddress:
    """Return what an address names; raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        return SyslogAddress("unix", path=parts.path)
    if parts.scheme in ("udp", "tcp") and parts.hostname and parts.path in ("", "/") and parts.port != 0:
        return SyslogAddress("udp" if parts.scheme == "udp" else "tcp", parts.hostname, parts.port or _SYSLOG_PORT)
    raise ValueError(f"expected {_SYSLOG_WORDS}, found {text!r}")


def _name(value: str) -> str | None:
    return None if _NAME.fullmatch(value) else "up to 64 letters, digits, '-' and '_', beginning with a letter or digit"


def _url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    return None if right else "an address such as https://example.com/checkpoints"


def _address(value: str) -> str | None:
    try:
        syslog_address(value)
    except ValueError:
        return _SYSLOG_WORDS
    return None


@dataclass(frozen=True)
class WebhookDestination:
    """A web server that keeps what is posted to it."""

    url: str = setting("Where checkpoints are posted to, as text/plain; redirects are not followed.", check=_url)
    token_file: Path | None = setting("File with a token that is sent as 'Authorization: Bearer'.", None)
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)


@dataclass(frozen=True)
class FileDestination:
    """A file elsewhere: on another disk, or on a share that this host may only write to."""

    path: Path = setting("The file; its folder must be there.")
    mode: Literal["append", "replace"] = setting(
        "Whether every checkpoint is kept in it ('append'), or only the newest of each kind, in PATH.KIND ('replace').",
        "append",
    )


@dataclass(frozen=True)
class SyslogDestination:
    """A syslog receiver (RFC 5424)."""

    address: str = setting(f"Where it listens: {_SYSLOG_WORDS}.", check=_address)
    timeout: Seconds = setting("How long one attempt may take.", Seconds(10.0), check=positive)


@dataclass(frozen=True)
class DestinationSettings:
    """A place that checkpoints are sent to; it has one of 'webhook', 'file' and 'syslog'."""

    name: str = setting("Name of the destination; what was sent is remembered under it.", check=_name)
    webhook: WebhookDestination | None = setting("A web server.", None)
    file: FileDestination | None = setting("A file.", None)
    syslog: SyslogDestination | None = setting("A syslog receiver.", None)


@dataclass(frozen=True)
class CheckpointSettings:
    """Checkpoints: signed statements of what the log held, and who is sent them."""

    send: tuple[DestinationSettings, ...] = setting("Where new checkpoints are sent.", ())
    every: Seconds = setting("How often the collector looks for a new checkpoint.", Seconds(60.0), check=positive)
    retry_first: Seconds = setting(
        "Pause after the first failed attempt; it doubles with each.", Seconds(1.0), check=positive
    )
    retry_max: Seconds = setting("Longest pause between two attempts.", Seconds(300.0), check=positive)


def destination_problems(destinations: Sequence[DestinationSettings], send: Node) -> Iterator[Problem]:
    """Yield what one option alone cannot tell: a name given twice, no kind or several.  ``send`` is the list's node."""
    first_lines: dict[str, int] = {}
    for destination, place in zip(destinations, send.sequence(), strict=True):
        name = place.mapping()["name"]
        line = first_lines.setdefault(destination.name, name.line)
        if line != name.line:
            yield name.problem(f"another destination has this name, on line {line}; give it its own")
        given = [kind for kind in _KINDS if getattr(destination, kind) is not None]
        if len(given) != 1:
            found = f"both '{given[0]}' and '{given[1]}'" if given else "none of them"
            yield place.problem(f"expected one of 'webhook', 'file' and 'syslog', found {found}")
