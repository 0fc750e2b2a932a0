"""What unpacks compressed files: the libraries, and what they raise."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, Final

import zstandard


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


#: By the suffix of a name, what reads such a file on and on.
OPENERS: Final[dict[str, Callable[[IO[bytes]], Any]]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _ZstdStream,
}
#: Whatever the four libraries raise for what they cannot read.
DAMAGED: Final = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, gzip.BadGzipFile, ValueError)
