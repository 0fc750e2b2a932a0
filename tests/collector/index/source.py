"""A store of blocks in memory, as the index sees one, and events to fill it with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collector.block import BlockInfo, DecodedBlock, SegmentInfo, Tier
from watchbook.wire import WireError, columns_of, decode_batch, encode_batch

STREAM = "0" * 32
TIME_US = 1_763_733_909_000_000


class MemorySegment:
    """One segment: its blocks as they are stored."""

    def __init__(self, folder: Path, name: str, tier: Tier = "hot", generation: str = "a") -> None:
        self.name, self.tier, self.generation = name, tier, generation
        self.index_path = folder / f"{name}.ix"
        self.path = folder / f"{name}.blk"
        self.data: list[bytes] = []
        self.infos: list[BlockInfo] = []
        self.rows = 0

    def append(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Add a block of flat events."""
        times = [event["time"] for event in events]
        info = BlockInfo(
            self.rows + 1, len(events), min(times), max(times), max(times), STREAM, len(self.data) + 1,
            self.name, self.rows,
        )  # fmt: skip
        self.data.append(encode_batch(len(events), columns_of(events)))
        self.infos.append(info)
        self.rows += len(events)

    def info(self) -> SegmentInfo:
        """Return what it is now."""
        tmin = min((info.tmin for info in self.infos), default=0)
        tmax = max((info.tmax for info in self.infos), default=0)
        return SegmentInfo(self.name, self.tier, self.generation, 1, self.rows, tmin, tmax, self.path, self.index_path)

    def blocks(self) -> list[DecodedBlock]:
        """Return all blocks, decoded."""
        return [
            DecodedBlock(info, decode_batch(data, bytes_max=1 << 30))
            for info, data in zip(self.infos, self.data, strict=True)
        ]

    def events(self) -> list[dict[str, Any]]:
        """Return all events in flat form."""
        return [block.batch.event(index) for block in self.blocks() for index in range(block.batch.n)]


class MemorySource:
    """Implements :class:`collector.block.BlockSource` as far as an index asks."""

    def __init__(self, *segments: MemorySegment) -> None:
        self.held = list(segments)

    def segments(self) -> list[SegmentInfo]:
        return [segment.info() for segment in self.held]

    def blocks(self, segment: SegmentInfo, row_from: int = 0, row_to: int | None = None) -> list[BlockInfo]:
        until = segment.rows if row_to is None else row_to
        return [info for info in self._named(segment.name).infos if info.row < until and info.row + info.n > row_from]

    def read(self, info: BlockInfo) -> DecodedBlock:
        segment = self._named(info.segment)
        return DecodedBlock(info, decode_batch(segment.data[segment.infos.index(info)], bytes_max=1 << 30))

    def find(self, stream: str, sequence: int) -> list[BlockInfo]:
        raise NotImplementedError

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        raise NotImplementedError

    def last_number(self) -> int:
        return sum(segment.rows for segment in self.held)

    def _named(self, name: str) -> MemorySegment:
        for segment in self.held:
            if segment.name == name:
                return segment
        raise KeyError(name)


def event(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a flat event; dots in names are written as two underscores."""
    flat = {"time": TIME_US + number, "actor.type": "user", "action": "create"}
    return flat | {name.replace("__", "."): value for name, value in fields.items()}


__all__ = ["STREAM", "TIME_US", "MemorySegment", "MemorySource", "WireError", "event"]
