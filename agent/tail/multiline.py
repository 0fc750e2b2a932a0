"""Lines to records: a stack trace belongs to the line that it follows.  Pure.

A container's log cuts long lines of its two streams into parts, which may come in turn.  A record then goes from a part
up to where no line is open any more, so that it can be taken apart into whole lines; which of those make one record in
turn is told by what is inside of the wrapper.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Any, Final

import re2

from agent.records import Peel, Piece
from agent.tail.framing import Framed
from watchbook.configfile import positive, setting
from watchbook.units import Seconds


def _pattern_problem(pattern: str) -> str | None:
    try:
        _compiled(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else "?"
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return f"a regular expression as RE2 knows them ({words})"
    return None


def _join_problem(pattern: str) -> str | None:
    problem = _pattern_problem(pattern)
    if problem is None and _compiled(pattern).groups != 1:
        return f"a regular expression with one group, found {_compiled(pattern).groups}"
    return problem


#: The ways to tell which lines make one record.
WAYS: Final = ("start", "continuation", "indented", "join")


@dataclass(frozen=True)
class MultilineSettings:
    """Which lines make one record: exactly one of :data:`WAYS`."""

    start: str | None = setting(
        "A line in which this regular expression (RE2) is found begins a record; others go on with the one before.",
        None,
        check=_pattern_problem,
    )
    continuation: str | None = setting(
        "A line in which this regular expression (RE2) is found goes on with the record before it.",
        None,
        check=_pattern_problem,
    )
    indented: bool = setting("A line that begins with a space or a tab goes on with the record before it.", False)
    join: str | None = setting(
        "Lines in a row in which the one group of this regular expression (RE2) is the same are one record; a line in "
        "which it is not found is one of its own.",
        None,
        check=_join_problem,
    )
    end: str | None = setting(
        "A record whose last line so far has this regular expression (RE2) in it is whole: nothing is waited for.",
        None,
        check=_pattern_problem,
    )
    timeout: Seconds = setting(
        "A record that nothing was added to for so long is whole (looked at every 'tail.rescan_interval').",
        Seconds(1.0),
    )
    lines_max: int = setting("A record of more lines is ended there; the rest is one of its own.", 1000, check=positive)

    def problem(self) -> str | None:
        """Return what is wrong with the whole."""
        given = [name for name in WAYS if getattr(self, name)]
        return None if len(given) == 1 else f"exactly one of {', '.join(WAYS)}, found {len(given)}"


class Records:
    """Joins lines.  ``bytes_max``: a record that would be larger is ended before.

    Without settings each line is a record; ``peel`` takes the wrapper of a container's log off a line.
    """

    def __init__(self, settings: MultilineSettings | None, bytes_max: int, peel: Peel | None = None) -> None:
        self._waits = settings is not None
        settings = settings or MultilineSettings()
        self._goes_on = _continuations(settings)
        self._ends = None if settings.end is None else _compiled(settings.end).search
        self._lines_max = settings.lines_max
        self._bytes_max = bytes_max
        self._peel = peel
        self.timeout = settings.timeout

    def join(self, framed: Framed, start: int, *, complete: bool) -> Framed:
        """Return records in place of the lines that were framed at offset ``start``.

        The last one may go on: it is left for the next time, unless ``complete`` says that it does not.
        """
        if not framed.lines:
            return framed
        begins, is_open = self.begins(framed.lines)
        if is_open and not (complete or framed.skipping):
            framed = _without_last(framed, begins.pop(), start)
            if not begins:
                return framed
        ends = [*begins[1:], len(framed.lines)]
        cuts = _cuts_of_records(framed, begins, ends) if framed.truncated else {}
        return framed._replace(
            lines=[b"\n".join(framed.lines[begin:end]) for begin, end in zip(begins, ends, strict=True)],
            offsets=[framed.offsets[begin] for begin in begins],
            truncated=tuple(cuts),
            cuts=tuple(cuts.values()),
        )

    def begins(self, lines: list[bytes]) -> tuple[list[int], bool]:
        """Return the places of lines that begin a record, and whether the last one may go on."""
        pieces = None if self._peel is None else [self._peel(line) for line in lines]
        inner = lines if pieces is None else [_inner(*each) for each in zip(lines, pieces, strict=True)]
        parts: set[str] = set()  # the streams of which a line is open
        if pieces is None and len(lines) <= self._lines_max and sum(map(len, lines)) + len(lines) <= self._bytes_max:
            begins = [0, *(place for place, goes_on in enumerate(self._goes_on(inner), start=1) if not goes_on)]
        else:
            begins = self._begins_within_limits(lines, inner, pieces, parts)
        is_open = bool(parts) or (self._waits and not (self._ends is not None and self._ends(inner[-1]) is not None))
        return begins, is_open and len(lines) - begins[-1] < self._lines_max

    def _begins_within_limits(
        self, lines: list[bytes], inner: list[bytes], pieces: list[Piece | None] | None, parts: set[str]
    ) -> list[int]:
        """Return the places of lines that begin a record; ``parts`` gets the streams of which a line is open."""
        begins = [0]
        size = len(lines[0])
        _note(parts, pieces, 0)
        for place, goes_on in enumerate(self._goes_on(inner), start=1):
            line = lines[place]
            size += len(line) + 1
            is_full = place - begins[-1] >= self._lines_max or size > self._bytes_max
            if is_full or not (goes_on or parts):
                begins.append(place)
                size = len(line)
                parts.clear()
            _note(parts, pieces, place)
        return begins


def _cuts_of_records(framed: Framed, begins: list[int], ends: list[int]) -> dict[int, int]:
    """Return how many bytes were cut of each record that lost some, by its place."""
    cut_by_line = dict(zip(framed.truncated, framed.cuts, strict=True))
    return {
        place: sum(cut_by_line[line] for line in range(begin, end) if line in cut_by_line)
        for place, (begin, end) in enumerate(zip(begins, ends, strict=True))
        if any(line in cut_by_line for line in range(begin, end))
    }


def _inner(line: bytes, piece: Piece | None) -> bytes:
    return line if piece is None else piece.text


def _note(parts: set[str], pieces: list[Piece | None] | None, place: int) -> None:
    """Note whether a line of a stream is open behind a piece."""
    piece = None if pieces is None else pieces[place]
    if piece is None:
        return
    if piece.whole:
        parts.discard(piece.stream)
    else:
        parts.add(piece.stream)


def join_lines(
    lines: list[bytes], settings: MultilineSettings | None, bytes_max: int, peel: Peel | None = None
) -> list[bytes]:
    """Return the records that lines make, for those who look at lines without following a file."""
    offsets = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))
    return Records(settings, bytes_max, peel).join(Framed(lines, offsets), 0, complete=True).lines


def _without_last(framed: Framed, begin: int, start: int) -> Framed:
    """Return what comes before a line, as if it and what follows had not been read."""
    kept = sum(place < begin for place in framed.truncated)
    return framed._replace(
        lines=framed.lines[:begin],
        offsets=framed.offsets[:begin],
        truncated=framed.truncated[:kept],
        cuts=framed.cuts[:kept],
        used=framed.offsets[begin] - start,
        skipping=False,
    )


def _continuations(settings: MultilineSettings) -> Callable[[list[bytes]], Iterator[bool]]:
    """Return what tells, of each line but the first, whether it goes on with the record before it."""
    if settings.join is not None:
        return _joined(settings.join)
    if settings.start is not None:
        starts = _compiled(settings.start).search
        return lambda lines: (starts(line) is None for line in lines[1:])
    if settings.continuation is not None:
        continues = _compiled(settings.continuation).search
        return lambda lines: (continues(line) is not None for line in lines[1:])
    if settings.indented:
        return lambda lines: (line[:1] in (b" ", b"\t") for line in lines[1:])
    return lambda lines: repeat(False, len(lines) - 1)


#: ``literal([^x]+)literal``, the second literal beginning with x: what most joins look like.
_LITERAL: Final = r"(?:[A-Za-z0-9 _:=,;/@\"'<>%&#!~-]|\\[^A-Za-z0-9\s])+"
_BETWEEN: Final = re.compile(rf"({_LITERAL})\(\[\^\\?([^A-Za-z0-9\\])\]\+\)({_LITERAL})")


def _literals(pattern: str) -> tuple[bytes, bytes, bytes] | None:
    """Return what stands before a group, the byte that ends it, and what stands behind it, where these are literals."""
    parts = _BETWEEN.fullmatch(pattern)
    if parts is None:
        return None
    before, end, after = (re.sub(r"\\(.)", r"\1", part).encode() for part in parts.groups())
    return (before, end, after) if after.startswith(end) else None


def _group_finder(pattern: str) -> Callable[[bytes], bytes | None]:
    """Return what finds the group of a pattern in a line; a group between two literals is found without RE2."""
    search = _compiled(pattern).search

    def by_pattern(line: bytes) -> bytes | None:
        found = search(line)
        return None if found is None else found[1]

    literals = _literals(pattern)
    if literals is None:
        return by_pattern
    before, end, after = literals

    def between(line: bytes) -> bytes | None:
        begin = line.find(before)
        if begin < 0:
            return None
        begin += len(before)
        stop = line.find(end, begin)
        if stop > begin and line.startswith(after, stop):
            return line[begin:stop]
        return by_pattern(line)  # it may begin further on

    return between


def _joined(pattern: str) -> Callable[[list[bytes]], Iterator[bool]]:
    """Return what tells of each line but the first whether the group of a pattern is that of the line before it.

    Where the group stands between literals, most lines only need a look for the last one.
    """
    group_of = _group_finder(pattern)
    before, _, after = _literals(pattern) or (b"", b"", b"")

    def goes_on(lines: list[bytes]) -> Iterator[bool]:
        group = group_of(lines[0])
        same = None if group is None or not after else before + group + after
        for line in lines[1:]:
            if same is not None and line.startswith(same, line.find(before)):
                yield True
                continue
            last, group = group, group_of(line)
            same = None if group is None or not after else before + group + after
            yield group is not None and group == last

    return goes_on


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)
