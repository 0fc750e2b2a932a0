"""Bytes to lines.  Pure.

A line ends with ``\\n``; ``\\r`` before it and NUL bytes at its beginning (left by a copytruncate under a writer that
does not append) are no part of it.  What comes after the last ``\\n`` waits for more.
"""

from io import BytesIO
from itertools import accumulate
from operator import add
from typing import NamedTuple


class Framed(NamedTuple):
    """Lines, and what became of every byte that was used for them.

    ``offsets``: where the lines begin in the file.  ``truncated``: the places of lines that were cut, ``cuts``: how
    many bytes each of them lost so far.  ``used`` bytes are done with; of these ``skipped`` were the rest of a line
    that was cut before, ``passed`` were NUL bytes before a line.  ``skipping``: the last line goes on beyond its cut.
    """

    lines: list[bytes]
    offsets: list[int]
    truncated: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()
    used: int = 0
    skipped: int = 0
    passed: int = 0
    skipping: bool = False

    @property
    def lost(self) -> int:
        """Bytes beyond the limit of a line."""
        return self.skipped + sum(self.cuts)


def frame(data: bytes, start: int, *, max_line_bytes: int, skipping: bool = False, last: bool = False) -> Framed:
    """Split what was read at offset ``start`` into lines.

    ``skipping``: the data begins inside a line that was cut; what is left of it is passed over.  ``last``: nothing will
    follow, so the remainder is a whole line too.
    """
    skipped = passed = 0
    if skipping:
        skipped = data.find(b"\n") + 1
        if not skipped:
            return Framed([], [], used=len(data), skipped=len(data), skipping=not last)
        data = data[skipped:]
    if data[:1] == b"\0":
        text = data.lstrip(b"\0")
        if not text and not last:  # nobody knows yet what follows: the writer may come back and overwrite them
            return Framed([], [], used=skipped, skipped=skipped)
        passed = len(data) - len(text)
        data = text
    framed = _split(data, start + skipped + passed, max_line_bytes, last)
    lines = framed.lines
    if b"\r" in data:
        lines = [line.removesuffix(b"\r") for line in lines]
    if b"\0" in data:
        lines = [line.lstrip(b"\0") for line in lines]
    return framed._replace(lines=lines, used=framed.used + skipped + passed, skipped=skipped, passed=passed)


def _split(data: bytes, start: int, limit: int, last: bool) -> Framed:
    used = data.rfind(b"\n") + 1
    # A third of the time of split(), which looks at each byte by itself.
    lines = [line[:-1] for line in BytesIO(data if used == len(data) else data[:used])]
    remainder = len(data) - used
    skipping = False
    if remainder and (last or remainder >= limit):
        lines.append(data[used:])
        used, skipping = len(data), not last
    if not lines:
        return Framed([], [])
    ends = accumulate(map(len, lines[:-1]), initial=start)
    offsets = list(map(add, ends, range(len(lines))))  # and a newline for each line before
    if len(data) < limit or not (skipping or any(len(line) > limit for line in lines)):
        return Framed(lines, offsets, used=used)
    return _cut(Framed(lines, offsets, used=used, skipping=skipping), start, limit)


def _cut(framed: Framed, start: int, limit: int) -> Framed:
    """Cut the lines that are too long."""
    lines = list(framed.lines)
    ends = [*framed.offsets[1:], start + framed.used]
    truncated = [place for place, line in enumerate(lines) if len(line) > limit]
    if framed.skipping and len(lines[-1]) == limit:  # as long as it may be, and not at its end yet
        truncated.append(len(lines) - 1)
    cuts = tuple(ends[place] - framed.offsets[place] - limit for place in truncated)
    for place in truncated:
        lines[place] = lines[place][:limit]
    return framed._replace(lines=lines, truncated=tuple(truncated), cuts=cuts)
