"""The segment that the killed indexer works on: the same events in whatever process."""

from pathlib import Path

from collector.index import IndexSettings
from tests.collector.index.source import MemorySegment, event

SETTINGS = IndexSettings(chunk_rows=64, flush_rows=32, flush_rows_min=8)
BLOCKS_MAX = 200


def filled(folder: Path, blocks: int, segment: MemorySegment | None = None) -> MemorySegment:
    """Return a segment (that given) with at least so many blocks."""
    segment = segment or MemorySegment(folder, "s")
    while len(segment.data) < blocks:
        block = len(segment.data)
        segment.append([event(block * 10 + i, message=f"message {block} {i}", org="acme") for i in range(10)])
    return segment
