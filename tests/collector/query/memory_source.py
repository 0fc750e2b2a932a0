"""A block source over batches in memory, through the real wire format."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.block import BlockInfo, DecodedBlock
from watchbook.wire import columns_of, decode_batch, encode_batch

RECEIVED_US = 1_700_000_000_000_000
STREAM = "5" * 32


class MemorySource:
    """Implements :class:`collector.block.BlockSource`; ``reads`` counts the blocks decoded."""

    def __init__(self) -> None:
        self._stored: list[tuple[BlockInfo, bytes]] = []
        self._sequences: dict[str, int] = {}
        self._next_number = 1
        self.reads = 0
        self.gone: set[int] = set()

    def append(self, events: Sequence[Mapping[str, Any]], stream: str = STREAM) -> BlockInfo:
        """Store flat events as the stream's next batch."""
        sequence = self._sequences[stream] = self._sequences.get(stream, 0) + 1
        times = [event["time"] for event in events]
        number, self._next_number = self._next_number, self._next_number + len(events)
        info = BlockInfo(number, len(events), min(times), max(times), RECEIVED_US + number, stream, sequence, "memory")
        self._stored.append((info, encode_batch(len(events), columns_of(events))))
        return info

    def blocks(self, time_from: int, time_to: int) -> list[BlockInfo]:
        infos = [info for info, _ in self._stored if info.tmax >= time_from and info.tmin < time_to]
        return sorted(infos, key=lambda info: info.tmax, reverse=True)

    def read(self, info: BlockInfo) -> DecodedBlock:
        if info.number in self.gone:
            raise KeyError(info.number)
        self.reads += 1
        data = next(data for stored, data in self._stored if stored.number == info.number)
        return DecodedBlock(info, decode_batch(data, bytes_max=1 << 30))

    def find(self, stream: str, sequence: int) -> BlockInfo | None:
        return next((i for i, _ in self._stored if (i.stream, i.sequence) == (stream, sequence)), None)

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        return [info for info, _ in self._stored if info.number > number][:limit]

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
