"""Packs arrays of whole numbers into few bytes.

A packed column is one zstd frame (with its size and a checksum) over the differences of its numbers (modulo 2**64, the
first from 0), little-endian, the first bytes of all of them, then all second bytes, and so on: what hardly changes
becomes long runs of zeros.
"""

import threading
from typing import Any, Final

import numpy as np
import zstandard
from numpy.typing import NDArray

_LEVEL: Final = 9
_local: Final = threading.local()

Numbers = NDArray[np.int64]


class PackedError(ValueError):
    """Packed bytes that cannot be unpacked: they are damaged."""


def planes_of(array: NDArray[Any]) -> bytes:
    """Return the bytes of an array, the first bytes of all entries first."""
    width = array.dtype.itemsize
    return np.ascontiguousarray(array.view(np.uint8).reshape(-1, width).T).tobytes()


def from_planes(data: bytes, dtype: Any) -> NDArray[Any]:
    """Return the array that :func:`planes_of` turned into bytes."""
    width = np.dtype(dtype).itemsize
    planes = np.frombuffer(data, np.uint8).reshape(width, -1)
    return np.ascontiguousarray(planes.T).reshape(-1).view(dtype)


def pack(columns: list[Numbers]) -> bytes:
    """Return columns of 64-bit numbers, all of one length, as one piece of bytes."""
    planes = [planes_of(np.diff(column.astype(np.int64), prepend=np.int64(0))) for column in columns]
    return compress(b"".join(planes), _LEVEL)


def unpack(data: bytes, count: int, *, bytes_max: int) -> list[Numbers]:
    """Return the ``count`` columns that were packed; raises PackedError."""
    content = decompress(data, bytes_max)
    if len(content) % (8 * count):
        raise PackedError(f"{len(content)} bytes are no {count} columns")
    size = len(content) // count
    parts = [content[at * size : (at + 1) * size] for at in range(count)]
    return [np.cumsum(from_planes(part, np.int64), dtype=np.int64) for part in parts]


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: making one costs more than unpacking what a block needs."""
    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found


def compress(content: bytes, level: int) -> bytes:
    """Return one zstd frame that says its content size and carries a checksum."""
    return zstandard.ZstdCompressor(level=level, write_content_size=True, write_checksum=True).compress(content)


def decompress(data: bytes, bytes_max: int) -> bytes:
    """Return the content of a frame of at most ``bytes_max`` bytes; raises PackedError."""
    try:
        if zstandard.get_frame_parameters(data).content_size > bytes_max:
            raise PackedError(f"the frame holds more than {bytes_max} bytes")
        return _decompressor().decompress(data, max_output_size=bytes_max, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PackedError(f"no zstd frame: {error}") from error
