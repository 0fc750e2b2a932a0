"""Coded columns: a column as its distinct values and one small number an event.  Pure; no I/O.

Most columns of a batch hold few distinct values (who, what kind of thing, how it ended) or hardly any.  Such a column
is written ``{"d": [values], "i": "codes"}``: ``d`` are the values without nulls, and ``i`` has one character an event,
or, when there are more than 91 values, a plane of ``n`` characters with the higher digits and behind it a plane with
the lower ones.  Digits are of base 92: the printable ASCII characters without ``"`` and ``\\``, in order (``!`` is 0).
Code 0 stands for "absent", code ``k`` for ``d[k - 1]``.  A value may stand in ``d`` more than once.

Whoever asks a question of such a column asks it of the distinct values first, and then of the codes.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import count
from operator import itemgetter, sub
from typing import Any, Final, NamedTuple

import msgspec

#: Characters of the codes, and what a code's higher digit counts for.
DIGITS: Final = bytes(code for code in range(0x21, 0x7F) if code not in b'"\\')
BASE: Final = len(DIGITS)

_encoder = msgspec.json.Encoder()
_TO_TEXT: Final = DIGITS + bytes(256 - BASE)
_FROM_TEXT: Final = bytes(max(0, DIGITS.find(code)) for code in range(256))
_CODES: Final = {chr(digit): code for code, digit in enumerate(DIGITS)}
_ALL: Final = bytes(range(256))
_HIGH: Final = [code // BASE for code in range(BASE * BASE)]
_LOW: Final = [code % BASE for code in range(BASE * BASE)]
_HIGH_OF_BYTE: Final = bytes(_HIGH[:256])
_LOW_OF_BYTE: Final = bytes(_LOW[:256])
#: Columns whose first values are nearly all distinct are left as they are, without looking at the rest.
SAMPLE: Final = 64
_SAMPLE_DISTINCT_MAX: Final = 32


class Coded(NamedTuple):
    """A coded column of a batch.

    ``values[code]`` is what a code stands for; ``values[0]`` is None.  ``low`` has the lower digit of each event's
    code, ``high`` the higher one (None: all are 0).  So numpy has the codes as ``high * BASE + low``.
    """

    values: Sequence[Any]
    low: bytes
    high: bytes | None = None

    def codes(self) -> Sequence[int]:
        """Return the code of each event."""
        if self.high is None:
            return self.low
        return [high * BASE + low for high, low in zip(self.high, self.low, strict=True)]

    def at(self, index: int) -> Any:
        """Return the value of one event."""
        high = 0 if self.high is None else self.high[index]
        return self.values[high * BASE + self.low[index]]

    def column(self) -> list[Any]:
        """Return the value of each event."""
        return list(map(self.values.__getitem__, self.codes()))

    def first(self, code: int) -> int:
        """Return the index of the first event with a code."""
        return list(self.codes()).index(code)


def read_coded(values: list[Any], text: str, n: int) -> Coded:
    """Return the column of ``n`` events that ``d`` and ``i`` describe; raises ValueError when they do not fit."""
    digits = text.encode() if text.isascii() else b""
    largest = len(values)
    planes = 1 if largest < BASE else 2
    if len(digits) != n * planes:
        raise ValueError(f"{len(digits)} characters of codes, expected {planes} for each of {n} events")
    if planes == 1:
        if digits.translate(None, DIGITS[: largest + 1]):  # whatever is left is no code
            raise ValueError(f"a code is no digit or above {largest}, the number of values")
        return Coded([None, *values], digits.translate(_FROM_TEXT))
    coded = Coded([None, *values], digits[n:].translate(_FROM_TEXT), digits[:n].translate(_FROM_TEXT))
    if digits.translate(None, DIGITS) or not _codes_reach(coded, largest):
        raise ValueError(f"a code is no digit or above {largest}, the number of values")
    return coded


def value_at(values: Sequence[Any], text: str, index: int, n: int) -> Any:
    """Return the value of one of ``n`` events of the column that ``d`` and ``i`` describe and that was checked before.

    A small part of the work of :func:`read_coded`, for who wants no more than that.
    """
    code = _CODES[text[index]]
    if len(values) >= BASE:
        code = code * BASE + _CODES[text[n + index]]
    return values[code - 1] if code else None


def has_absent(coded: Coded) -> bool:
    """Return whether some event has no value."""
    if coded.high is None:
        return 0 in coded.low
    return 0 in coded.high and 0 in coded.codes()


def is_varied(column: Sequence[Hashable | None]) -> bool:
    """Return whether a column whose first values are these is not worth a look: nearly all of them are distinct."""
    return len(column) >= SAMPLE and len(set(column[:SAMPLE])) > _SAMPLE_DISTINCT_MAX


def code_column(column: Sequence[Hashable | None]) -> Coded | None:
    """Return a column of hashable values as distinct values and codes, None when that would not be shorter."""
    known: defaultdict[Any, int] = defaultdict(count(1).__next__, ((None, 0),))
    sample = bytes(_looked_up(known, column[:SAMPLE]))
    if len(sample) == SAMPLE:
        if len(known) - (0 not in sample) > _SAMPLE_DISTINCT_MAX:  # as is_varied says
            return None
        if len(known) == 2 and column.count(column[0]) == len(column):
            return Coded([None, column[0]], sample[:1] * len(column))
    try:
        codes: Sequence[int] = sample + bytes(_looked_up(known, column[SAMPLE:]))
    except ValueError:  # more codes than a byte holds
        codes = _looked_up(known, column)
    if 2 * len(known) > len(column) and len(known) > 2:
        return None
    return Coded(list(known), *_planes(codes, len(known) - 1))


def _looked_up(known: Mapping[Any, int], keys: Sequence[Any]) -> Sequence[int]:
    """Return what is known of each key; an itemgetter takes two thirds of the time of a map."""
    return itemgetter(*keys)(known) if len(keys) > 1 else [known[key] for key in keys]


def written(coded: Coded) -> dict[str, Any]:
    """Return the coded form of a column as it is written."""
    planes = coded.low if coded.high is None else coded.high + coded.low
    return {"d": coded.values[1:], "i": planes.translate(_TO_TEXT).decode("ascii")}


def write_coded(column: Sequence[Hashable | None]) -> dict[str, Any] | None:
    """Return the coded form of a column of hashable values, None when that would not be shorter."""
    coded = code_column(column)
    return None if coded is None else written(coded)


def write_sparse(column: Sequence[Any]) -> dict[str, Any]:
    """Return the coded form of a column of which most values are None: every value stands for itself."""
    places = [index for index, value in enumerate(column) if value is not None]
    codes = [0] * len(column)
    for code, index in enumerate(places, 1):
        codes[index] = code
    values = [None, *map(column.__getitem__, places)]
    return written(Coded(values, *_planes(codes, len(places))))


def json_pieces(values: Sequence[Any]) -> list[bytes | None]:
    """Return the JSON of each value, None for None."""
    pieces: list[bytes | None] = list(_encoder.encode_lines(values).split(b"\n"))
    if len(pieces) != len(values) + 1:  # untouched JSON may be spread over lines
        return [None if value is None else _encoder.encode(value) for value in values]
    pieces.pop()
    if None in values:
        return [None if value is None else piece for piece, value in zip(pieces, values, strict=True)]
    return pieces


def differences_of(column: Sequence[Any]) -> list[int | None]:
    """Return the differences between neighbouring numbers of a column, the first from 0; None stays None."""
    if None not in column:
        return [column[0], *map(sub, column[1:], column)]
    found: list[int | None] = []
    last = 0
    for value in column:
        found.append(None if value is None else value - last)
        last = last if value is None else value
    return found


def _planes(codes: Sequence[int], values: int) -> tuple[bytes, bytes | None]:
    """Return the lower and the higher digits of codes, the higher ones None when one digit is enough."""
    if values < BASE:
        return bytes(codes), None
    if isinstance(codes, bytes):
        return codes.translate(_LOW_OF_BYTE), codes.translate(_HIGH_OF_BYTE)
    return bytes(map(_LOW.__getitem__, codes)), bytes(map(_HIGH.__getitem__, codes))


def _codes_reach(coded: Coded, largest: int) -> bool:
    """Return whether no code of two digits is above ``largest``; on whole planes, as numbers, for speed."""
    assert coded.high is not None
    high, low = divmod(largest, BASE)
    if coded.high.translate(None, _ALL[: high + 1]):
        return False
    at_top = coded.high.translate(bytes(high) + b"\xff" + bytes(255 - high))
    lows = int.from_bytes(at_top) & int.from_bytes(coded.low)
    return not lows.to_bytes(len(coded.low)).translate(None, _ALL[: low + 1])
