"""``destinations.json``: what each destination was sent, and which destinations there were.

Format, version 1: one JSON object, replaced as a whole::

    {"v": 1, "destinations": {NAME: {"digest": "…", "shown": "webhook https://…"}},
     "sent": {NAME: {KIND: "sha256 of the text"}}, "untold": [EVENT, …], "key": "…"}

``digest`` is the SHA-256 of all settings of a destination, ``shown`` what may be told of them.  ``untold`` are events
of changed destinations that the store may not have yet; they are appended under ``key``, so that it takes them once.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from watchbook.database import NewerDatabaseError

VERSION: Final = 1


class Known(msgspec.Struct, frozen=True):
    """A destination as it was configured."""

    digest: str
    shown: str


class Memory(msgspec.Struct):
    """The content of the file."""

    v: int = VERSION
    destinations: dict[str, Known] = {}
    sent: dict[str, dict[str, str]] = {}
    untold: list[dict[str, Any]] = []
    key: str = ""

    def encoded(self) -> bytes:
        """Return the bytes of the file."""
        return msgspec.json.encode(self) + b"\n"

    def has(self, destination: str, kind: str, digest: str) -> bool:
        """Return whether a destination was sent this very checkpoint last."""
        return self.sent.get(destination, {}).get(kind) == digest


def read_memory(path: Path) -> Memory:
    """Return what is remembered, nothing when there is no file; raises ValueError when it cannot be read."""
    try:
        memory = msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except msgspec.MsgspecError as error:
        raise ValueError(
            f"{path} cannot be read: {error}; remove it, and every checkpoint is sent once more"
        ) from error
    if memory.v > VERSION:
        raise NewerDatabaseError(path, memory.v, VERSION)
    return memory


def write_memory(path: Path, encoded: bytes) -> None:
    """Replace the file; returns when it is on disk."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(encoded)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def changes_of(before: Mapping[str, Known], after: Mapping[str, Known]) -> list[tuple[str, str]]:
    """Return what was done to which destination: (``create``, ``update`` or ``delete``; name), by name."""
    changes = []
    for name in sorted({*before, *after}):
        if name not in before:
            changes.append(("create", name))
        elif name not in after:
            changes.append(("delete", name))
        elif before[name].digest != after[name].digest:
            changes.append(("update", name))
    return changes
