"""What became of the lines of a chunk so far."""

from collections import Counter
from typing import Any

from agent.records import Normalised, Unparsed

Row = tuple[Any, ...]


class Done:
    """Lines that become one row each, or none."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._unparsed: list[Unparsed] = []
        self._without_row: list[int] = []
        self._blank = 0
        self._dropped: Counter[str] = Counter()
        self.replaced = 0

    def unparsed(self, raw: str, reason: str) -> None:
        """Note that the next line stays unparsed."""
        self._unparsed.append(Unparsed(self._place(), raw, reason))
        self._without_row.append(self._place())

    def blank(self) -> None:
        """Note that the next line is blank."""
        self._blank += 1
        self._without_row.append(self._place())

    def drop(self, kind: str) -> None:
        """Note that the next line is left out on purpose."""
        self._dropped[kind] += 1
        self._without_row.append(self._place())

    def _place(self) -> int:
        return len(self.rows) + len(self._without_row)

    def normalised(self) -> Normalised:
        """Return it all."""
        row_lines = None
        if self._without_row:
            gaps = set(self._without_row)
            row_lines = [place for place in range(self._place()) if place not in gaps]
        return Normalised(self.rows, row_lines, self._unparsed, self._blank, self.replaced, self._dropped)


class Several:
    """Lines that may become several rows each."""

    def __init__(self) -> None:
        self.unparsed: list[Unparsed] = []
        self.dropped: Counter[str] = Counter()
        self.blank = 0
        self.replaced = 0
        self._rows: list[Row] = []
        self._places: list[int] = []

    def add(self, row: Row, place: int) -> None:
        """Add a row of the line at a place."""
        self._rows.append(row)
        self._places.append(place)

    def normalised(self, lines: int) -> Normalised:
        """Return it all, for so many lines."""
        row_lines = None if self._places == list(range(lines)) else self._places
        return Normalised(self._rows, row_lines, self.unparsed, self.blank, self.replaced, self.dropped)
