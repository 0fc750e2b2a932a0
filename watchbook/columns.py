"""A batch of events as columns, as everybody but the wire sees it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from watchbook.coded import Coded

Column = Sequence[Any] | str


class Columns(Mapping[str, Column]):
    """Columns by field name, in the order of ``names``; a coded one is written out when it is first asked for."""

    __slots__ = ("_names", "_plain", "coded")

    def __init__(self, names: Sequence[str], plain: dict[str, Column], coded: dict[str, Coded]) -> None:
        self._names = names
        self._plain = plain
        self.coded = coded

    def __getitem__(self, name: str) -> Column:
        column = self._plain.get(name)
        if column is None:
            column = self._plain[name] = self.coded[name].column()
        return column

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column, ``default`` when no event has the field."""
        column = self._plain.get(name)
        if column is None and name in self.coded:
            return self[name]
        return default if column is None else column

    def coded_form(self, name: str) -> Coded | None:
        """Return a column as distinct values and codes, None when it did not come like that."""
        return self.coded.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._plain or name in self.coded

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Batch:
    """A decoded batch: ``n`` events as columns, with times and offsets as absolute numbers.

    ``columns`` maps a field name to a list of ``n`` values or to the one text that all events share.  Values of
    ``details`` and ``changes`` are ``msgspec.Raw`` until asked for through :meth:`event` or :meth:`value`.
    """

    __slots__ = ("columns", "n")

    def __init__(self, n: int, columns: Mapping[str, Column]) -> None:
        self.n = n
        self.columns = columns

    @property
    def times(self) -> Sequence[int]:
        """The event times, microseconds since the epoch."""
        return self.columns.get("time", ())  # type: ignore[return-value]

    def coded(self, name: str) -> Coded | None:
        """Return a column as distinct values and codes, if it came like that: questions cost less there."""
        return self.columns.coded_form(name) if isinstance(self.columns, Columns) else None

    def surely_lacks(self, name: str, piece: bytes) -> bool:  # noqa: ARG002 - nothing is known so cheaply here
        """Return whether surely no value of a column holds a piece of lower-case ASCII text, whatever its case there.

        ``piece`` is written as JSON would write it.  False says nothing.
        """
        return False

    def column(self, name: str) -> Sequence[Any] | None:
        """Return ``n`` values, or None when no event has the field."""
        column = self.columns.get(name)
        return [column] * self.n if isinstance(column, str) else column

    def value(self, name: str, index: int) -> Any:
        """Return one field of one event, or None when it is absent."""
        value = self._value(name, index)
        return decode_raw(value) if isinstance(value, msgspec.Raw) else value

    def row(self, index: int) -> dict[str, Any]:
        """Return one event in flat form, ``details`` and ``changes`` untouched (``msgspec.Raw``)."""
        flat = {name: self._value(name, index) for name in self.columns}
        return {name: value for name, value in flat.items() if value is not None}

    def event(self, index: int) -> dict[str, Any]:
        """Return one event in flat form, without the fields it lacks."""
        flat = {name: self.value(name, index) for name in self.columns}
        return {name: value for name, value in flat.items() if value is not None}

    def _value(self, name: str, index: int) -> Any:
        coded = self.coded(name)
        if coded is not None:
            return coded.at(index)
        column = self.columns.get(name)
        return column if column is None or isinstance(column, str) else column[index]


def decode_raw(raw: msgspec.Raw) -> Any:
    """Return the value of an untouched piece of JSON.

    Its text when it nests deeper than this call can follow, or holds a number that Python cannot: an event that was
    accepted can always be read.
    """
    try:
        return msgspec.json.decode(raw)
    except (RecursionError, msgspec.MsgspecError):
        return bytes(raw).decode()
