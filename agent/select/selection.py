"""The rules of an input at work: which rows of a profile go on, and a count of those that do not.

Rules that drop come before rules that keep a share; of the rules of one kind the first that wants an event decides.
Which events of a share are kept is told by a hash of the line and its place in its file, so that a line that is read
again after a crash fares as it did before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from zlib import crc32

from agent.records import Normalised
from agent.select.code import compile_conditions
from agent.select.settings import DropSettings, SampleSettings

#: Beginnings of the names under which an input's events are counted by rule; the rule's name follows.
DROPPED_BY: Final = "dropped_by:"
KEPT_BY: Final = "kept_by:"
_ALL: Final = 1 << 32
#: 2**64 divided by the golden ratio.
_MIXER: Final = 0x9E3779B97F4A7C15


class Selected(NamedTuple):
    """What goes on, with what was dropped counted in it; and how many events each rule of ``sample`` kept, by name."""

    normalised: Normalised
    kept: Mapping[str, int]


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
        wanted = [*(each.when for each in drop), *(each.when for each in sample)]
        self._find = compile_conditions(wanted, fields, constants)
        #: Each rule by itself, for those who look at rules one by one.
        self.by_name = {
            name: compile_conditions([each], fields, constants)
            for (name, _), each in zip(self._rules, wanted, strict=True)
        }

    def __call__(self, normalised: Normalised, lines: Sequence[bytes], offsets: Sequence[int | None]) -> Selected:
        """Return what goes on of what a profile made of lines that begin at some offsets of their file."""
        found = self._find(normalised.rows)
        if not found:
            return Selected(normalised, {})
        places = range(len(lines)) if normalised.row_lines is None else normalised.row_lines
        gone: dict[int, int] = {}
        kept = Counter[str]()
        rules = self._rules
        for row, number in found:
            name, keep_below = rules[number]
            if keep_below and hash_of(lines[places[row]], offsets[places[row]]) < keep_below:
                kept[name] += 1
            else:
                gone[row] = number
        if not gone:
            return Selected(normalised, kept)
        dropped = Counter(normalised.dropped)
        for number, count in Counter(gone.values()).items():
            dropped[rules[number][0]] += count
        rows, left = normalised.rows, [row for row in range(len(normalised.rows)) if row not in gone]
        remaining = normalised._replace(
            rows=[rows[row] for row in left], row_lines=[places[row] for row in left], dropped=dropped
        )
        return Selected(remaining, kept)

    def decisions(
        self, rows: Sequence[tuple[Any, ...]], line: bytes, offset: int | None
    ) -> list[tuple[str, bool] | None]:
        """Return for each row of one line which rule decided over it, and whether it is kept; None: no rule did."""
        decided: list[tuple[str, bool] | None] = [None] * len(rows)
        for row, number in self._find(rows):
            name, keep_below = self._rules[number]
            decided[row] = (name, hash_of(line, offset) < keep_below)
        return decided


def hash_of(line: bytes, offset: int | None) -> int:
    """Return a number below 2**32 of a line and its place, as if by chance but the same each time."""
    # A CRC of lines that differ in few bits differs in few patterns: the product breaks them up.
    return crc32(line, 0 if offset is None else offset & 0xFFFFFFFF) * _MIXER >> 32 & 0xFFFFFFFF
