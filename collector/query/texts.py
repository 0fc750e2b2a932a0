"""Numbers for texts that are the same in every segment: how what was counted by code is added up over segments.

Each segment's dictionary has codes of its own.  A text's *number* is given when it is first met and belongs to the
process; of each segment and field it is remembered which code has which number.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collector.view import IndexView

Numbers = NDArray[np.int64]
UNKNOWN: Final = -1
#: Segments a field whose codes are remembered.
_GENERATIONS_MAX: Final = 1024


class Numbered:
    """The numbers of one field's texts.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._by_code: dict[str, Numbers] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def of_text(self, text: str) -> int:
        """Return the number of a text."""
        with self._lock:
            return self._number(text)

    def text(self, number: int) -> str:
        """Return the text of a number."""
        return self._texts[number]

    def of_codes(
        self, view: IndexView, generation: str, field: str, codes: NDArray[Any], unkept: Callable[[int], str | None]
    ) -> Numbers:
        """Return the numbers of codes; ``unkept`` finds a text that the index does not hold, UNKNOWN if it cannot."""
        known = self._by_code.get(generation)
        size = view.size(field) + 1
        if known is None or len(known) < size:
            grown = np.full(size, UNKNOWN, np.int64)
            if known is not None:
                grown[: len(known)] = known
            known = self._by_code[generation] = grown
            while len(self._by_code) > _GENERATIONS_MAX:
                self._by_code.pop(next(iter(self._by_code)), None)
        new = codes[known[codes] == UNKNOWN]
        for code in new.tolist():
            text = view.text(field, code)
            if text is None:
                text = unkept(code)
            if text is not None:
                known[code] = self.of_text(text)
        numbers: Numbers = known[codes]
        return numbers

    def _number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return number


class TextNumbers:
    """The numbers of all fields' texts; forgets everything of a field that has more than ``texts_max``."""

    def __init__(self, texts_max: int) -> None:
        self._texts_max = texts_max
        self._lock = threading.Lock()
        self._fields: dict[str, Numbered] = {}

    def of(self, field: str) -> Numbered:
        """Return the numbers of a field's texts, the same object for all of one query."""
        with self._lock:
            known = self._fields.get(field)
            if known is None or len(known) > self._texts_max:
                known = self._fields[field] = Numbered()
            return known
