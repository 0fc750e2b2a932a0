"""The upkeep of finished segments, in the index process: sealing, counting, archiving, deleting, and telling of it.

Work is done in slices, so that whoever calls can do other work in between; everything survives a kill at any instant.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from collector.archive import EVERY_ROW, ArchiveReader, ArchiveSettings, chosen, write_archive
from collector.block import DecodedBlock, SegmentInfo
from collector.config import CollectorSettings
from collector.index.build import SealedBuilder
from collector.lifecycle import Keeper, Removal, Report, RetentionState, Rollups, Stay
from collector.store.sealing import SegmentDamagedError
from collector.store.shelf import Shelf
from watchbook.clock import TIME_MAX_US, TIME_MIN_US, Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("upkeep")

#: How long a slice of work takes; one step of a job may take longer.
SLICE_S: Final = 0.05
#: A store that does not take a report is asked again after this.
_REPORT_AGAIN_US: Final = 30_000_000
_MOVES: Final = ("rewritten", "archived", "removed")
#: What :attr:`Upkeep.counters` counts.
COUNTED: Final = ("sealed", "archived", "rewritten", "removed", "reported", "failed")

#: Appends a batch under its stream and sequence; raises when that was not done.
Append = Callable[[Report], None]


class FinishedSegments:
    """The store's finished segments as the lifecycle sees them (:class:`collector.lifecycle.Shelf`).

    ``between`` is called now and then by what cannot be cut into slices.
    """

    def __init__(
        self,
        shelf: Shelf,
        segments: Callable[[], Sequence[SegmentInfo]],
        archives: ArchiveReader,
        settings: ArchiveSettings,
        between: Callable[[], object],
    ) -> None:
        self._shelf = shelf
        self._segments = segments
        self._archives = archives
        self._settings = settings
        self._between = between

    def finished(self) -> list[SegmentInfo]:
        """Return the segments that are sealed or archived, oldest first."""
        return [segment for segment in self._segments() if segment.tier != "hot"]

    def open_since(self) -> int:
        """Return when the first event that is in no finished segment was received; now, when there is none."""
        return self._shelf.open_since()

    def blocks(self, segment: SegmentInfo) -> Iterable[DecodedBlock]:
        """Return all events of a segment; raises KeyError when it is gone."""
        if segment.tier == "archived":
            return self._archives.scan(segment.path, EVERY_ROW, TIME_MIN_US, TIME_MAX_US + 1)
        return self._shelf.blocks(segment)

    def archive(self, segment: SegmentInfo, why: Mapping[str, Any]) -> Iterator[object]:
        """Put the Parquet form in the place of a sealed segment."""
        yield None
        self._shelf.archive(segment, self._write, why)

    def rewrite(self, segment: SegmentInfo, stay: Stay, why: Mapping[str, Any]) -> Iterator[object]:
        """Write a segment again with those events only that stay."""
        if segment.tier == "sealed":
            yield from self._shelf.rewrite(segment, stay, why)
            return
        yield None
        blocks = _staying(self.blocks(segment), stay)
        self._shelf.rewrite_archived(segment, lambda path: self._write(blocks, path), why)

    def remove(self, segment: SegmentInfo, why: Mapping[str, Any]) -> None:
        """Remove a segment."""
        self._shelf.remove(segment, why)

    def removals(self, skip: int) -> Iterator[tuple[int, Removal | None]]:
        """Yield the ledger's entries after the first ``skip``, each with its number from 1; None: a sealing."""
        for number, entry in self._shelf.entries(skip):
            kind = entry["type"]
            moved = (entry["time"], entry["segment"], entry["events"], entry.get("bytes", 0), entry.get("why", {}))
            yield number, Removal(kind, *moved) if kind in _MOVES else None

    def _write(self, blocks: Iterable[DecodedBlock], path: Path) -> tuple[int, int, int]:
        outline = write_archive(self._interleaved(blocks), path, self._settings)
        return outline.rows, outline.tmin, outline.tmax

    def _interleaved(self, blocks: Iterable[DecodedBlock]) -> Iterator[DecodedBlock]:
        ends = time.monotonic() + SLICE_S
        for block in blocks:
            yield block
            if time.monotonic() >= ends:
                self._between()
                ends = time.monotonic() + SLICE_S


class Upkeep:
    """Seals what is finished, then lets the lifecycle do its jobs, then tells the store what became of what."""

    def __init__(
        self, shelf: Shelf, segments: Callable[[], Sequence[SegmentInfo]], keeper: Keeper, append: Append, clock: Clock
    ) -> None:
        self._shelf = shelf
        self._segments = segments
        self._keeper = keeper
        self._append = append
        self._clock = clock
        self._job: Generator[object, None, None] | None = None
        self._unsealable: set[str] = set()
        self._failure = RepeatedFailure(log.error, "sealing", clock)
        self._report_failure = RepeatedFailure(log.warning, "report", clock)
        self._report_at = 0
        self._done = Counter[str]()

    @property
    def counters(self) -> Mapping[str, int]:
        """What was done since the start: sealed, archived, rewritten, removed, reported, failed."""
        return {what: self._done[what] + self._keeper.counters[what] for what in COUNTED}

    @property
    def failing(self) -> str | None:
        """Why the last sealing or the last job of the lifecycle failed; None when both worked."""
        return self._failure.last_error or self._keeper.failing

    def ring(self) -> None:
        """Look whether something is due, also at what failed before."""
        self._unsealable.clear()
        self._keeper.ring()

    def step(self) -> bool:
        """Work for a moment; return whether there is more to do at once."""
        if self._job is None:
            self._job = self._next_job()
        if self._job is None:
            self._report()
            return False
        ends = time.monotonic() + SLICE_S
        for _ in self._job:
            if time.monotonic() >= ends:
                return True
        self._job = None
        return True

    def close(self) -> None:
        """Leave what is not done as it was."""
        if self._job is not None:
            self._job.close()
            self._job = None

    def _next_job(self) -> Generator[object, None, None] | None:
        if sum(segment.tier == "hot" for segment in self._segments()) > 1:
            for name in self._shelf.due_to_seal():
                if name not in self._unsealable:
                    return self._seal(name)
        return self._keeper.job()

    def _seal(self, name: str) -> Generator[object, None, None]:
        try:
            yield from self._shelf.seal(name)
        except KeyError:
            return
        except (SegmentDamagedError, sqlite3.Error, OSError) as error:
            self._unsealable.add(name)
            self._done["failed"] += 1
            self._failure.failed(str(error), segment=name, next_step="run 'watchbook verify'")
            return
        self._failure.succeeded()
        self._done["sealed"] += 1

    def _report(self) -> None:
        """Tell the store what was done; it takes each report once, however often it is told."""
        if self._clock() < self._report_at:
            return
        try:
            for report in self._keeper.reports():
                self._append(report)
                self._keeper.reported(report.sequence)
                self._done["reported"] += 1
        except Exception as error:  # noqa: BLE001  # whatever keeps the main process from it, it is told again
            self._report_failure.failed(str(error) or repr(error))
            self._report_at = self._clock() + _REPORT_AGAIN_US
        else:
            self._report_failure.succeeded()


@contextmanager
def open_upkeep(
    settings: CollectorSettings,
    segments: Callable[[], Sequence[SegmentInfo]],
    append: Append,
    *,
    between: Callable[[], object] = lambda: None,
    clock: Clock = now_us,
) -> Iterator[Upkeep]:
    """Give the upkeep of a data folder.  ``segments`` lists those there are; the store must have been opened once.

    ``between`` is called now and then in the middle of what cannot be cut into slices.
    """

    def make_index(path: Path, name: str, generation: str) -> SealedBuilder:
        return SealedBuilder(path, name=name, generation=generation, settings=settings.index)

    with ExitStack() as stack:
        shelf = Shelf(settings.segments, settings.checkpoint_key, settings.store, make_index, clock)
        archives = ArchiveReader(settings.segments, settings.archive)
        stack.callback(archives.close)
        rollups = stack.enter_context(closing(Rollups(settings.rollups_db)))
        state = stack.enter_context(closing(RetentionState(settings.retention_db)))
        finished = FinishedSegments(shelf, segments, archives, settings.archive, between)
        upkeep = Upkeep(shelf, segments, Keeper(finished, settings.retention, rollups, state, clock), append, clock)
        stack.callback(upkeep.close)
        yield upkeep


def _staying(blocks: Iterable[DecodedBlock], stay: Stay) -> Iterator[DecodedBlock]:
    for block in blocks:
        places = stay(block)
        if len(places) == block.batch.n:
            yield block
        elif places:
            yield chosen(block, places)
