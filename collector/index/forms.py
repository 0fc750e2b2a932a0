"""What the blobs of an index hold: one function to pack each kind of column, and one that unpacks whatever it is.

Content of a blob (before compression), first byte its kind; *integers* are those of :mod:`collector.index.packing`::

    1 coded      integers: the codes
    2 hashed     integers: the checksums (24 bits)
    3 numbers    u8 exact | integers: absent rows, a bit each | u8 0: integers, 1: f64 as 8 byte planes
    4 addresses  integers: kinds | integers: numbers
    5 presence   integers: absent rows, a bit each
    6 times      i64 first | integers: differences
    7 counts     integers: how many rows have code 0, 1, 2 …

Bits are counted from the highest of the first byte (numpy's packbits); numbers are kept of present rows only.
"""

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collector.index.packing import Integers, PackingError, Unpacker, compress, constant, decompress, pack_integers
from collector.view import AddressColumn, CodedColumn, Column, HashedColumn, Mask, NumberColumn, PresenceColumn

_CODED: Final = 1
_HASHED: Final = 2
_NUMBERS: Final = 3
_ADDRESSES: Final = 4
_PRESENCE: Final = 5
_TIMES: Final = 6
_COUNTS: Final = 7
_FIRST: Final = struct.Struct("<q")
#: Floats below this tell every integer from its neighbours.
EXACT_MAX: Final = 2**53


def pack_codes(codes: NDArray[np.uint32]) -> bytes:
    """Return the blob of a coded column."""
    return compress(bytes((_CODED,)) + pack_integers(codes))


def pack_checksums(checksums: NDArray[np.uint32]) -> bytes:
    """Return the blob of a hashed column."""
    return compress(bytes((_HASHED,)) + pack_integers(checksums))


def pack_numbers(present: Mask, values: NDArray[np.float64], *, exact: bool) -> bytes:
    """Return the blob of a column of numbers: ``values`` are those of the ``present`` rows, in their order."""
    content = bytes((_NUMBERS, exact)) + _pack_mask(present)
    if np.all(np.abs(values) <= EXACT_MAX) and np.all(values == np.rint(values)):
        return compress(content + b"\0" + pack_integers(values.astype(np.int64), based=True))
    planes = values.astype("<f8").view(np.uint8).reshape(-1, 8).T
    return compress(content + b"\1" + planes.tobytes())


def pack_addresses(kinds: NDArray[np.uint8], numbers: NDArray[np.uint32]) -> bytes:
    """Return the blob of a column of IP addresses."""
    return compress(bytes((_ADDRESSES,)) + pack_integers(kinds) + pack_integers(numbers))


def pack_presence(present: Mask) -> bytes:
    """Return the blob of a column of which only the presence is kept."""
    return compress(bytes((_PRESENCE,)) + _pack_mask(present))


def pack_times(times: NDArray[np.int64]) -> bytes:
    """Return the blob of the times of a chunk, of which there is at least one."""
    return compress(
        bytes((_TIMES,)) + _FIRST.pack(int(times[0])) + pack_integers(np.diff(times, prepend=times[:1]), based=True)
    )


def pack_counts(counts: NDArray[Any]) -> bytes:
    """Return the blob of how many rows have each code."""
    return compress(bytes((_COUNTS,)) + pack_integers(counts))


def unpack_column(data: bytes, n: int) -> Column:
    """Return the column of ``n`` rows that a blob holds; raises PackingError."""
    unpacker = Unpacker(decompress(data))
    kind = unpacker.byte()
    column = _unpack(kind, unpacker, n)
    unpacker.end()
    return column


def unpack_times(data: bytes, n: int) -> NDArray[np.int64]:
    """Return the ``n`` times that a blob holds; raises PackingError."""
    unpacker = Unpacker(decompress(data))
    _expect(unpacker, _TIMES)
    (first,) = _FIRST.unpack(unpacker.take(_FIRST.size))
    differences = unpacker.integers(n)
    unpacker.end()
    times = np.cumsum(differences.stored, dtype=np.int64)
    times += np.int64(differences.base) * np.arange(1, n + 1, dtype=np.int64) + first
    times.flags.writeable = False
    return times


def unpack_counts(data: bytes) -> NDArray[np.int64]:
    """Return how many rows have each code; raises PackingError."""
    unpacker = Unpacker(decompress(data))
    _expect(unpacker, _COUNTS)
    counts = unpacker.integers(None)
    unpacker.end()
    return counts.stored.astype(np.int64) + counts.base


def _unpack(kind: int, unpacker: Unpacker, n: int) -> Column:
    match kind:
        case 1:
            return CodedColumn(_plain(unpacker.integers(n)))
        case 2:
            return HashedColumn(_plain(unpacker.integers(n)).astype(np.uint32, copy=False))
        case 3:
            return _unpack_numbers(unpacker, n)
        case 4:
            kinds, numbers = _plain(unpacker.integers(n)), _plain(unpacker.integers(n))
            return AddressColumn(numbers.astype(np.uint32, copy=False), kinds.astype(np.uint8, copy=False))
        case 5:
            return PresenceColumn(_unpack_mask(unpacker, n))
    raise PackingError(f"there is no column of kind {kind}")


def _unpack_numbers(unpacker: Unpacker, n: int) -> NumberColumn:
    exact = bool(unpacker.byte())
    present = _unpack_mask(unpacker, n)
    count = int(np.count_nonzero(present))
    if unpacker.byte() == 0:
        integers = unpacker.integers(count)
        found = (integers.stored.astype(np.int64) + integers.base).astype(np.float64)
    else:
        planes = np.frombuffer(unpacker.take(8 * count), np.uint8).reshape(8, count)
        found = np.ascontiguousarray(planes.T).view("<f8").reshape(count).astype(np.float64, copy=False)
    if count == n:
        return NumberColumn(found, exact)
    values = np.full(n, np.nan)
    values[present] = found
    return NumberColumn(values, exact)


def _plain(integers: Integers) -> NDArray[np.unsignedinteger[Any]]:
    """Return integers that were packed without a base of their own: only constants have one."""
    if integers.stored.strides == (0,) or not integers.base:
        return constant(integers.base, len(integers.stored)) if integers.base else integers.stored
    raise PackingError("the blob's numbers have a base where there should be none")


def _pack_mask(present: Mask) -> bytes:
    # The absent rows, so that the padding of a column without any is like the rest of it.
    return pack_integers(np.packbits(~present))


def _unpack_mask(unpacker: Unpacker, n: int) -> Mask:
    bits = _plain(unpacker.integers((n + 7) // 8)).astype(np.uint8, copy=False)
    if bits.strides == (0,) and n and not bits[0]:
        return np.broadcast_to(np.True_, (n,))
    mask: Mask = np.unpackbits(bits, count=n) == 0
    return mask


def _expect(unpacker: Unpacker, kind: int) -> None:
    found = unpacker.byte()
    if found != kind:
        raise PackingError(f"expected a blob of kind {kind}, found {found}")
