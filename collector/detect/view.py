"""A batch as the matcher looks at it: whole columns first, objects decoded only when a rule asks about them.

What several rules need of a batch (its distinct values in lower case, a decoded object) is worked out once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from collector.detect.fields import TEXT_FIELDS
from collector.detect.values import OPERATORS
from watchbook.coded import BASE, Coded
from watchbook.wire import Batch, decode_raw

NO_EVENTS: Final[Sequence[int]] = ()
#: So many values tell of most columns that their distinct values are too many.
_SAMPLE: Final = 2 * BASE
#: Texts that stand at more places in a batch are looked for in each value by itself.
_PLACES_MAX: Final = 64


class BatchView:
    """A batch with what was worked out about it so far; ``numbers`` are the arrival numbers of its events."""

    __slots__ = (
        "_changes", "_coded", "_decoded", "_joined", "_objects", "_spellings", "_values", "batch", "n", "numbers",
    )  # fmt: skip

    def __init__(self, batch: Batch, numbers: Sequence[int] | None = None) -> None:
        self.batch = batch
        self.n = batch.n
        self.numbers = range(batch.n) if numbers is None else numbers
        self._values: dict[str, Sequence[Any]] = {}
        self._coded: dict[str, Coded | None] = {}
        self._objects: dict[str, Sequence[Any]] = {}
        self._spellings: dict[str, Mapping[str, str]] = {}
        self._joined: dict[str, str] = {}
        self._changes: dict[str, tuple[dict[str, list[int]], list[tuple[Any, int]]]] = {}
        self._decoded: dict[str, dict[int, Any]] = {}

    def where_any(self, name: str, texts: Sequence[str]) -> Sequence[int]:
        """Return the indices of the events whose value may hold one of some texts in lower case, ascending.

        ``name`` is a column of texts.  All values are looked at as one text: where most batches have no such value this
        costs a hundredth of asking each.
        """
        column = self.values(name)
        joined = self._joined.get(name)
        if joined is None:
            try:
                joined = "\n".join(column).lower()
            except TypeError:
                joined = "\n".join(["" if value is None else value for value in column]).lower()
            self._joined[name] = joined
        places: list[int] = []
        for text in texts:
            place = joined.find(text)
            while place >= 0 and len(places) <= _PLACES_MAX:
                places.append(place)
                place = joined.find(text, place + 1)
        if not places:
            return NO_EVENTS
        if len(places) > _PLACES_MAX or joined.count("\n") != self.n - 1:  # many, or some value has several lines
            return range(self.n)
        index = last = 0
        indices = []
        for place in sorted(places):
            index += joined.count("\n", last, place)
            last = place
            indices.append(index)
        return list(dict.fromkeys(indices))

    def has(self, name: str) -> bool:
        """Return whether any event has a field."""
        return name in self.batch.columns

    def values(self, name: str) -> Sequence[Any]:
        """Return the ``n`` values of a column, None where an event has none."""
        found = self._values.get(name)
        if found is None:
            column = self.batch.columns.get(name)
            found = [column] * self.n if column is None or isinstance(column, str) else column
            self._values[name] = found
        return found

    def at(self, name: str, indices: Sequence[int]) -> Sequence[Any]:
        """Return the values of a column at some indices, None where an event has none."""
        column = self._values.get(name)
        if column is None:
            coded = self.batch.coded(name)
            if coded is not None and coded.high is None:
                values, low = coded.values, coded.low
                return [values[low[index]] for index in indices]
            column = self.batch.columns.get(name)
            if column is None or isinstance(column, str):
                return [column] * len(indices)
        return [column[index] for index in indices]

    def coded(self, name: str) -> Coded | None:
        """Return a column by its distinct values; None when they are too many, or the column is one text or none."""
        if name not in self._coded:
            self._coded[name] = self.batch.coded(name) or self._coded_here(name)
        return self._coded[name]

    def objects(self, name: str) -> Sequence[Any]:
        """Return the decoded objects of a coded column, by code."""
        found = self._objects.get(name)
        if found is None:
            coded = self.coded(name)
            assert coded is not None
            found = self._objects[name] = [None, *_decoded_all(coded.values[1:])]
        return found

    def change_values(self, member: str) -> tuple[Mapping[str, Sequence[int]], Sequence[tuple[Any, int]]]:
        """Return the values of a member of the changes and where they are: of texts, and of all others.

        They are at codes where the changes are coded, else at indices.
        """
        found = self._changes.get(member)
        if found is None:
            texts: dict[str, list[int]] = {}
            others: list[tuple[Any, int]] = []
            for place, changes in enumerate(self.distinct_objects("changes")):
                for change in changes or ():
                    value = change.get(member)
                    if value.__class__ is not str:
                        if value is not None:
                            others.append((value, place))
                    elif value in texts:
                        texts[value].append(place)
                    else:
                        texts[value] = [place]
            found = self._changes[member] = texts, others
        return found

    def where_equal(self, name: str, texts: frozenset[str], *, cased: bool) -> Sequence[int]:
        """Return the indices of the events whose text is one of ``texts`` (in lower case unless ``cased``)."""
        column = self.values(name)
        spellings = self._spellings_of(name, column)
        wanted = {text for text, lowered in spellings.items() if (text if cased else lowered) in texts}
        if not wanted:
            return NO_EVENTS
        return [index for index, value in enumerate(column) if value in wanted]

    def where_measured(self, measure: str, operator: Any, number: float) -> Sequence[int]:
        """Return the indices of the events whose measure compares with ``number`` as asked."""
        compare = OPERATORS[operator]
        return [
            index
            for index, measures in enumerate(self.values("measures"))
            if measures is not None and (value := measures.get(measure)) is not None and compare(value, number)
        ]

    def decoder(self, name: str) -> Callable[[int], Any]:
        """Return a function that gives the decoded object of one event, or None."""
        objects = self._objects.get(name)
        if objects is not None:
            codes = self._coded[name].codes()  # type: ignore[union-attr]
            return lambda index: objects[codes[index]]
        column, decoded = self.values(name), self._decoded.setdefault(name, {})

        def decode(index: int) -> Any:
            if index not in decoded:
                value = column[index]
                decoded[index] = decode_raw(value) if isinstance(value, Raw) else value
            return decoded[index]

        return decode

    def distinct_objects(self, name: str) -> Sequence[Any]:
        """Return the decoded objects of a column: by code where it is coded, else by index; None where none is."""
        if self.coded(name) is not None:
            return self.objects(name)
        column = self.values(name)
        decoded = self._decoded.setdefault(name, {})
        if len(decoded) < self.n:
            there = [index for index, value in enumerate(column) if value is not None]
            decoded.update(dict.fromkeys(range(self.n)))
            decoded.update(zip(there, _decoded_all([column[index] for index in there]), strict=True))
        return [decoded[index] for index in range(self.n)]

    def decoded(self, name: str) -> int:
        """Return how many objects of a column were decoded."""
        return max(len(self._objects.get(name, ())) - 1, 0) + len(self._decoded.get(name, ()))

    def _coded_here(self, name: str) -> Coded | None:
        column = self.batch.columns.get(name) if name in TEXT_FIELDS else None
        if column is None or isinstance(column, str):
            return None
        if len(set(column[:_SAMPLE])) > BASE:
            return None
        distinct = dict.fromkeys(column)
        distinct.pop(None, None)
        if len(distinct) >= BASE:
            return None
        values = (None, *distinct)
        codes = dict(zip(values, range(len(values)), strict=True))
        return Coded(values, bytes(map(codes.__getitem__, column)))

    def _spellings_of(self, name: str, column: Sequence[Any]) -> Mapping[str, str]:
        spellings = self._spellings.get(name)
        if spellings is None:
            spellings = {text: text.lower() for text in set(column) if text is not None}
            self._spellings[name] = spellings
        return spellings


def _decoded_all(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a column, decoded in one go where they are JSON."""
    if not values or not isinstance(values[0], Raw):
        return values
    try:
        decoded: list[Any] = msgspec.json.decode(b"[" + b",".join(values) + b"]")
    except (msgspec.MsgspecError, RecursionError):
        return [decode_raw(value) for value in values]
    return decoded
