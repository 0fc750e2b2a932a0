"""A batch as the matcher looks at it: whole columns first, objects decoded only for the events that a rule asks about.

What several rules need of a batch (its distinct values in lower case, a decoded object) is worked out once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Raw

from collector.detect.values import OPERATORS
from watchbook.wire import Batch, decode_raw

NO_EVENTS: Final[Sequence[int]] = ()


class BatchView:
    """A batch with what was worked out about it so far."""

    __slots__ = ("_decoded", "_spellings", "_values", "batch", "n")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.n = batch.n
        self._values: dict[str, Sequence[Any]] = {}
        self._spellings: dict[str, Mapping[str, str]] = {}
        self._decoded: dict[str, dict[int, Any]] = {}

    def values(self, name: str) -> Sequence[Any]:
        """Return the ``n`` values of a column, None where an event has none."""
        found = self._values.get(name)
        if found is None:
            column = self.batch.columns.get(name)
            found = [column] * self.n if column is None or isinstance(column, str) else column
            self._values[name] = found
        return found

    def where_equal(self, name: str, texts: frozenset[str], *, cased: bool) -> Sequence[int]:
        """Return the indices of the events whose text is one of ``texts`` (in lower case unless ``cased``)."""
        column = self.batch.columns.get(name)
        if column is None:
            return NO_EVENTS
        if isinstance(column, str):
            return range(self.n) if (column if cased else column.lower()) in texts else NO_EVENTS
        spellings = self._spellings_of(name, column)
        wanted = {text for text, lowered in spellings.items() if (text if cased else lowered) in texts}
        if not wanted:
            return NO_EVENTS
        if len(wanted) == 1:
            (text,) = wanted
            return [index for index, value in enumerate(column) if value == text]
        return [index for index, value in enumerate(column) if value in wanted]

    def where_measured(self, measure: str, operator: Any, number: float) -> Sequence[int]:
        """Return the indices of the events whose measure compares with ``number`` as asked."""
        column = self.batch.columns.get("measures")
        if column is None:
            return NO_EVENTS
        compare = OPERATORS[operator]
        return [
            index
            for index, measures in enumerate(column)
            if measures is not None and (value := measures.get(measure)) is not None and compare(value, number)
        ]

    def decoder(self, name: str) -> Callable[[int], Any]:
        """Return a function that gives the decoded object of one event, or None."""
        column, decoded = self.values(name), self._decoded.setdefault(name, {})

        def decode(index: int) -> Any:
            if index not in decoded:
                value = column[index]
                decoded[index] = decode_raw(value) if isinstance(value, Raw) else value
            return decoded[index]

        return decode

    def decoded(self, name: str) -> set[int]:
        """Return the indices of the events whose object was decoded."""
        return set(self._decoded.get(name, ()))

    def _spellings_of(self, name: str, column: Sequence[Any]) -> Mapping[str, str]:
        spellings = self._spellings.get(name)
        if spellings is None:
            spellings = {text: text.lower() for text in set(column) if text is not None}
            self._spellings[name] = spellings
        return spellings
