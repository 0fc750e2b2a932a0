"""Secrets of hooks: given inline, or in a file that is read again when it changes."""

import base64
import binascii
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_PREFIX: Final = "whsec_"


class SecretError(Exception):
    """A secret cannot be had; says where and what to do."""


def plain_key(secret: str) -> bytes:
    """Return the bytes of a secret that is used as it is written."""
    return secret.encode()


def standard_key(secret: str) -> bytes:
    """Return the bytes of a secret of Standard Webhooks: ``whsec_`` and base64.  Raises SecretError."""
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretError("expected a secret of Standard Webhooks: whsec_ and base64") from error
    if not key:
        raise SecretError("expected a secret, found an empty one")
    return key


class Secrets:
    """The keys that count now."""

    def __init__(self, inline: Sequence[str], path: Path | None, key_of: Callable[[str], bytes]) -> None:
        self._path = path
        self._key_of = key_of
        self._seen: tuple[int, ...] | None = None
        self._keys = tuple(map(key_of, inline))

    def current(self) -> tuple[bytes, ...]:
        """Return the keys; looks at the file, so it blocks.  Raises SecretError."""
        if self._path is None:
            return self._keys
        try:
            stat = os.stat(self._path)  # noqa: PTH116  # once a request
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_ctime_ns)
            if seen != self._seen:
                self._keys = self._read(self._path)
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is no text"
            raise SecretError(f"the secret file {self._path} cannot be read: {reason}") from error
        return self._keys

    def _read(self, path: Path) -> tuple[bytes, ...]:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        try:
            keys = tuple(self._key_of(line) for line in lines if line)
        except SecretError as error:
            raise SecretError(f"the secret file {path}: {error}") from error
        if not keys:
            raise SecretError(f"the secret file {path} is empty; write the secret into it, one on each line")
        return keys
