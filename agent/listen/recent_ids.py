"""The last messages of a hook, so that one that is sent again is known.

As the mark of an input: digests of 12 bytes, the oldest first.
"""

import hashlib
from typing import Final

_DIGEST_BYTES: Final = 12


def digest_of(message_id: str) -> bytes:
    """Return what is remembered of a message's id."""
    return hashlib.blake2b(message_id.encode("utf-8", "surrogateescape"), digest_size=_DIGEST_BYTES).digest()


class RecentIds:
    """A set of at most ``ids_max`` digests that forgets the oldest first."""

    def __init__(self, mark: bytes | None, ids_max: int) -> None:
        data = mark or b""
        starts = range(0, len(data) - _DIGEST_BYTES + 1, _DIGEST_BYTES)
        self._ids = dict.fromkeys(data[start : start + _DIGEST_BYTES] for start in starts)
        self._ids_max = ids_max

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._ids

    def add(self, digest: bytes) -> None:
        """Remember one more."""
        self._ids[digest] = None
        while len(self._ids) > self._ids_max:
            del self._ids[next(iter(self._ids))]

    def mark(self) -> bytes:
        """Return all of them, to be stored."""
        return b"".join(self._ids)
