"""One attempt to bring a checkpoint to a destination."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import msgspec

from collector.destinations.settings import (
    DestinationSettings,
    FileDestination,
    SyslogDestination,
    WebhookDestination,
    syslog_address,
)
from watchbook import __version__
from watchbook.clock import Clock, format_rfc3339

#: local0 (16), notice (5): RFC 5424, section 6.2.1.
_PRIORITY: Final = 16 * 8 + 5
_SHOWN_OF_ANSWER: Final = 200


class Checkpoint(NamedTuple):
    """A signed note as it is in its file; ``kind`` tells which: ``segments`` or ``head``."""

    kind: str
    text: str


class DeliveryFailedError(Exception):
    """An attempt that failed; it can be tried again."""


async def deliver(
    checkpoint: Checkpoint, destination: DestinationSettings, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """Make one attempt; raises DeliveryFailedError."""
    try:
        if destination.webhook is not None:
            await _post(checkpoint, destination.webhook, session)
        elif destination.file is not None:
            await asyncio.to_thread(_write, checkpoint, destination.file)
        elif destination.syslog is not None:
            message = syslog_message(checkpoint, clock(), socket.gethostname())
            await asyncio.to_thread(_send, message, destination.syslog)
    except TimeoutError as error:
        raise DeliveryFailedError("no answer in time") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DeliveryFailedError(str(error) or type(error).__name__) from error


def syslog_message(checkpoint: Checkpoint, now: int, host: str) -> bytes:
    """Return a checkpoint as a message of RFC 5424, without framing.

    The text is a JSON string in ASCII, so that it stays one line, and byte for byte what was signed.
    """
    content = msgspec.json.encode({"kind": checkpoint.kind, "checkpoint": checkpoint.text}).decode()
    ascii_content = "".join(char if char.isascii() else _escaped(char) for char in content)
    name = "".join(char for char in host if "!" <= char <= "~")[:255] or "-"
    header = f"<{_PRIORITY}>1 {format_rfc3339(now)} {name} watchbook {os.getpid()} checkpoint - "
    return (header + ascii_content).encode()


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


async def _post(checkpoint: Checkpoint, webhook: WebhookDestination, session: aiohttp.ClientSession) -> None:
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "User-Agent": f"watchbook/{__version__}",
        "Watchbook-Checkpoint": checkpoint.kind,
    }
    if webhook.token_file is not None:
        token = await asyncio.to_thread(webhook.token_file.read_text, encoding="utf-8")
        headers["Authorization"] = f"Bearer {token.strip()}"
    timeout = aiohttp.ClientTimeout(total=webhook.timeout)
    async with session.post(
        webhook.url, data=checkpoint.text.encode(), headers=headers, timeout=timeout, allow_redirects=False
    ) as response:
        if not 200 <= response.status < 300:
            answer = (await response.content.read(_SHOWN_OF_ANSWER)).decode("utf-8", "replace")
            raise DeliveryFailedError(f"answered {response.status}: {' '.join(answer.split())}".removesuffix(": "))


def _write(checkpoint: Checkpoint, file: FileDestination) -> None:
    """Bring a checkpoint to disk; one that is kept among others ends with an empty line."""
    if file.mode == "append":
        with file.path.open("ab") as opened:
            opened.write(checkpoint.text.encode() + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        return
    new = file.path.with_name(f"{file.path.name}.{checkpoint.kind}.new")
    with new.open("wb") as opened:
        opened.write(checkpoint.text.encode())
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(_by_kind(file.path, checkpoint.kind))
    _sync_folder(file.path.parent)


def _by_kind(path: Path, kind: str) -> Path:
    """Return where the newest checkpoint of a kind lies: there are several kinds, and none must hide another."""
    return path.with_name(f"{path.name}.{kind}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _send(message: bytes, syslog: SyslogDestination) -> None:
    """Send a message: a datagram, or over TCP with its length before it (RFC 6587, section 3.4.1)."""
    address = syslog_address(syslog.address)
    if address.transport == "tcp":
        with socket.create_connection((address.host, address.port), timeout=syslog.timeout) as connection:
            connection.sendall(b"%d %b" % (len(message), message))
            # Most receivers close now that they have it all; one that was cut off resets.
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(TimeoutError):
                connection.recv(1)
        return
    if address.transport == "unix":
        family, target = socket.AF_UNIX, address.path
    else:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        family, target = found[0], found[4]  # type: ignore[assignment]
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(syslog.timeout)
        datagrams.sendto(message, target)
