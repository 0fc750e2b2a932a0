"""Writes every sealed segment as Parquet into a folder of its own, and measures it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from collector.archive import ArchiveSettings, write_archive
from collector.block import DecodedBlock, SegmentInfo
from collector.store.reader import SegmentReader
from tests.stand import Stand


class Archived(NamedTuple):
    """What it cost, and where the files are."""

    folder: Path
    events: int
    cpu_s: float
    wall_s: float
    event_bytes: float


def archive(stand: Stand, folder: Path, progress: Callable[[str], None]) -> Archived:
    """Copy every sealed segment (every segment, when none is sealed) of a stopped collector to Parquet."""
    folder.mkdir()
    reader = SegmentReader(stand.folder / "collector" / "segments", 1 << 30)
    try:
        segments = reader.segments()
        chosen = [segment for segment in segments if segment.tier == "sealed"] or segments
        cpu, began = time.process_time(), time.monotonic()
        for place, segment in enumerate(chosen, 1):
            progress(f"archiving {place} of {len(chosen)}")
            write_archive(_blocks(reader, segment), folder / f"{segment.name}.parquet", ArchiveSettings())
        events = sum(segment.rows for segment in chosen)
        size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
        return Archived(folder, events, time.process_time() - cpu, time.monotonic() - began, size / max(events, 1))
    finally:
        reader.close()


def _blocks(reader: SegmentReader, segment: SegmentInfo) -> Iterator[DecodedBlock]:
    return (reader.read(info) for info in reader.blocks(segment))
