"""Compressed files, read as if they were not: what logrotate, gzip(1), xz(1), bzip2(1) and zstd(1) make of a log.

A file counts as compressed by its name, as it does for those programs.  Offsets and sizes are those of the content.
"""

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Any, Final

import zstandard

_PIECE_BYTES: Final = 256 << 10
#: What is kept before the last piece that was read: readers go on a little before where they were.
_KEPT_BYTES: Final = 64 << 10


class _ZstdStream:
    """Frames one after the other; zstandard's own reader takes a frame that is cut off for the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame: Any = None
        self._rest = b""

    def read(self, size: int) -> bytes:
        while data := self._rest or self._file.read(size):
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            content: bytes = self._frame.decompress(data)
            self._rest = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
            if content:
                return content
        if self._frame is not None:
            raise EOFError("the last frame is cut off")
        return b""


_OPENERS: Final[dict[str, Callable[[IO[bytes]], Any]]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _ZstdStream,
}
#: Whatever the four libraries raise for what they cannot read.
_DAMAGED: Final = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, gzip.BadGzipFile, ValueError)


class PackedDamagedError(OSError):
    """A compressed file that is none, is cut off, or is not finished yet."""


def is_packed(path: str) -> bool:
    """Return whether a file is compressed, by its name."""
    return PurePath(path).suffix in _OPENERS


class PackedFile:
    """The content of a compressed file, from any offset; reading on costs little, going back begins anew.

    Every call raises OSError, PackedDamagedError among it.
    """

    def __init__(self, path: str) -> None:
        self._open = _OPENERS[PurePath(path).suffix]
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
        except _DAMAGED as error:
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
