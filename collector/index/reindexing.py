"""Makes all indexes again, from the blocks alone."""

from collections.abc import Callable, Collection
from typing import Final

from collector.block import BlockSource, SegmentInfo
from collector.index.file import remove
from collector.index.growing import GrowingIndex, IndexCounters
from collector.index.indexer import SealedJob
from collector.index.settings import IndexSettings

_NEVER: Final = 0


def reindex(
    source: BlockSource,
    settings: IndexSettings,
    *,
    names: Collection[str] | None = None,
    on_done: Callable[[SegmentInfo, int], None] | None = None,
) -> IndexCounters:
    """Make the indexes of all segments (or of those with these names) again, oldest first.

    Nobody else may index meanwhile; readers may read.  ``on_done`` is told of each segment and how many rows its index
    has.  Raises KeyError when there is no segment of a name, and sqlite3.Error and OSError when the disk does not
    take it.
    """
    segments = [segment for segment in source.segments() if segment.tier != "archived"]
    unknown = set(names or ()) - {segment.name for segment in segments}
    if unknown:
        raise KeyError(min(unknown))
    counters = IndexCounters()
    for segment in segments:
        if names is None or segment.name in names:
            rows = _reindex(source, segment, settings, counters)
            if on_done is not None:
                on_done(segment, rows)
    return counters


def _reindex(source: BlockSource, segment: SegmentInfo, settings: IndexSettings, counters: IndexCounters) -> int:
    before = counters.rows
    if segment.tier == "sealed":
        job = SealedJob(source, segment, settings, counters)
        try:
            job.step(lambda: False)
        except BaseException:
            job.builder.give_up()
            raise
    else:
        remove(segment.index_path)
        index = GrowingIndex(source, segment, settings, counters)
        try:
            while index.step(segment, _NEVER, lambda: False):
                pass
            index.finish(_NEVER)
        except BaseException:
            index.abandon()
            raise
    return counters.rows - before
