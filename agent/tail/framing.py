"""Bytes to lines.  Pure.

A line ends with ``\\n``; ``\\r`` before it and NUL bytes at its beginning (left by a copytruncate under a writer that
does not append) are no part of it.  What comes after the last ``\\n`` waits for more.
"""

from itertools import accumulate
from operator import add
from typing import NamedTuple


class Framed(NamedTuple):
    """Whole lines, their offsets, the places of lines that were cut, how many bytes were used and cut, and whether the
    rest of a cut line is still to be skipped."""

    lines: list[bytes]
    offsets: list[int]
    truncated: tuple[int, ...]
    used: int
    cut: int
    skipping: bool


def frame(data: bytes, start: int, *, max_line_bytes: int, skipping: bool = False, last: bool = False) -> Framed:
    """Split what was read at offset ``start`` into lines.

    ``skipping``: the data begins inside a line that was cut; what is left of it is passed over.  ``last``: nothing will
    follow, so the remainder is a whole line too.
    """
    skipped = 0
    if skipping:
        end = data.find(b"\n")
        if end < 0:
            return Framed([], [], (), len(data), len(data), not last)
        skipped = end + 1
        data = data[skipped:]
    lines, used, cut, still_skipping = _split(data, max_line_bytes, last)
    ends = accumulate(map(len, lines[:-1]), initial=start + skipped)
    offsets = list(map(add, ends, range(len(lines))))  # and a newline for each line before
    truncated: tuple[int, ...] = ()
    if len(data) > max_line_bytes and any(len(line) > max_line_bytes for line in lines):
        truncated = tuple(place for place, line in enumerate(lines) if len(line) > max_line_bytes)
        cut += sum(len(lines[place]) - max_line_bytes for place in truncated)
        for place in truncated:
            lines[place] = lines[place][:max_line_bytes]
    if still_skipping:
        truncated = (*truncated, len(lines) - 1)
    return Framed(_cleaned(lines, data), offsets, truncated, skipped + used, skipped + cut, still_skipping)


def _split(data: bytes, max_line_bytes: int, last: bool) -> tuple[list[bytes], int, int, bool]:
    """Return lines, bytes used, bytes cut, and whether the last line goes on beyond its cut."""
    used = data.rfind(b"\n") + 1
    lines = data[: used - 1].split(b"\n") if used else []
    remainder = len(data) - used
    if remainder and last:
        lines.append(data[used:])
        return lines, len(data), 0, False
    if remainder >= max_line_bytes:
        lines.append(data[used : used + max_line_bytes])
        return lines, len(data), remainder - max_line_bytes, True
    return lines, used, 0, False


def _cleaned(lines: list[bytes], data: bytes) -> list[bytes]:
    if b"\r" in data:
        lines = [line.removesuffix(b"\r") for line in lines]
    if b"\0" in data:
        lines = [line.lstrip(b"\0") for line in lines]
    return lines
