"""TLS of the HTTP face: the certificate is taken anew when its files change, without a restart."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from collector.web.settings import ServerTlsSettings
from watchbook.certificates import (
    FollowedContext,
    TlsFileError,
    expiry_problem,
    load_authorities,
    load_key_pair,
    read_expiries,
)
from watchbook.clock import SECOND_US
from watchbook.daemon import Stop
from watchbook.logs import get_logger

log = get_logger("web")


class ServerTls:
    """The certificate of the face.

    ``context`` is for the listening socket, None without TLS; it always serves what was loaded last.
    """

    def __init__(self, settings: ServerTlsSettings | None, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._followed = None if settings is None else followed_context(settings)
        self._expires = Gauge(
            "watchbook_tls_certificate_expires_timestamp_seconds",
            "When the certificate of the HTTP face expires; 0 without TLS.",
            registry=registry,
        )
        self._unusable = Gauge(
            "watchbook_tls_files_unusable",
            "1 while the certificate's files cannot be used as they are; what was loaded before stays in use.",
            registry=registry,
        )
        self.context: ssl.SSLContext | None = None

    async def load(self) -> None:
        """Load the files; raises TlsFileError when they cannot be used."""
        if self._followed is None:
            return
        await self.follow()
        if self._followed.context is None:
            raise TlsFileError(f"'web.tls': {self._followed.error}")
        self.context = self._followed.context
        self.context.sni_callback = self._give_newest

    async def follow(self) -> None:
        """Look whether the files have changed."""
        if self._followed is None or self._settings is None:
            return
        before = self._followed.error
        if await asyncio.to_thread(self._followed.follow):
            log.info("tls_files_loaded", file=str(self._settings.cert_file))
            expires = await asyncio.to_thread(_expiry, self._settings.cert_file)
            self._expires.set((expires or 0) // SECOND_US)
        elif self._followed.error is not None and self._followed.error != before:
            log.error("tls_files_unusable", error=self._followed.error, next_step="mend them; the old ones stay in use")
        self._unusable.set(self._followed.error is not None)

    async def run(self, stop: Stop) -> None:
        """Follow the files until the stop."""
        while self._settings is not None and not await stop.wait(self._settings.reload_interval):
            await self.follow()

    def _give_newest(self, connection: ssl.SSLObject, *_: object) -> None:
        """Answer a handshake with the newest context: called for each, also when the client names no server."""
        assert self._followed is not None
        assert self._followed.context is not None
        connection.context = self._followed.context


def followed_context(settings: ServerTlsSettings) -> FollowedContext:
    """Return the context that the settings ask for; nothing is read before it is told to follow."""
    files = [settings.cert_file, settings.key_file, settings.client_ca_file]
    return FollowedContext(lambda: _context(settings), lambda: [path for path in files if path is not None])


def _context(settings: ServerTlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_key_pair(context, settings.cert_file, settings.key_file)
    if settings.client_ca_file is not None:
        load_authorities(context, settings.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_findings(settings: ServerTlsSettings, now: int) -> Iterator[tuple[bool, str]]:
    """Yield (wrong, text) of what ``check`` finds in the files."""
    followed = followed_context(settings)
    followed.follow()
    if followed.error is not None:
        yield True, followed.error
        return
    expires = _expiry(settings.cert_file)
    problem = expires and expiry_problem(str(settings.cert_file), expires, now, settings.expiry_warning)
    yield bool(problem), problem or f"{settings.cert_file} and its key are read"


def _expiry(cert_file: Path) -> int | None:
    """Return when the first of a file's certificates expires, None when that cannot be read just now."""
    try:
        return min(read_expiries(cert_file), default=None)
    except TlsFileError:
        return None
