"""Counts the events in an export as its bytes come by.  Pure."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol


class RecordCounter(Protocol):
    """Counts; ``records`` is how many were seen to their end."""

    @property
    def records(self) -> int:
        """How many there were so far."""
        ...

    def add(self, piece: bytes) -> int:
        """Take the next piece; return how many records ended in it."""
        ...


class LineCounter:
    """Counts lines that hold an event: all of NDJSON, those of a JSON array that begin with a brace."""

    def __init__(self) -> None:
        self.records = 0
        self._begins = True

    def add(self, piece: bytes) -> int:
        """Take the next piece; a line counts where it begins."""
        begun = piece.count(b"\n{") + (self._begins and piece.startswith(b"{"))
        self._begins = piece.endswith(b"\n")
        self.records += begun
        return begun


class CsvCounter:
    """Counts the records of a CSV without its header (RFC 4180): line ends outside of quotes."""

    def __init__(self) -> None:
        self._ends = 0
        self._quoted = False

    @property
    def records(self) -> int:
        """How many records followed the header."""
        return max(0, self._ends - 1)

    def add(self, piece: bytes) -> int:
        """Take the next piece."""
        before = self.records
        for number, part in enumerate(piece.split(b'"')):
            self._quoted ^= number > 0
            if not self._quoted:
                self._ends += part.count(b"\n")
        return self.records - before


_COUNTERS: Final[Mapping[str, Callable[[], RecordCounter]]] = {
    "csv": CsvCounter,
    "json": LineCounter,
    "ndjson": LineCounter,
}


def record_counter(kind: str) -> RecordCounter | None:
    """Return what counts the events of a format, None for a format that does not show them."""
    made = _COUNTERS.get(kind)
    return None if made is None else made()
