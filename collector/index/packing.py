"""Arrays as bytes and back: the columns of an index.

Format of a packed blob: one zstd frame (RFC 8878) with content size and content checksum.  In it, little-endian, what
the kind of the blob says (:mod:`collector.index.forms`), built from *integers*::

    u8 width | u32 count | i64 base | width planes of count bytes each

``value[i] = base + stored[i]``; plane ``k`` holds byte ``k`` (from the least) of every stored number.  Width 0: all are
``base``, and there are no planes.  Bytes of the same weight lie together because that is what compresses.
"""

import struct
import threading
from typing import Any, Final, NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

_LEVEL: Final = 3
#: No blob of ours is larger: a damaged one must not claim more memory than this.
_CONTENT_BYTES_MAX: Final = 1 << 27
_local: Final = threading.local()
_INTEGERS: Final = struct.Struct("<BIq")
_DTYPES: Final[tuple[type[np.unsignedinteger[Any]], ...]] = (
    np.uint8, np.uint8, np.uint16, np.uint32, np.uint32, np.uint64, np.uint64, np.uint64, np.uint64
)  # fmt: skip


class PackingError(ValueError):
    """Bytes that are no packed blob: damaged, or of another format."""


class Integers(NamedTuple):
    """Unpacked integers: ``base + stored``; ``stored`` is read-only, and a constant one takes no memory."""

    stored: NDArray[np.unsignedinteger[Any]]
    base: int


def compress(content: bytes) -> bytes:
    """Return one zstd frame with content size and checksum."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:  # making one costs as much as a small column
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
        _local.compressor = compressor
    return compressor.compress(content)


def decompress(data: bytes) -> bytes:
    """Return the content of a frame; raises PackingError when it is damaged."""
    try:
        if zstandard.get_frame_parameters(data).content_size > _CONTENT_BYTES_MAX:
            raise PackingError("the blob claims an impossible size")
        decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
        if decompressor is None:
            decompressor = _local.decompressor = zstandard.ZstdDecompressor()
        return decompressor.decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PackingError(f"the blob is no zstd frame: {error}") from error


def pack_integers(values: NDArray[Any], *, based: bool = False) -> bytes:
    """Return numbers as bytes (see the module); ``based``: as differences from the least, which may be negative.

    Without ``based`` no value may be negative.
    """
    least, most = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if least == most:
        return _INTEGERS.pack(0, len(values), least)
    base = least if based else 0
    width = ((most - base).bit_length() + 7) // 8
    stored = (values - base if base else values).astype(f"<u{_itemsize(width)}")
    planes = stored.view(np.uint8).reshape(len(values), -1)[:, :width].T
    return _INTEGERS.pack(width, len(values), base) + planes.tobytes()


class Unpacker:
    """Takes a blob's content apart from its beginning; raises PackingError where it is not what it should be."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        piece = self._content[self._at : self._at + size]
        if len(piece) != size:
            raise PackingError("the blob ends too early")
        self._at += size
        return piece

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def integers(self, expected: int | None) -> Integers:
        """Return the next integers, of which there must be as many as ``expected``, if that is known."""
        width, count, base = _INTEGERS.unpack(self.take(_INTEGERS.size))
        if width > 8 or (expected is not None and count != expected):
            raise PackingError(f"the blob holds {count} numbers of {width} bytes, {expected} were expected")
        if width == 0:
            return Integers(np.broadcast_to(np.uint8(0), (count,)), base)
        planes = np.frombuffer(self.take(width * count), np.uint8).reshape(width, count)
        if width == 1:
            return Integers(planes[0], base)
        stored = np.zeros(count, _DTYPES[width])
        stored.view(np.uint8).reshape(count, -1)[:, :width] = planes.T
        stored.flags.writeable = False
        return Integers(stored, base)

    def end(self) -> None:
        """Raise PackingError when anything is left."""
        if self._at != len(self._content):
            raise PackingError("the blob goes on where it should end")


def constant(value: int, count: int) -> NDArray[np.unsignedinteger[Any]]:
    """Return ``count`` times the same number, in the narrowest type, without memory for it."""
    return np.broadcast_to(np.array(value, np.min_scalar_type(value)), (count,))


def _itemsize(width: int) -> int:
    return np.dtype(_DTYPES[width]).itemsize
