"""The inlet: lines that were received wait here until they are taken into the spool.

It is bounded in bytes.  While the spool is full nothing is taken out, so that it fills, and senders feel it: those who
can wait do (:meth:`Inlet.put`), those who must not lose a line are answered only when it is on disk
(:meth:`Inlet.deliver`), and what cannot wait (a datagram) is dropped and counted (:meth:`Inlet.offer`).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from agent.records import Chunk

#: What an arrival takes beside its lines, in bytes, and what a line takes beside its bytes.
_OVERHEAD = 200
_OVERHEAD_OF_LINE = 60


class InletClosedError(Exception):
    """The agent ended before the lines were on disk; whoever sent them must send them again."""


@dataclass(eq=False)
class Arrival:
    """Lines on their way into the spool.

    ``mark``: where the input goes on after them, stored in the transaction of the lines.  ``stored``: resolved when
    that transaction is through.
    """

    chunk: Chunk
    mark: bytes | None = None
    stored: asyncio.Future[None] | None = None

    @property
    def size(self) -> int:
        """How much of the inlet it takes, in bytes."""
        return _OVERHEAD + sum(map(len, self.chunk.lines)) + _OVERHEAD_OF_LINE * len(self.chunk.lines)


class Inlet:
    """A bounded queue of arrivals.  ``wake`` is called when there is something to take."""

    def __init__(self, bytes_max: int, wake: Callable[[], None]) -> None:
        self._bytes_max = bytes_max
        self._wake = wake
        self._waiting: deque[Arrival] = deque()
        self._room = asyncio.Event()
        self._closed = False
        self.bytes = 0
        #: (input, counter) -> how much to add; whoever stores them empties it.
        self.counters: Counter[tuple[str, str]] = Counter()

    def rewire(self, wake: Callable[[], None], bytes_max: int) -> None:
        """Wake another taker from now on, within another bound."""
        self._wake = wake
        self._bytes_max = bytes_max
        self._room.set()
        if self._waiting:
            wake()

    def __len__(self) -> int:
        """Return how many arrivals wait."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def has_room_for(self, arrival: Arrival) -> bool:
        """Return whether an arrival fits; one that is larger than the whole inlet fits into an empty one."""
        return not self._closed and (not self._waiting or self.bytes + arrival.size <= self._bytes_max)

    def offer(self, arrival: Arrival) -> bool:
        """Take an arrival in if there is room, else count its lines as dropped; return whether it was taken."""
        if not self.has_room_for(arrival):
            lines = arrival.chunk.lines
            self.counters[arrival.chunk.input, "dropped"] += len(lines)
            for counter in ("bytes_read", "bytes_dropped"):
                self.counters[arrival.chunk.input, counter] += sum(map(len, lines))
            return False
        self._add(arrival)
        return True

    async def put(self, arrival: Arrival) -> None:
        """Take an arrival in as soon as there is room.  Raises InletClosedError."""
        while not self.has_room_for(arrival):
            if self._closed:
                raise InletClosedError
            self._room.clear()
            await self._room.wait()
        self._add(arrival)

    async def deliver(self, arrival: Arrival) -> None:
        """Take an arrival in and return when its lines are in the spool, on disk.  Raises InletClosedError."""
        arrival.stored = asyncio.get_running_loop().create_future()
        await self.put(arrival)
        await arrival.stored

    def take(self) -> Arrival | None:
        """Return what has waited longest, None when nothing waits."""
        if not self._waiting:
            return None
        arrival = self._waiting.popleft()
        self.bytes -= arrival.size
        self._room.set()
        return arrival

    def close(self) -> None:
        """Refuse everything from now on; what waits was not stored, and its senders are told."""
        self._closed = True
        self._room.set()
        while arrival := self.take():
            if arrival.stored is not None and not arrival.stored.done():
                arrival.stored.set_exception(InletClosedError())

    def _add(self, arrival: Arrival) -> None:
        self._waiting.append(arrival)
        self.bytes += arrival.size
        self._wake()
