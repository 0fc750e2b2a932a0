"""Compressed files, read as if they were not: what logrotate, gzip(1), xz(1), bzip2(1) and zstd(1) make of a log.

A file counts as compressed by its name, as it does for those programs.  Offsets and sizes are those of the content.
"""

import os
from pathlib import PurePath
from typing import Final

_PIECE_BYTES: Final = 256 << 10
#: What is kept before the last piece that was read: readers go on a little before where they were.
_KEPT_BYTES: Final = 64 << 10
_SUFFIXES: Final = frozenset({".gz", ".bz2", ".xz", ".zst"})


class PackedDamagedError(OSError):
    """A compressed file that is none, is cut off, or is not finished yet."""


def is_packed(path: str) -> bool:
    """Return whether a file is compressed, by its name."""
    return PurePath(path).suffix in _SUFFIXES


class PackedFile:
    """The content of a compressed file, from any offset; reading on costs little, going back begins anew.

    Every call raises OSError, PackedDamagedError among it.
    """

    def __init__(self, path: str) -> None:
        # Only with the first file that needs it: most logs are not compressed, and this is 0.3 MB.
        from agent.tail.unpacking import DAMAGED, OPENERS

        self._open, self._damaged = OPENERS[PurePath(path).suffix], DAMAGED
        self._file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb")
        self._path = path
        self._rewind()

    def stat(self) -> os.stat_result:
        """Return what the system says of the compressed file."""
        return os.fstat(self._file.fileno())

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def size(self) -> int:
        """Return how many bytes the content has; reads it to the end."""
        if not self.stat().st_size:
            raise PackedDamagedError(f"{self._path}: it is empty")
        while self._read_on():
            self._drop(self._begin + len(self._buffer))
        return self._begin + len(self._buffer)

    def pread(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``, fewer at the end."""
        if offset < self._begin:
            self._rewind()
        while self._begin + len(self._buffer) < offset + size and self._read_on():
            self._drop(offset)
        start = offset - self._begin
        return bytes(self._buffer[start : start + size])

    def _rewind(self) -> None:
        self._file.seek(0)
        self._stream = self._open(self._file)
        self._buffer = bytearray()
        self._begin = 0

    def _read_on(self) -> bool:
        try:
            piece = self._stream.read(_PIECE_BYTES)
        except self._damaged as error:
            raise PackedDamagedError(f"{self._path}: {error}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise PackedDamagedError(f"{self._path}: {error}") from error  # what bz2 says of other data
        self._buffer += piece
        return bool(piece)

    def _drop(self, wanted_from: int) -> None:
        """Forget what lies well before the offset from which bytes are wanted."""
        surplus = min(wanted_from - _KEPT_BYTES - self._begin, len(self._buffer))
        if surplus > _PIECE_BYTES:
            del self._buffer[:surplus]
            self._begin += surplus
