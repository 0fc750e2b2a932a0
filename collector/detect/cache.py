"""Compiled rule files, kept from one start to the next: pySigma takes milliseconds for each rule.

The file is ``WBRC`` and a version, 16 bytes that name the rest (BLAKE2b), and msgpack: a mapping from the key of a rule
file (what it holds and what it was read against) to its documents.  Whatever is wrong with the file, it is as if it
were not there: it can be made anew.  Nothing in it is ever executed.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from collector.detect.compiled import Compiled
from watchbook.logs import get_logger

#: Raised with every change of what a document is compiled to.
VERSION: Final = 5
_MAGIC: Final = b"WBRC" + VERSION.to_bytes(2, "big")
_DIGEST_BYTES: Final = 16
_BYTES_MAX: Final = 512 << 20

log = get_logger("rules")
_decoder: Final = msgspec.msgpack.Decoder(dict[bytes, msgspec.Raw])
_documents: Final = msgspec.msgpack.Decoder(list[Compiled])


class RuleCache:
    """The cache in one file.  ``hits`` and ``misses`` count the rule files since the last :meth:`begin`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[bytes, msgspec.Raw] = {}
        self._used: dict[bytes, msgspec.Raw] = {}
        self._read = False
        self.hits = 0
        self.misses = 0

    def begin(self) -> None:
        """Read the file, unless that was done, and count anew."""
        self.hits = self.misses = 0
        self._used = {}
        if not self._read:
            self._read = True
            self._kept = self._load()

    def get(self, key: bytes) -> Sequence[Compiled] | None:
        """Return the documents of a rule file, None when they are not known."""
        raw = self._kept.get(key)
        if raw is not None:
            try:
                documents = _documents.decode(raw)
            except (msgspec.MsgspecError, ValueError, TypeError):
                documents = None
            if documents is not None:
                self.hits += 1
                self._used[key] = raw
                return documents
        self.misses += 1
        return None

    def put(self, key: bytes, documents: Sequence[Compiled]) -> None:
        """Keep the documents of a rule file."""
        self._used[key] = msgspec.Raw(msgspec.msgpack.encode(documents))

    def commit(self) -> None:
        """Write what was used since :meth:`begin`, where that is not what the file holds.

        That it cannot be written costs time at the next start, and nothing else: it is said, not raised.
        """
        if self._used.keys() == self._kept.keys():
            return
        self._kept = self._used
        payload = msgspec.msgpack.encode(self._kept)
        temporary = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + _digest(payload) + payload)
            temporary.replace(self._path)
        except OSError as error:
            log.warning("rule_cache_unwritten", file=str(self._path), error=str(error),
                        next_step="the next start compiles the rules anew")  # fmt: skip

    def _load(self) -> dict[bytes, msgspec.Raw]:
        try:
            if self._path.stat().st_size > _BYTES_MAX:
                raise ValueError("it is too large")
            data = self._path.read_bytes()
            head = len(_MAGIC) + _DIGEST_BYTES
            if not data.startswith(_MAGIC):
                raise ValueError("it is of another version, or no cache of rules")
            payload = data[head:]
            if data[len(_MAGIC) : head] != _digest(payload):
                raise ValueError("it is damaged")
            return {key: msgspec.Raw(bytes(raw)) for key, raw in _decoder.decode(payload).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.info("rule_cache_ignored", file=str(self._path), error=str(error), next_step="it is written anew")
            return {}


def file_key(content: bytes, *surroundings: str) -> bytes:
    """Return what names a rule file's content together with what it is read against."""
    name = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in (VERSION.to_bytes(2, "big"), *(text.encode() for text in surroundings), content):
        name.update(len(part).to_bytes(8, "big"))
        name.update(part)
    return name.digest()


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST_BYTES).digest()
