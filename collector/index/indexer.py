"""Follows the segments that grow, and makes the indexes that sealed ones lack, in small steps.

It is driven by its process: :meth:`Indexer.step` works for about ``settings.step`` and says whether there is more to
do.  Growing segments come first, the newest of them before the others, since that is what people look at.
"""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Final

from collector.block import BlockInfo, BlockSource, SegmentInfo
from collector.index.build import SealedBuilder
from collector.index.file import UNREADABLE, is_damage, open_readonly, read_head, remove
from collector.index.growing import GrowingIndex, IndexCounters
from collector.index.settings import IndexSettings
from watchbook.clock import SECOND_US
from watchbook.logs import get_logger
from watchbook.wire import WireError

log = get_logger("collector.index")

#: After a failure a segment is left alone for so long; twice as long each time, up to the second number.
_RETRY_US: Final = 5 * SECOND_US
_RETRY_MAX_US: Final = 300 * SECOND_US
#: An index that was made so recently is not made again because of a report that may be about the one before.
_FRESH_US: Final = 60 * SECOND_US
_FAILURES: Final = (*UNREADABLE, OSError)
_Key = tuple[str, str]


class Indexer:
    """Keeps all indexes of a store as they should be.  Not thread-safe.

    ``counters`` tell what was done; ``backlog_rows`` how many stored events the growing segments' indexes do not show.
    """

    def __init__(self, source: BlockSource, settings: IndexSettings) -> None:
        self._source = source
        self._settings = settings
        self.counters = IndexCounters()
        self.backlog_rows = 0
        self._growing: dict[_Key, GrowingIndex] = {}
        self._done: dict[_Key, int] = {}
        self._sealed: SealedJob | None = None
        self._retry: dict[_Key, tuple[int, int]] = {}
        self._made: dict[str, int] = {}
        self._newest = ""

    def step(self, now: int) -> bool:
        """Work for a while; return whether there is more to do at once.  Damage and full disks put off, never raise."""
        end = perf_counter() + self._settings.step
        segments = self._source.segments()
        self._forget_others(segments)
        more = False
        for segment in reversed(segments):
            if segment.tier == "hot":
                more |= self._attempt(segment, now, lambda: perf_counter() >= end, self._follow)
        for segment in segments:
            if segment.tier == "sealed" and perf_counter() < end:
                more |= self._attempt(segment, now, lambda: perf_counter() >= end, self._complete)
        self.backlog_rows = sum(self._missing(segment) for segment in segments if segment.tier == "hot")
        return more

    def report_damaged(self, names: Iterable[str], now: int) -> None:
        """Make the indexes of these segments again; those made a moment ago are left."""
        reported = set(names)
        for segment in self._source.segments():
            made = self._made.get(segment.name)
            if segment.name not in reported or segment.tier == "archived" or (made and now - made < _FRESH_US):
                continue
            log.warning("index_damaged", segment=segment.name, path=str(segment.index_path))
            self._made[segment.name] = now
            self.counters.rebuilt += 1
            self._drop(_key(segment))
            remove(segment.index_path)

    def close(self, now: int) -> None:
        """Write what is left, and close all files so that they are trusted at the next start."""
        if self._sealed is not None:
            self._sealed.builder.give_up()
            self._sealed = None
        for key, index in list(self._growing.items()):
            try:
                index.finish(now)
            except _FAILURES as error:
                self._failed(key, now, error)
        self._growing.clear()

    def _follow(self, segment: SegmentInfo, now: int, is_over: Callable[[], bool]) -> bool:
        key = _key(segment)
        if self._done.get(key) == segment.rows:
            return False
        index = self._growing.get(key)
        if index is None:
            index = self._growing[key] = GrowingIndex(self._source, segment, self._settings, self.counters)
        more = index.step(segment, now, is_over)
        if not more and not self._is_newest(segment):
            del self._growing[key]
            index.finish(now)
            self._done[key] = segment.rows
        return more

    def _complete(self, segment: SegmentInfo, now: int, is_over: Callable[[], bool]) -> bool:
        key = _key(segment)
        if self._done.get(key) == segment.rows:
            return False
        if self._sealed is None:
            if _is_index_of(segment):
                self._done[key] = segment.rows
                return False
            self.counters.rebuilt += 1
            self._sealed = SealedJob(self._source, segment, self._settings, self.counters)
        if self._sealed.key != key:
            return True
        if not self._sealed.step(is_over):
            return True
        self._sealed = None
        self._done[key] = segment.rows
        self._made[segment.name] = now
        return False

    def _attempt(
        self,
        segment: SegmentInfo,
        now: int,
        is_over: Callable[[], bool],
        work: Callable[[SegmentInfo, int, Callable[[], bool]], bool],
    ) -> bool:
        key = _key(segment)
        if self._retry.get(key, (0, 0))[0] > now:
            return False
        try:
            more = work(segment, now, is_over)
        except KeyError:  # gone since it was listed: the next list will not have it
            self._drop(key)
            return True
        except _FAILURES as error:
            self._failed(key, now, error)
            if is_damage(error):
                remove(segment.index_path)
            return False
        self._retry.pop(key, None)
        return more

    def _failed(self, key: _Key, now: int, error: Exception) -> None:
        self._drop(key)
        wait = min(2 * self._retry.get(key, (0, _RETRY_US // 2))[1], _RETRY_MAX_US)
        self._retry[key] = (now + wait, wait)
        self.counters.failures += 1
        log.warning("index_failed", segment=key[0], error=str(error), backoff_s=wait // SECOND_US)

    def _drop(self, key: _Key) -> None:
        index = self._growing.pop(key, None)
        if index is not None:
            index.abandon()
        if self._sealed is not None and self._sealed.key == key:
            self._sealed.builder.give_up()
            self._sealed = None
        self._done.pop(key, None)

    def _forget_others(self, segments: list[SegmentInfo]) -> None:
        there = {_key(segment) for segment in segments}
        used = {segment.index_path for segment in segments}
        for key in [key for key in self._growing if key not in there]:
            path = self._growing[key].path
            self._drop(key)
            if path not in used:
                remove(path)  # the file went with its segment; what SQLite kept beside it goes as well
        if self._sealed is not None and self._sealed.key not in there:
            self._drop(self._sealed.key)
        for known in (self._done, self._retry):
            for key in [key for key in known if key not in there]:
                del known[key]
        self._newest = segments[-1].name if segments else ""

    def _is_newest(self, segment: SegmentInfo) -> bool:
        return segment.name == self._newest

    def _missing(self, segment: SegmentInfo) -> int:
        index = self._growing.get(_key(segment))
        shown = self._done.get(_key(segment), 0) if index is None else index.rows
        return max(0, segment.rows - shown)


class SealedJob:
    """Makes the index of one sealed segment, some blocks at a time."""

    def __init__(
        self, source: BlockSource, segment: SegmentInfo, settings: IndexSettings, counters: IndexCounters
    ) -> None:
        self.key = _key(segment)
        self._source = source
        self._counters = counters
        self._pending: deque[BlockInfo] = deque(source.blocks(segment))
        self.builder = SealedBuilder(
            segment.index_path, name=segment.name, generation=segment.generation, settings=settings
        )

    def step(self, is_over: Callable[[], bool]) -> bool:
        """Index blocks until ``is_over``; return whether the index is in its place."""
        while self._pending:
            if is_over():
                return False
            info = self._pending.popleft()
            try:
                self.builder.add(self._source.read(info))
            except WireError:
                self._counters.unreadable_blocks += 1
                self.builder.add_unreadable(info)
            self._counters.rows += info.n
        self.builder.finish()
        return True


def _key(segment: SegmentInfo) -> _Key:
    return segment.name, segment.generation


def _is_index_of(segment: SegmentInfo) -> bool:
    """Return whether there is an index that says it is this segment's; its bytes are checked by those who read it."""
    path: Path = segment.index_path
    if not path.exists():
        return False
    try:
        connection = open_readonly(path, immutable=True)
        try:
            head = read_head(connection)
        finally:
            connection.close()
    except UNREADABLE:
        return False
    return head is not None and head.sealed and (head.name, head.generation) == _key(segment)
