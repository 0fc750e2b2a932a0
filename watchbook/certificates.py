"""Certificates in files: when they expire, and TLS contexts that follow their files.

Both programs have them: the agent as a client, the collector as a server.  Everything here blocks.
"""

import re
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from watchbook.clock import EPOCH, SECOND_US, format_rfc3339
from watchbook.units import format_duration

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION = 0x30, 0xA0
_TIME_FORMATS: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
_DAY_S: Final = 86_400


class TlsFileError(Exception):
    """A file of certificates or keys cannot be used; the text says which and why."""


def read_expiries(path: Path) -> list[int]:
    """Return when each certificate of a PEM file expires, in microseconds since the epoch; raises TlsFileError."""
    try:
        pieces = _PEM.findall(path.read_text(encoding="utf-8", errors="replace"))
        return [_expiry(ssl.PEM_cert_to_DER_cert(piece)) for piece in pieces]
    except OSError as error:
        raise TlsFileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise TlsFileError(f"{path}: holds something that is no certificate: {error}") from error


def expiry_of_peer(not_after: str) -> int:
    """Return the microseconds since the epoch of a ``notAfter`` as :meth:`ssl.SSLSocket.getpeercert` gives it."""
    return ssl.cert_time_to_seconds(not_after) * SECOND_US


def expiry_problem(what: str, expires: int, now: int, warning_s: float) -> str | None:
    """Return a sentence when something expires within ``warning_s`` seconds or has expired, else None."""
    left_s = (expires - now) // SECOND_US
    if left_s > warning_s:
        return None
    day = format_rfc3339(expires)[:10]
    if left_s < 0:
        return f"{what} expired on {day}; replace it"
    rounded = left_s // _DAY_S * _DAY_S or left_s // 3600 * 3600
    return f"{what} expires on {day}, in {format_duration(rounded)}; replace it"


def explain(error: OSError) -> str:
    """Return why a file of certificates or keys was not taken, in words."""
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not the certificate's"
    return (error.reason or str(error)).replace("_", " ").lower()


def load_key_pair(context: ssl.SSLContext, cert_file: Path, key_file: Path | None) -> None:
    """Load a certificate with its key (None: it stands in the same file); raises TlsFileError.

    A key with a passphrase is refused: nobody is there to type it.
    """
    for path in filter(None, (cert_file, key_file)):
        _refuse_unreadable(path)
    try:
        context.load_cert_chain(cert_file, key_file, password=lambda: "")
    except OSError as error:
        raise TlsFileError(f"{cert_file} with the key {key_file or cert_file}: {explain(error)}") from error


def load_authorities(context: ssl.SSLContext, ca_file: Path) -> None:
    """Trust the certificates of a PEM file; raises TlsFileError."""
    _refuse_unreadable(ca_file)
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        raise TlsFileError(f"{ca_file}: {explain(error)}") from error


def _refuse_unreadable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise TlsFileError(f"{path}: cannot be read: {error.strerror}") from error


class FollowedContext:
    """A TLS context that is built anew when its files change.

    ``context`` is the newest that could be built, None before there was one.  ``error`` says why the files as they are
    now cannot be used: then the context before stays.  ``files`` returns those that ``build`` reads.
    """

    def __init__(self, build: Callable[[], ssl.SSLContext], files: Callable[[], Sequence[Path]]) -> None:
        self._build = build
        self._files = files
        self._lock = threading.Lock()
        self._seen: list[tuple[int, int, int] | None] | None = None
        self.context: ssl.SSLContext | None = None
        self.error: str | None = None

    def follow(self) -> bool:
        """Look at the files; return whether there is a new context.  May be called from several threads."""
        with self._lock:
            return self._follow()

    def _follow(self) -> bool:
        seen = [_signature(path) for path in self._files()]  # before they are read: what changes meanwhile is seen next
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self.context = self._build()
        except (TlsFileError, OSError) as error:
            self.error = str(error)
            return False
        self.error = None
        return True


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _expiry(der: bytes) -> int:
    """Return the end of a certificate's validity (RFC 5280, section 4.1)."""
    _, start, _ = _element(der, 0)
    _, at, _ = _element(der, start)
    tag, _, end = _element(der, at)
    skipped = 4 if tag == _VERSION else 3  # version?, serial number, algorithm, issuer
    for _ in range(skipped):
        _, _, at = _element(der, at)
    tag, at, _ = _element(der, at)
    if tag != _SEQUENCE:
        raise ValueError("its validity is missing")
    _, _, at = _element(der, at)
    tag, start, end = _element(der, at)
    if tag not in _TIME_FORMATS:
        raise ValueError("its validity has no end")
    moment = datetime.strptime(der[start:end].decode("ascii"), _TIME_FORMATS[tag]).replace(tzinfo=UTC)
    return int((moment - EPOCH).total_seconds()) * SECOND_US


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the DER element at a place (X.690, section 8.1)."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    if start + length > len(der):
        raise ValueError("it is cut short")
    return der[at], start, start + length
