"""A shelf of segments in memory, with a ledger; it can die after any change, as a process can."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from collector.block import BlockInfo, DecodedBlock, Identity, SegmentInfo, Tier
from collector.lifecycle import Removal, Stay
from watchbook.clock import EPOCH, parse_rfc3339
from watchbook.wire import Batch, columns_of

STREAM = "0123456789abcdef" * 2
DAY_US = 86_400_000_000


class KilledError(BaseException):
    """The process died."""


def at(day: str) -> int:
    """Return the microseconds of a day's beginning."""
    return parse_rfc3339(f"{day}T00:00:00Z")


def event(time: int, org: str | None = None, category: str | None = "data", **fields: Any) -> dict[str, Any]:
    """Return a flat event."""
    return {"time": time, "actor.type": "user", "action": "read", "org": org, "category": category, **fields}


@dataclass
class Kept:
    """A segment: its events, each with when it was received."""

    tier: Tier
    events: list[tuple[dict[str, Any], int]]
    generation: int = 0


@dataclass
class MemoryShelf:
    """Implements :class:`collector.lifecycle.Shelf`."""

    segments: dict[str, Kept] = field(default_factory=dict)
    ledger: list[Removal | None] = field(default_factory=list)
    now: int = 0
    open_from: int | None = None
    die_after: str | None = None

    def add(
        self, name: str, events: Iterable[dict[str, Any]], received: int | None = None, tier: Tier = "sealed"
    ) -> None:
        """Add a segment; its events were received when they happened unless ``received`` says otherwise."""
        ordered = sorted(events, key=lambda each: each["time"])
        self.segments[name] = Kept(tier, [(each, each["time"] if received is None else received) for each in ordered])
        self.ledger.append(None)

    def events(self) -> list[dict[str, Any]]:
        """Return all events there are."""
        return [each for kept in self.segments.values() for each, _ in kept.events]

    def finished(self) -> list[SegmentInfo]:
        """See Shelf."""
        return [
            SegmentInfo(
                name, kept.tier, f"{kept.tier}-{kept.generation}", 1, len(kept.events), 0, 0, Path(name), Path(name)
            )
            for name, kept in sorted(self.segments.items())
            if kept.tier != "hot"
        ]

    def open_since(self) -> int:
        """See Shelf."""
        return self.now if self.open_from is None else self.open_from

    def blocks(self, segment: SegmentInfo) -> Iterator[DecodedBlock]:
        """See Shelf."""
        events = self.segments[segment.name].events
        for first in range(0, len(events), 4):
            piece = events[first : first + 4]
            flat = [each for each, _ in piece]
            identities = [
                Identity(STREAM, 1, first + i, received, first + i + 1) for i, (_, received) in enumerate(piece)
            ]
            info = BlockInfo(0, len(flat), flat[0]["time"], flat[-1]["time"], 0, "", 0, segment.name, first)
            yield DecodedBlock(info, Batch(len(flat), columns_of(flat)), identities)

    def archive(self, segment: SegmentInfo, why: Mapping[str, Any]) -> Iterator[object]:
        """See Shelf."""
        yield None
        self.segments[segment.name].tier = "archived"
        self._note("archived", segment.name, len(self.segments[segment.name].events), why)

    def rewrite(self, segment: SegmentInfo, stay: Stay, why: Mapping[str, Any]) -> Iterator[object]:
        """See Shelf."""
        yield None
        kept = self.segments[segment.name]
        left: list[tuple[dict[str, Any], int]] = []
        for block in self.blocks(segment):
            left.extend(kept.events[block.info.row + place] for place in stay(block))
        gone = len(kept.events) - len(left)
        kept.events, kept.generation = left, kept.generation + 1
        self._note("rewritten", segment.name, gone, why)

    def remove(self, segment: SegmentInfo, why: Mapping[str, Any]) -> None:
        """See Shelf."""
        self._note("removed", segment.name, len(self.segments.pop(segment.name).events), why)

    def removals(self, skip: int) -> Iterator[tuple[int, Removal | None]]:
        """See Shelf."""
        yield from list(enumerate(self.ledger, 1))[skip:]

    def _note(self, kind: str, name: str, events: int, why: Mapping[str, Any]) -> None:
        self.ledger.append(Removal(kind, self.now, name, events, 100 * events, why))
        if self.die_after == kind:
            self.die_after = None
            raise KilledError


def day_of(time: int) -> str:
    """Return the day of a time."""
    return (EPOCH + timedelta(microseconds=time)).strftime("%Y-%m-%d")
