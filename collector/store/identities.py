"""Who is who in a sealed segment: the batches that came, and for each event of a block its batch and index in it.

A sealed segment keeps a table of its batches as columns, in order of arrival (:class:`Batches`), packed by
:mod:`collector.store.packing`.  The events of a block refer to it: packed beside the block's data are the batches that
the block holds events of, as differences of their positions in the table; a code into those for every event; and every
event's index in its batch, as the difference to the event of the same batch before it in the block (all 16 or 32 bits,
little-endian, planes of bytes, one zstd frame)::

    u16 how many batches | u32 differences of positions | u16 codes | u16 differences of indices (modulo 2**16)

An event's arrival number and time of receipt follow from its batch.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from collector.block import Identity, IdentityColumns
from collector.store.packing import Numbers, PackedError, compress, decompress, from_planes, pack, planes_of, unpack

BATCH_COLUMNS: Final = ("number", "n", "kept", "received", "stream", "sequence", "tmin", "tmax", "digest")
_TABLE_BYTES_MAX: Final = 1 << 30
_BLOCK_BYTES_MAX: Final = 1 << 20
_LEVEL: Final = 9
_COUNT: Final = struct.Struct("<H")


@dataclass(frozen=True)
class Batches:
    """The batches of a sealed segment, in order of arrival.

    ``number`` is the arrival number of the first event, ``n`` how many events came, ``kept`` how many of them are still
    in the segment, ``stream`` a position in the names of streams, ``tmin`` and ``tmax`` span the event times,
    ``digest`` are the first 8 bytes of the SHA-256 of the batch's bytes as they came.
    """

    number: Numbers
    n: Numbers
    kept: Numbers
    received: Numbers
    stream: Numbers
    sequence: Numbers
    tmin: Numbers
    tmax: Numbers
    digest: Numbers

    def packed(self) -> bytes:
        """Return the table as bytes; sequences by stream, so that each differs from the last by one."""
        order = np.argsort(self.stream, kind="stable")
        columns = [getattr(self, name) for name in BATCH_COLUMNS]
        columns[BATCH_COLUMNS.index("sequence")] = self.sequence[order]
        return pack(columns)

    @classmethod
    def unpacked(cls, data: bytes) -> "Batches":
        """Return the table of packed bytes; raises PackedError."""
        columns = dict(zip(BATCH_COLUMNS, unpack(data, len(BATCH_COLUMNS), bytes_max=_TABLE_BYTES_MAX), strict=True))
        order = np.argsort(columns["stream"], kind="stable")
        sequence = np.empty_like(columns["sequence"])
        sequence[order] = columns["sequence"]
        columns["sequence"] = sequence
        return cls(**columns)


def pack_identities(positions: Numbers, indices: Numbers) -> bytes:
    """Return a block's events, given as positions in the table of batches and indices in the batch, as bytes."""
    distinct, codes = np.unique(positions, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    by_batch = indices[order].astype(np.uint16)
    same = np.concatenate(([False], codes[order][1:] == codes[order][:-1]))
    before = np.concatenate((np.zeros(1, np.uint16), by_batch[:-1]))
    differences = np.empty(len(indices), np.uint16)
    differences[order] = by_batch - np.where(same, before, np.uint16(0))
    steps = np.diff(distinct, prepend=np.int64(0)).astype(np.uint32)
    content = planes_of(steps) + planes_of(codes.astype(np.uint16)) + planes_of(differences)
    return compress(_COUNT.pack(len(distinct)) + content, _LEVEL)


def unpack_identities(data: bytes, n: int) -> tuple[Numbers, Numbers]:
    """Return positions in the table of batches and indices in the batch of ``n`` events; raises PackedError."""
    packed = _PackedPlaces(data, n)
    return packed.positions(), packed.indices()


class _PackedPlaces:
    """Where a block's events came from, as far unpacked as it takes to know that it can be; raises PackedError."""

    def __init__(self, data: bytes, n: int) -> None:
        content = decompress(data, _BLOCK_BYTES_MAX)
        if len(content) < _COUNT.size:
            raise PackedError("the identities are cut off")
        (count,) = _COUNT.unpack_from(content)
        codes_at = _COUNT.size + 4 * count
        if len(content) != codes_at + 4 * n:
            raise PackedError(f"the identities are not those of {n} events")
        self.n = n
        self._steps = content[_COUNT.size : codes_at]
        self._codes = from_planes(content[codes_at : codes_at + 2 * n], np.uint16)
        self._differences = content[codes_at + 2 * n :]
        if n and int(self._codes.max()) >= count:
            raise PackedError("the identities name a batch that is not there")

    def positions(self) -> Numbers:
        """Return the positions in the table of batches."""
        steps = from_planes(self._steps, np.uint32)
        positions: Numbers = np.cumsum(steps, dtype=np.int64)[self._codes]
        return positions

    def indices(self) -> Numbers:
        """Return the indices in the batch."""
        return _indices(self._codes.astype(np.int64), from_planes(self._differences, np.uint16))

    def at(self, index: int) -> tuple[int, int]:
        """Return the position and the index of one event: a tenth of what all of them cost."""
        code = self._codes[index]
        position = int(from_planes(self._steps, np.uint32)[: int(code) + 1].sum(dtype=np.int64))
        same = self._codes[: index + 1] == code
        before = from_planes(self._differences, np.uint16)[: index + 1][same]
        return position, int(before.sum(dtype=np.int64)) & 0xFFFF


def _indices(codes: Numbers, differences: NDArray[np.uint16]) -> Numbers:
    order = np.argsort(codes, kind="stable")
    summed = np.cumsum(differences[order], dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], codes[order][1:] != codes[order][:-1]))[: len(codes)])
    lengths = np.diff(np.append(starts, len(codes)))
    before = np.concatenate(([0], summed))[starts]
    indices = np.empty(len(codes), np.int64)
    indices[order] = (summed - np.repeat(before, lengths)) & 0xFFFF
    return indices


class Identities(Sequence[Identity]):
    """The identities of a block's events; each is made when it is asked for.

    ``positions`` (in ``batches``) and ``indices`` have one entry an event; ``names`` are the names of streams.
    """

    def __init__(
        self, batches: Batches, names: Sequence[str], places: "tuple[Numbers, Numbers] | _PackedPlaces"
    ) -> None:
        self.batches = batches
        self.names = names
        self._places = places

    @classmethod
    def packed(cls, batches: Batches, names: Sequence[str], data: bytes, n: int) -> "Identities":
        """Return those that :func:`pack_identities` packed, unpacked as they are asked for; raises PackedError."""
        return cls(batches, names, _PackedPlaces(data, n))

    @property
    def positions(self) -> Numbers:
        """The positions in the table of batches."""
        return self._unpacked()[0]

    @property
    def indices(self) -> Numbers:
        """The indices in the batch."""
        return self._unpacked()[1]

    def _unpacked(self) -> tuple[Numbers, Numbers]:
        places = self._places
        if isinstance(places, _PackedPlaces):
            places = self._places = places.positions(), places.indices()
        return places

    def __len__(self) -> int:
        return self._places.n if isinstance(self._places, _PackedPlaces) else len(self._places[0])

    @overload
    def __getitem__(self, index: int) -> Identity: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Identity]: ...
    def __getitem__(self, index: int | slice) -> Identity | Sequence[Identity]:
        if isinstance(index, slice):
            return Identities(self.batches, self.names, (self.positions[index], self.indices[index]))
        places, batches = self._places, self.batches
        if isinstance(places, _PackedPlaces):
            at, place = places.at(index if index >= 0 else places.n + index)
        else:
            at, place = int(places[0][index]), int(places[1][index])
        return Identity(
            self.names[int(batches.stream[at])],
            int(batches.sequence[at]),
            place,
            int(batches.received[at]),
            int(batches.number[at]) + place,
        )

    def columns(self) -> IdentityColumns:
        """Return them as columns."""
        batches, at = self.batches, self.positions
        numbers = batches.number[at] + self.indices
        streams, sequences, received = batches.stream[at], batches.sequence[at], batches.received[at]
        return IdentityColumns(self.names, streams, sequences, self.indices, received, numbers)
