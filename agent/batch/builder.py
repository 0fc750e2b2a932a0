"""Rows to columns.

Rows of one profile and file stay together as a run, so that what all of its events share (host, input, profile, file,
the profile's constants) is one text in the batch and not a value an event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from agent.batch.runs import Run, encode, run_of
from agent.reasons import DETAIL, countable
from agent.records import Chunk, Normalised
from watchbook.configfile import positive, setting
from watchbook.event import FLAG_TRUNCATED, FLAG_UNPARSED
from watchbook.units import Bytes


@dataclass(frozen=True)
class BatchSettings:
    """How lines are gathered into batches."""

    events_max: int = setting("Most events in one batch.", 2048, check=lambda n: None if 0 < n <= 4096 else "1 to 4096")
    line_bytes_max: Bytes = setting("Most bytes of lines in one batch.", Bytes(2 << 20), check=positive)
    group_events_max: int = setting("Most events that one transaction of the spool takes.", 2048, check=positive)


class Origin(NamedTuple):
    """Where lines come from, as every event says."""

    host: str
    agent: str
    input: str
    profile: str


#: Bytes of lines whose rows are worth encoding: those of more are out of the processor's cache by then, of fewer
#: cost a request more than they need.
_ENCODED_BYTES: Final = 3 << 18
_UNPARSED_FIELDS = ("time", "raw", "reason", "details", "flags")
_UNPARSED_CONSTANTS = {"actor.type": "system", "action": "log", "event_type": "unparsed", "category": "meta"}


class Builder:
    """Gathers until :meth:`take` is called.  ``n`` events and ``line_bytes`` bytes of lines are waiting.

    Rows become columns, and the details in them JSON, as they come; columns that are enough for a batch are encoded at
    once.  Both are then in the processor's cache: later it takes half as long again.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._runs: list[Run] = []
        self._rows = 0
        self._row_bytes = 0
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
            self._append(run_of(_UNPARSED_FIELDS, {**_UNPARSED_CONSTANTS, **shared}, rows, offsets, sizes))
        if 2 * self._rows >= self._settings.events_max or self._row_bytes >= _ENCODED_BYTES:
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
        before = self._runs[-1] if self._runs else None
        self._append(run_of(fields, constants, rows, offsets, sizes, before))

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the agent's own, in flat form."""
        self._append(run_of(tuple(event), {}, [tuple(event.values())], [None], [0]))

    def _append(self, run: Run) -> None:
        last = self._runs[-1] if self._runs else None
        if last is not None and last.is_like(run):
            last.extend(run)
        else:
            self._runs.append(run)
        self._rows += run.n
        self.n += run.n
        size = sum(run.sizes)
        self._row_bytes += size
        self.line_bytes += size

    def _encode_rows(self) -> None:
        runs, self._runs, self._rows, self._row_bytes = self._runs, [], 0, 0
        self._encoded += [encode(pieces) for pieces in self._cut(runs)]

    def take(self) -> list[tuple[int, bytes]]:
        """Return (number of events, JSON before compression) of the batches gathered, and begin anew."""
        self._encode_rows()
        encoded, self._encoded, self.n, self.line_bytes = self._encoded, [], 0, 0
        return encoded

    def _cut(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Cut runs into batches of about equal size within the limits."""
        total = sum(run.n for run in runs)
        batches = -(-total // self._settings.events_max) or 1
        target = -(-total // batches)
        cut: list[list[Run]] = [[]]
        events = size = 0
        for run in runs:
            start = 0
            while start < run.n:
                end, added = self._fitting(run, start, target - events, size)
                if end > start:
                    cut[-1].append(run.slice(start, end))
                    events, size, start = events + end - start, size + added, end
                if start < run.n:
                    cut.append([])
                    events = size = 0
        return [pieces for pieces in cut if pieces]

    def _fitting(self, run: Run, start: int, room: int, size: int) -> tuple[int, int]:
        """Return up to where a run's rows fit into a batch of ``size`` bytes so far, and their bytes.

        A line that is too large for any batch gets one of its own.
        """
        end = min(start + room, run.n)
        added = sum(run.sizes[start:end])
        while size + added > self._settings.line_bytes_max and end > start and not (size == 0 and end == start + 1):
            end -= 1
            added -= run.sizes[end]
        return end, added


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
