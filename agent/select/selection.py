"""The rules of an input at work: which rows of a profile go on, and a count of those that do not.

Rules that drop come before rules that keep a share; of the rules of one kind the first that wants an event decides.
Which events of a share are kept is told by a hash of the line and its place in its file, so that a line that is read
again after a crash fares as it did before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from agent.records import Normalised
from agent.select.code import compile_conditions
from agent.select.settings import DropSettings, SampleSettings

#: Beginnings of the names of counters; a rule's name follows.
DROPPED_BY: Final = "dropped_by:"
KEPT_BY: Final = "kept_by:"
_ALL: Final = 1 << 32


class Selected(NamedTuple):
    """What goes on, and how many rows each rule dropped or kept, by the names of counters."""

    normalised: Normalised
    counts: Mapping[str, int]


class Selection:
    """The rules of one input, compiled for the rows of its profile."""

    def __init__(
        self,
        drop: Sequence[DropSettings],
        sample: Sequence[SampleSettings],
        fields: Sequence[str],
        constants: Mapping[str, str],
    ) -> None:
        #: Of each rule: its name, and below which hash an event is kept.
        self._rules = [(each.name, 0) for each in drop]
        self._rules += [(each.name, max(1, round(each.keep * _ALL))) for each in sample]
        self._find = compile_conditions([each.when for each in (*drop, *sample)], fields, constants)

    def __call__(self, normalised: Normalised, lines: Sequence[bytes], offsets: Sequence[int | None]) -> Selected:
        """Return what goes on of what a profile made of lines that begin at some offsets of their file."""
        found = self._find(normalised.rows)
        if not found:
            return Selected(normalised, {})
        places = range(len(lines)) if normalised.row_lines is None else normalised.row_lines
        gone: set[int] = set()
        counts: Counter[str] = Counter()
        for row, number in found:
            name, keep_below = self._rules[number]
            if keep_below and hash_of(lines[places[row]], offsets[places[row]]) < keep_below:
                counts[KEPT_BY + name] += 1
            else:
                gone.add(row)
                counts[DROPPED_BY + name] += 1
        if not gone:
            return Selected(normalised, counts)
        kept = [row for row in range(len(normalised.rows)) if row not in gone]
        rows = normalised.rows
        remaining = normalised._replace(rows=[rows[row] for row in kept], row_lines=[places[row] for row in kept])
        return Selected(remaining, counts)

    def first_rules(self, normalised: Normalised) -> dict[int, str]:
        """Return the name of the rule that wants each row, by the row's place; rows that none wants are left out."""
        return {row: self._rules[number][0] for row, number in self._find(normalised.rows)}


def hash_of(line: bytes, offset: int | None) -> int:
    """Return a number below 2**32 of a line and its place, as if by chance but the same each time."""
    mixed = crc32(line, 0 if offset is None else offset & 0xFFFFFFFF)
    # A CRC of lines that differ in few bits differs in few patterns: the end of MurmurHash3 breaks them up.
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return mixed ^ mixed >> 16
