"""Runs: events with the same fields and the same constants, as columns.

What stands in the ``details`` of a log is mostly ever new.  It is written as JSON chunk by chunk, which is cheaper than
to keep the objects of a whole batch and to come back to them: only the few columns of a run are kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from watchbook import wire
from watchbook.coded import SAMPLE, is_varied
from watchbook.wire import JsonColumn

_DETAILS: Final = "details"
_encode_values: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines
_decode_values: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Run(NamedTuple):
    """Columns in the order of ``fields``.

    ``offsets`` and ``sizes``: where each event's line begins in its file, None for events without a line, and its
    bytes.
    """

    fields: Sequence[str]
    constants: Mapping[str, str]
    columns: list[Sequence[Any]]
    offsets: list[int | None]
    sizes: list[int]

    @property
    def n(self) -> int:
        """How many events it has."""
        return len(self.sizes)

    def is_like(self, other: "Run") -> bool:
        """Return whether another run's events can stand behind these."""
        if self.fields != other.fields or self.constants != other.constants:
            return False
        return (self.offsets[0] is None) is (other.offsets[0] is None)

    def extend(self, other: "Run") -> None:
        """Put the events of a run that is like this one behind these."""
        for place, (column, added) in enumerate(zip(self.columns, other.columns, strict=True)):
            self.columns[place] = _extended(column, added)
        self.offsets.extend(other.offsets)
        self.sizes.extend(other.sizes)

    def slice(self, start: int, end: int) -> "Run":
        """Return a run of some of the events."""
        if start == 0 and end == self.n:
            return self
        columns = [_values(column)[start:end] for column in self.columns]
        return Run(self.fields, self.constants, columns, self.offsets[start:end], self.sizes[start:end])


def run_of(
    fields: Sequence[str],
    constants: Mapping[str, str],
    rows: Sequence[tuple[Any, ...]],
    offsets: list[int | None],
    sizes: list[int],
    before: Run | None = None,
) -> Run:
    """Return the run of rows, of which there is at least one.

    ``before`` is the run that they may be put behind: when its details are written, so are these, without a look at
    how varied they are, which takes as long as half of the writing.
    """
    run = Run(fields, constants, list(zip(*rows, strict=True)), offsets, sizes)
    if _DETAILS not in fields:
        return run
    place = fields.index(_DETAILS)
    details = run.columns[place]
    if None in details:
        return run
    if before is not None and before.is_like(run) and before.columns[place].__class__ is JsonColumn:
        run.columns[place] = _written(details)
    elif len(rows) >= SAMPLE:
        run.columns[place] = _written_if_varied(details)
    return run


def encode(runs: Sequence[Run]) -> tuple[int, bytes]:
    """Return how many events runs have, and the JSON of a batch of them."""
    n = sum(run.n for run in runs)
    if len(runs) == 1:
        return n, wire.encode_json(n, _columns(runs[0]))
    pieces = [(run.n, _columns(run)) for run in runs]
    names = dict.fromkeys(name for _, columns in pieces for name in columns)
    return n, wire.encode_json(n, {name: _joined(name, pieces) for name in names})


def _columns(run: Run) -> dict[str, Any]:
    n = run.n
    named = zip(run.fields, run.columns, strict=True)
    filled = {name: values for name, values in named if values[0] is not None or values.count(None) < n}
    columns: dict[str, Any] = {**run.constants, **filled}
    if run.offsets and run.offsets[0] is not None:
        columns["origin.offset"] = run.offsets
    return columns


def _joined(name: str, pieces: Sequence[tuple[int, Mapping[str, Any]]]) -> Any:
    found = [columns.get(name) for _, columns in pieces]
    if isinstance(found[0], str) and all(column == found[0] for column in found):
        return found[0]
    if all(column.__class__ is JsonColumn for column in found):
        return JsonColumn(part for column in found for part in column or ())
    joined: list[Any] = []
    for (n, _), column in zip(pieces, found, strict=True):
        joined.extend([column] * n if column is None or isinstance(column, str) else _values(column))
    return joined


def _extended(column: Sequence[Any], added: Sequence[Any]) -> list[Any]:
    """Return a column with others behind its values; it is changed where that can be."""
    if column.__class__ is JsonColumn:
        if added.__class__ is not JsonColumn and None not in added:
            added = _written(added)
        if added.__class__ is not JsonColumn:
            column = _values(column)
    extended = column if isinstance(column, list) else list(column)
    extended.extend(added if extended.__class__ is JsonColumn else _values(added))
    return extended


def _written_if_varied(values: Sequence[Any]) -> Sequence[Any]:
    """Return values as they are written when hardly two of the first are alike; those are not written again."""
    first = _encode_lines(values[:SAMPLE])
    lines = first.split(b"\n")
    if len(lines) != SAMPLE + 1 or not is_varied(lines[:SAMPLE]):  # untouched JSON may be spread over lines
        return values
    pieces = [msgspec.Raw(first[:-1].replace(b"\n", b","))]
    if len(values) > SAMPLE:
        pieces += _written(values[SAMPLE:])
    return JsonColumn(pieces)


def _written(values: Sequence[Any]) -> JsonColumn:
    return JsonColumn([msgspec.Raw(_encode_values(values)[1:-1])])


def _values(column: Sequence[Any]) -> Sequence[Any]:
    """Return one value an event."""
    if column.__class__ is not JsonColumn:
        return column
    return _decode_values(b"[" + b",".join(column) + b"]")
