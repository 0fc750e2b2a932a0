"""Lanes: the columns of the chunk that is being built, one a field, fed some batches at a time.

A lane is there from the first batch that has its field; the rows before and between are absent.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.index.addresses import address_codes
from collector.index.dictionary import Dictionary
from collector.index.forms import (
    pack_addresses,
    pack_checksums,
    pack_codes,
    pack_counts,
    pack_numbers,
    pack_presence,
)
from collector.index.spread import changed_fields, checksums_of, floats_of, mapped, presence_of, spread
from collector.view import SEPARATOR
from watchbook.columns import Batch

#: Counts are kept of chunks whose largest code is below this.
COUNTED_CODES: Final = 256


class Lane(Protocol):
    """What all lanes can do."""

    def add(self, at: int, batches: Sequence[Batch]) -> None:
        """Take the field's values of consecutive batches, ``at`` being the first one's row; some have the field."""
        ...

    def pack(self, n: int) -> bytes:
        """Return the blob of the chunk's first ``n`` rows."""
        ...


class _ColumnLane:
    """A lane with one number a row, found value by value."""

    _absent: float = 0

    def __init__(self, field: str, rows: int, dtype: type[np.generic]) -> None:
        self._field = field
        self._values: NDArray[Any] = np.full(rows, self._absent, dtype) if self._absent else np.zeros(rows, dtype)

    def add(self, at: int, batches: Sequence[Batch]) -> None:
        end = at + sum(batch.n for batch in batches)
        if end > len(self._values):
            larger = np.full(max(end, 2 * len(self._values)), self._absent, self._values.dtype)
            larger[: len(self._values)] = self._values
            self._values = larger
        spread(batches, self._field, self._numbers_of, self._values[at:end])

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        raise NotImplementedError


class CodedLane(_ColumnLane):
    """Codes of texts."""

    def __init__(self, field: str, rows: int, dictionary: Dictionary) -> None:
        super().__init__(field, rows, np.uint32)
        self._dictionary = dictionary

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        return mapped(self._dictionary, values)

    def pack(self, n: int) -> bytes:
        return pack_codes(self._values[:n])

    def pack_counts(self, n: int) -> bytes | None:
        """Return the blob of how often each code is in the first ``n`` rows; None when there are many codes."""
        codes = self._values[:n]
        return pack_counts(np.bincount(codes)) if int(codes.max()) < COUNTED_CODES else None


class ListLane(CodedLane):
    """Codes of lists of texts, each list joined to one; an empty list is absent, as it has no value to be found."""

    def __init__(self, field: str, rows: int, dictionary: Dictionary) -> None:
        super().__init__(field, rows, dictionary)
        self._codes = _ListCodes(dictionary)

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        return mapped(self._codes, (tuple(texts or ()) for texts in values))


class ChangedFieldsLane(ListLane):
    """Codes of the names of the fields that an event's ``changes`` speak of."""

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        return super()._numbers_of(changed_fields(values))


class _ListCodes(dict[tuple[str, ...], int]):
    """Gives the code of a list, from a dictionary of joined lists."""

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__({(): 0})
        self._dictionary = dictionary

    def __missing__(self, texts: tuple[str, ...]) -> int:
        joined = SEPARATOR.join(dict.fromkeys(texts))
        ambiguous = any(SEPARATOR in text for text in texts)
        code = self[texts] = self._dictionary.code_of_unkept(joined) if ambiguous else self._dictionary[joined]
        return code


class HashedLane(_ColumnLane):
    """Checksums of texts."""

    def __init__(self, field: str, rows: int) -> None:
        super().__init__(field, rows, np.uint32)

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        return checksums_of(values)

    def pack(self, n: int) -> bytes:
        return pack_checksums(self._values[:n])


class AddressLane(_ColumnLane):
    """IP addresses: the number of an IPv4 address, or that there is something else."""

    def __init__(self, field: str, rows: int) -> None:
        super().__init__(field, rows, np.uint64)

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        return address_codes(values)

    def pack(self, n: int) -> bytes:
        codes = self._values[:n]
        return pack_addresses((codes >> np.uint64(32)).astype(np.uint8), codes.astype(np.uint32))


class NumberLane(_ColumnLane):
    """Numbers that most events have."""

    _absent = np.nan

    def __init__(self, field: str, rows: int) -> None:
        super().__init__(field, rows, np.float64)
        self._exact = True

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        floats, exact = floats_of(values)
        self._exact &= exact
        return floats

    def pack(self, n: int) -> bytes:
        present = ~np.isnan(self._values[:n])
        return pack_numbers(present, self._values[:n][present], exact=self._exact)


class PresenceLane(_ColumnLane):
    """Whether there is a value."""

    def __init__(self, field: str, rows: int) -> None:
        super().__init__(field, rows, np.bool_)

    def _numbers_of(self, values: Sequence[Any]) -> NDArray[Any]:
        return presence_of(values)

    def pack(self, n: int) -> bytes:
        return pack_presence(self._values[:n])


class MeasureLane:
    """Numbers of one name among the events' measures, given one by one."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._values: list[int | float] = []

    def put(self, row: int, value: float) -> None:
        """Take the value of a row; rows come in order, each once."""
        self._rows.append(row)
        self._values.append(value)

    def pack(self, n: int) -> bytes:
        """Return the blob of the chunk's first ``n`` rows."""
        present = np.zeros(n, np.bool_)
        present[self._rows] = True
        values, exact = floats_of(self._values)
        return pack_numbers(present, values, exact=exact)
