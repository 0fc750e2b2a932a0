"""Bytes of a stream to lines.  Pure.

A line ends with ``\\n``; ``\\r`` before it is no part of it.  What comes after the last ``\\n`` waits for more.
"""

from typing import NamedTuple


class Lines(NamedTuple):
    """Whole lines, and the places of those that were cut at the limit."""

    lines: list[bytes]
    truncated: tuple[int, ...] = ()


class LineReader:
    """Splits what a stream brings; a line is cut at ``line_bytes_max``, and the rest of it skipped."""

    def __init__(self, line_bytes_max: int) -> None:
        self._line_bytes_max = line_bytes_max
        self._pending = b""
        self._skipping = False

    def feed(self, data: bytes) -> Lines:
        """Return the lines that end within ``data``, and the head of one that is too long already."""
        pieces = (self._pending + data).split(b"\n")
        self._pending = pieces.pop()
        if self._skipping and pieces:
            pieces.pop(0)
            self._skipping = False
        elif self._skipping:
            self._pending = b""
        truncated = self._cut(pieces)
        if len(self._pending) > self._line_bytes_max:
            pieces.append(self._pending[: self._line_bytes_max])
            truncated = (*truncated, len(pieces) - 1)
            self._pending = b""
            self._skipping = True
        return Lines([piece.removesuffix(b"\r") for piece in pieces], truncated)

    def end(self) -> Lines:
        """Return what is left as a line of its own: nothing follows."""
        rest, self._pending, self._skipping = self._pending, b"", False
        return Lines([rest.removesuffix(b"\r")] if rest else [])

    def _cut(self, pieces: list[bytes]) -> tuple[int, ...]:
        limit = self._line_bytes_max
        truncated = tuple(place for place, piece in enumerate(pieces) if len(piece.removesuffix(b"\r")) > limit)
        for place in truncated:
            pieces[place] = pieces[place][:limit]
        return truncated
