"""Rows to columns.

Rows of one profile and file stay together as a run, so that what all of its events share (host, input, profile, file,
the profile's constants) is one text in the batch and not a value an event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agent.reasons import DETAIL, countable
from agent.records import Chunk, Normalised
from watchbook import wire
from watchbook.configfile import positive, setting
from watchbook.event import FLAG_TRUNCATED, FLAG_UNPARSED
from watchbook.units import Bytes


@dataclass(frozen=True)
class BatchSettings:
    """How lines are gathered into batches."""

    events_max: int = setting("Most events in one batch.", 1024, check=lambda n: None if 0 < n <= 4096 else "1 to 4096")
    line_bytes_max: Bytes = setting("Most bytes of lines in one batch.", Bytes(2 << 20), check=positive)
    group_events_max: int = setting("Most events that one transaction of the spool takes.", 2048, check=positive)


class Origin(NamedTuple):
    """Where lines come from, as every event says."""

    host: str
    agent: str
    input: str
    profile: str


class _Run(NamedTuple):
    """Rows with the same fields and the same constants.

    ``offsets`` and ``sizes``: where each row's line begins in its file, None for events without a line, and its bytes.
    """

    fields: Sequence[str]
    constants: Mapping[str, str]
    rows: list[tuple[Any, ...]]
    offsets: list[int | None]
    sizes: list[int]

    def is_like(self, other: "_Run") -> bool:
        """Return whether another run's rows can stand behind these."""
        if self.fields != other.fields or self.constants != other.constants:
            return False
        return (self.offsets[0] is None) is (other.offsets[0] is None)


_UNPARSED_FIELDS = ("time", "raw", "reason", "details", "flags")
_UNPARSED_CONSTANTS = {"actor.type": "system", "action": "log", "event_type": "unparsed", "category": "meta"}


class Builder:
    """Gathers until :meth:`take` is called.  ``n`` events and ``line_bytes`` bytes of lines are waiting.

    Rows that are enough for a batch are encoded at once, while they are in the processor's cache: later it takes half
    as long again.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._runs: list[_Run] = []
        self._rows = 0
        self._encoded: list[tuple[int, bytes]] = []
        self.n = 0
        self.line_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether a transaction's worth has been gathered."""
        settings = self._settings
        return self.n >= settings.group_events_max or self.line_bytes >= 4 * settings.line_bytes_max

    def add(
        self,
        normalised: Normalised,
        fields: tuple[str, ...],
        constants: Mapping[str, str],
        chunk: Chunk,
        origin: Origin,
        read_us: int,
    ) -> None:
        """Take in what a profile made of a chunk that was read at ``read_us``."""
        shared = {
            "origin.host": origin.host,
            "origin.agent": origin.agent,
            "origin.input": origin.input,
            "origin.file": chunk.file,
        }
        places = range(len(chunk.lines)) if normalised.row_lines is None else normalised.row_lines
        if normalised.rows:
            # A profile says its own name: it may be one of several that the input has.
            everything = {"origin.profile": origin.profile, **constants, **shared}
            self._add_rows(normalised.rows, places, fields, everything, chunk)
        if normalised.unparsed:
            rows = [
                (read_us, line.raw, *_reason(line.reason, origin.profile), _flags(line.line, chunk))
                for line in normalised.unparsed
            ]
            offsets = [chunk.offsets[line.line] for line in normalised.unparsed]
            sizes = [len(line.raw) for line in normalised.unparsed]
            self._append(_Run(_UNPARSED_FIELDS, {**_UNPARSED_CONSTANTS, **shared}, rows, offsets, sizes))
        if 2 * self._rows >= self._settings.events_max:
            self._encode_rows()

    def _add_rows(
        self,
        rows: list[tuple[Any, ...]],
        places: Sequence[int],
        fields: tuple[str, ...],
        constants: Mapping[str, str],
        chunk: Chunk,
    ) -> None:
        if chunk.truncated:
            rows, fields = _with_truncated_flag(rows, places, fields, chunk)
        if isinstance(places, range):  # every line is a row
            offsets, sizes = list(chunk.offsets), list(map(len, chunk.lines))
        else:
            offsets = [chunk.offsets[place] for place in places]
            sizes = [len(chunk.lines[place]) for place in places]
        self._append(_Run(fields, constants, rows, offsets, sizes))

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the agent's own, in flat form."""
        self._append(_Run(tuple(event), {}, [tuple(event.values())], [None], [0]))

    def _append(self, run: _Run) -> None:
        last = self._runs[-1] if self._runs else None
        if last is not None and last.is_like(run):
            last.rows.extend(run.rows)
            last.offsets.extend(run.offsets)
            last.sizes.extend(run.sizes)
        else:
            self._runs.append(run)
        self._rows += len(run.rows)
        self.n += len(run.rows)
        self.line_bytes += sum(run.sizes)

    def _encode_rows(self) -> None:
        runs, self._runs, self._rows = self._runs, [], 0
        self._encoded += [_encode(pieces) for pieces in self._cut(runs)]

    def take(self) -> list[tuple[int, bytes]]:
        """Return (number of events, JSON before compression) of the batches gathered, and begin anew."""
        self._encode_rows()
        encoded, self._encoded, self.n, self.line_bytes = self._encoded, [], 0, 0
        return encoded

    def _cut(self, runs: Sequence[_Run]) -> list[list[_Run]]:
        """Cut runs into batches of about equal size within the limits."""
        total = sum(len(run.rows) for run in runs)
        batches = -(-total // self._settings.events_max) or 1
        target = -(-total // batches)
        cut: list[list[_Run]] = [[]]
        events = size = 0
        for run in runs:
            start = 0
            while start < len(run.rows):
                end, added = self._fitting(run, start, target - events, size)
                if end > start:
                    cut[-1].append(_slice(run, start, end))
                    events, size, start = events + end - start, size + added, end
                if start < len(run.rows):
                    cut.append([])
                    events = size = 0
        return [pieces for pieces in cut if pieces]

    def _fitting(self, run: _Run, start: int, room: int, size: int) -> tuple[int, int]:
        """Return up to where a run's rows fit into a batch of ``size`` bytes so far, and their bytes.

        A line that is too large for any batch gets one of its own.
        """
        end = min(start + room, len(run.rows))
        added = sum(run.sizes[start:end])
        while size + added > self._settings.line_bytes_max and end > start and not (size == 0 and end == start + 1):
            end -= 1
            added -= run.sizes[end]
        return end, added


def _slice(run: _Run, start: int, end: int) -> _Run:
    if start == 0 and end == len(run.rows):
        return run
    return _Run(run.fields, run.constants, run.rows[start:end], run.offsets[start:end], run.sizes[start:end])


def _encode(runs: Sequence[_Run]) -> tuple[int, bytes]:
    n = sum(len(run.rows) for run in runs)
    if len(runs) == 1:
        return n, wire.encode_json(n, _columns(runs[0]))
    pieces = [(len(run.rows), _columns(run)) for run in runs]
    names = dict.fromkeys(name for _, columns in pieces for name in columns)
    return n, wire.encode_json(n, {name: _joined(name, pieces) for name in names})


def _columns(run: _Run) -> dict[str, Any]:
    n = len(run.rows)
    named = zip(run.fields, zip(*run.rows, strict=True), strict=True)
    filled = {name: values for name, values in named if values[0] is not None or values.count(None) < n}
    columns: dict[str, Any] = {**run.constants, **filled}
    if run.offsets and run.offsets[0] is not None:
        columns["origin.offset"] = run.offsets
    return columns


def _joined(name: str, pieces: Sequence[tuple[int, Mapping[str, Any]]]) -> Any:
    found = [columns.get(name) for _, columns in pieces]
    if isinstance(found[0], str) and all(column == found[0] for column in found):
        return found[0]
    joined: list[Any] = []
    for (n, _), column in zip(pieces, found, strict=True):
        joined.extend([column] * n if column is None or isinstance(column, str) else column)
    return joined


def _reason(reason: str, profile: str) -> tuple[str, dict[str, str] | None]:
    kind, detail = countable(reason, profile)
    return kind, None if detail is None else {DETAIL: detail}


def _flags(place: int, chunk: Chunk) -> list[str]:
    return [FLAG_UNPARSED, FLAG_TRUNCATED] if place in chunk.truncated else [FLAG_UNPARSED]


def _with_truncated_flag(
    rows: list[tuple[Any, ...]], places: Sequence[int], fields: tuple[str, ...], chunk: Chunk
) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
    if "flags" not in fields:
        rows, fields = [(*row, None) for row in rows], (*fields, "flags")
    at = fields.index("flags")
    flagged = [
        (*row[:at], [*(row[at] or ()), FLAG_TRUNCATED], *row[at + 1 :]) if place in chunk.truncated else row
        for row, place in zip(rows, places, strict=True)
    ]
    return flagged, fields
