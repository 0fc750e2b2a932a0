"""Many RFC 3339 times at once.  The same instants as :func:`watchbook.clock.parse_rfc3339`; no I/O.

Times that are all written alike in UTC (``2026-11-21T14:05:09Z``, with 0, 3 or 6 digits of a fraction) are read as one
matrix of digits: an eighth of the time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchbook.clock import EPOCH, SECOND_US, TIME_MAX_US, TIME_MIN_US

_DAY_US: Final = 86_400 * SECOND_US
#: By length of the text: its pattern, ``0`` for a digit.
_PATTERNS: Final = {len(text): text for text in (f"0000-00-00T00:00:00{end}Z" for end in ("", ".000", ".000000"))}
_PARTS: Final = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 26))
_LARGEST: Final = np.array([9999, 12, 31, 23, 59, 59, 999_999])
_SMALLEST: Final = np.array([1, 1, 1, 0, 0, 0, 0])
_UNITS_US: Final = np.array([_DAY_US, 3600 * SECOND_US, 60 * SECOND_US, SECOND_US, 1])


class _Form:
    """Where the digits and the signs of one way to write a time stand, and what each digit counts for in its part."""

    def __init__(self, pattern: str) -> None:
        text = np.frombuffer(pattern.encode(), np.uint8)
        self.signs = np.flatnonzero(text != ord("0"))
        self.signs_text = text[self.signs]
        self.digits = np.flatnonzero(text == ord("0"))
        self.weights = np.zeros((len(self.digits), len(_PARTS)))
        for row, place in enumerate(self.digits):
            part = next(index for index, (begin, end) in enumerate(_PARTS) if begin <= place < end)
            self.weights[row, part] = 10.0 ** (_PARTS[part][1] - 1 - place)


_FORMS: Final = {length: _Form(pattern) for length, pattern in _PATTERNS.items()}


def instants(texts: Sequence[str]) -> list[int]:
    """Return times as microseconds since the epoch; raises ValueError when any is no RFC 3339 time in the years 1-9999.

    Which one and why, :func:`watchbook.clock.parse_rfc3339` says.
    """
    length = len(texts[0]) if texts else 0
    form = _FORMS.get(length)
    if form is not None and set(map(len, texts)) == {length}:
        found = _by_digits("".join(texts).encode(), length, form)
        if found is not None:
            return found
    return _one_by_one(texts)


def _by_digits(text: bytes, length: int, form: _Form) -> list[int] | None:
    if len(text) % length:  # not only ASCII
        return None
    matrix = np.frombuffer(text, np.uint8).reshape(-1, length)
    digits = matrix[:, form.digits] - ord("0")  # anything else wraps to above 9
    if (matrix[:, form.signs] != form.signs_text).any() or (digits > 9).any():
        return None
    parts = (digits @ form.weights).astype(np.int64)
    if (parts > _LARGEST).any() or (parts < _SMALLEST).any():
        return None
    months = (parts[:, 0] * 12 + parts[:, 1] - (1970 * 12 + 1)).astype("datetime64[M]")
    first = _days(months)
    if (parts[:, 2] > _days(months + 1) - first).any():  # no such day in that month
        return None
    parts[:, 2] += first - 1
    times: list[int] = (parts[:, 2:] @ _UNITS_US).tolist()
    return times


def _days(months: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return months.astype("datetime64[D]").astype(np.int64)


def _one_by_one(texts: Sequence[str]) -> list[int]:
    try:
        spans: list[Any] = [datetime.fromisoformat(text.upper()) - EPOCH for text in texts]
    except (TypeError, OverflowError) as error:  # no zone; too far
        raise ValueError("a time has no zone or lies outside the years 1 to 9999") from error
    times = [span.days * _DAY_US + span.seconds * SECOND_US + span.microseconds for span in spans]
    if times and not (min(times) >= TIME_MIN_US and max(times) <= TIME_MAX_US):
        raise ValueError("a time lies outside the years 1 to 9999")
    return times
