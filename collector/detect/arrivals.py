"""From the number of an event's arrival to its id, for the events of the blocks that the rules have read lately."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from collector.block import BlockInfo
from watchbook.event import event_id


class Arrivals:
    """What names the events of each block.  ``forgotten`` blocks' events have an id of another form: ``arrival-N``.

    One block takes 28 bytes here, an id that is written out a hundred.
    """

    def __init__(self, keep_us: int, least: int = 100_000) -> None:
        self._keep_us = keep_us
        self._least = least
        self._first = array("q")
        self._sequence = array("q")
        self._received = array("q")
        self._stream = array("i")
        self._streams: list[str] = []
        self._places: dict[str, int] = {}
        self.forgotten = 0

    def join(self, other: "Arrivals", keep_us: int) -> None:
        """Know the blocks that another knows from before the first of these too, and keep them for so long."""
        self._keep_us = max(self._keep_us, keep_us)
        before = [first for first in other._first if not self._first or first < self._first[0]]
        for column, added in (
            (self._first, other._first),
            (self._sequence, other._sequence),
            (self._received, other._received),
        ):
            column[:0] = added[: len(before)]
        names = [other._streams[place] for place in other._stream[: len(before)]]
        self._stream[:0] = array("i", map(self._place_of, names))

    def note(self, info: BlockInfo) -> None:
        """Remember a block; blocks come in the order of their numbers."""
        place = self._place_of(info.stream)
        self._first.append(info.number)
        self._sequence.append(info.sequence)
        self._received.append(info.received)
        self._stream.append(place)
        if len(self._first) > 2 * self._least:
            self._forget(info.received - self._keep_us)

    def ids_of(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Return the ids of the events with some arrival numbers.  Neighbours in a block cost one search together."""
        ids: list[str] = []
        first, after, stream, sequence = 0, 0, "", 0
        for number in numbers:
            if not first <= number < after:
                place = bisect_right(self._first, number) - 1
                if place < 0:
                    ids.append(f"arrival-{number}")
                    continue
                first, stream, sequence = self._first[place], self._streams[self._stream[place]], self._sequence[place]
                after = self._first[place + 1] if place + 1 < len(self._first) else number + 1
            ids.append(event_id(stream, sequence, number - first))
        return tuple(ids)

    def _place_of(self, stream: str) -> int:
        place = self._places.get(stream)
        if place is None:
            place = self._places[stream] = len(self._streams)
            self._streams.append(stream)
        return place

    def _forget(self, before: int) -> None:
        cut = min(bisect_right(self._received, before), len(self._first) - self._least)
        if cut > self._least // 2:
            for column in (self._first, self._sequence, self._received, self._stream):
                del column[:cut]
            self.forgotten += cut
