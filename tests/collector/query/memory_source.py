"""A block source over batches in memory, through the real wire format: hot segments, and sealed ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from collector.block import BlockInfo, DecodedBlock, Identity, SegmentInfo, Tier
from watchbook.checked import decode_checked
from watchbook.wire import columns_of, encode_batch

RECEIVED_US = 1_700_000_000_000_000
STREAM = "5" * 32


class Stored(NamedTuple):
    """A block: its place, its bytes, and the identities of its events when they are a sealed segment's."""

    info: BlockInfo
    data: bytes
    identities: Sequence[Identity] | None = None


class MemorySegment:
    """One segment."""

    def __init__(self, name: str, first_number: int) -> None:
        self.name = name
        self.tier: Tier = "hot"
        self.first_number = first_number
        self.blocks: list[Stored] = []

    @property
    def info(self) -> SegmentInfo:
        infos = [stored.info for stored in self.blocks]
        return SegmentInfo(
            self.name, self.tier, f"{self.name}-{self.tier}", self.first_number, sum(info.n for info in infos),
            min((info.tmin for info in infos), default=0), max((info.tmax for info in infos), default=0),
            Path(self.name), Path(f"{self.name}.ix"),
        )  # fmt: skip

    def decoded(self) -> list[DecodedBlock]:
        return [
            DecodedBlock(stored.info, decode_checked(stored.data, bytes_max=1 << 30), stored.identities)
            for stored in self.blocks
        ]


class MemorySource:
    """Implements :class:`collector.block.BlockSource`; ``reads`` counts the blocks decoded."""

    def __init__(self) -> None:
        self.kept = [MemorySegment("day-1", 1)]
        self._sequences: dict[str, int] = {}
        self._next_number = 1
        self.reads = 0

    def append(self, events: Sequence[Mapping[str, Any]], stream: str = STREAM, received: int = 0) -> BlockInfo:
        """Store flat events as the stream's next batch in the newest segment."""
        segment = self.kept[-1]
        sequence = self._sequences[stream] = self._sequences.get(stream, 0) + 1
        times = [event["time"] for event in events]
        number, self._next_number = self._next_number, self._next_number + len(events)
        received = received or RECEIVED_US + number
        row = segment.info.rows
        info = BlockInfo(number, len(events), min(times), max(times), received, stream, sequence, segment.name, row)
        segment.blocks.append(Stored(info, encode_batch(len(events), columns_of(events))))
        return info

    def roll(self) -> None:
        """Begin a new segment."""
        self.kept.append(MemorySegment(f"day-{len(self.kept) + 1}", self._next_number))

    def seal(self, name: str, block_events: int = 5) -> None:
        """Replace a segment by its sealed form: in order of answers, in blocks of another size."""
        segment = next(segment for segment in self.kept if segment.name == name)
        events = [
            (event["time"], identity, event)
            for block in segment.decoded()
            for index in range(block.batch.n)
            for event, identity in [(block.batch.event(index), block.identity(index))]
        ]
        events.sort(key=lambda found: found[:2])
        segment.blocks = []
        for row in range(0, len(events), block_events):
            piece = events[row : row + block_events]
            identities = [identity for _, identity, _ in piece]
            latest = max(identity.received for identity in identities)
            info = BlockInfo(0, len(piece), piece[0][0], piece[-1][0], latest, "", 0, name, row)
            data = encode_batch(len(piece), columns_of([event for _, _, event in piece]))
            segment.blocks.append(Stored(info, data, identities))
        segment.tier = "sealed"

    def drop(self, info: BlockInfo) -> None:
        """Remove a block, as retention does."""
        for segment in self.kept:
            segment.blocks = [stored for stored in segment.blocks if stored.info != info]

    def segments(self) -> list[SegmentInfo]:
        return [segment.info for segment in self.kept]

    def blocks(self, segment: SegmentInfo, row_from: int = 0, row_to: int | None = None) -> list[BlockInfo]:
        found = [kept for kept in self.kept if kept.info.generation == segment.generation]
        if not found:
            raise KeyError(segment.name)
        infos = [stored.info for stored in found[0].blocks]
        return [i for i in infos if i.row + i.n > row_from and (row_to is None or i.row < row_to)]

    def read(self, info: BlockInfo) -> DecodedBlock:
        for segment in self.kept:
            for stored in segment.blocks:
                if stored.info == info:
                    self.reads += 1
                    return DecodedBlock(info, decode_checked(stored.data, bytes_max=1 << 30), stored.identities)
        raise KeyError(info)

    def find(self, stream: str, sequence: int) -> list[BlockInfo]:
        def holds(block: DecodedBlock) -> bool:
            return any(block.identity(index)[:2] == (stream, sequence) for index in range(block.batch.n))

        return [block.info for segment in self.kept for block in segment.decoded() if holds(block)]

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        infos = [stored.info for segment in self.kept if segment.tier == "hot" for stored in segment.blocks]
        return [info for info in infos if info.number > number][:limit]

    def last_number(self) -> int:
        return self._next_number - 1


def an_event(time: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a flat event; ``actor_id="a"`` sets ``actor.id``."""
    event: dict[str, Any] = {"time": time, "actor.type": "user", "action": "read"}
    for name, value in fields.items():
        group, _, member = name.partition("_")
        dotted = f"{group}.{member}"
        event[dotted if group in ("actor", "resource", "source", "origin") else name] = value
    return event
