"""Which rules take too much of a core: looked at over a while, so that one dear batch sets nothing aside.  Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collector.detect.settings import DetectSettings


class Runaway(NamedTuple):
    """A matcher that took too much: its number, its share of a core, and what an event cost in microseconds."""

    number: int
    share: float
    event_us: float


class CostWatch:
    """Compares what matchers have cost with what they had cost a while ago."""

    def __init__(self, settings: DetectSettings) -> None:
        self._settings = settings
        self._began: float | None = None
        self._cost: list[int] = []
        self._events = 0

    def look(self, now_s: float, cost_ns: Sequence[int], events: int) -> Iterator[Runaway]:
        """Yield the matchers that took too much, once in a while; ``now_s`` is a clock that never goes back.

        ``events`` is how many events were read in all so far.
        """
        settings = self._settings
        if self._began is None or len(self._cost) != len(cost_ns):
            self._begin(now_s, cost_ns, events)
            return
        elapsed_s = now_s - self._began
        if elapsed_s < settings.runaway_time:
            return
        read = max(1, events - self._events)
        for number, (before, after) in enumerate(zip(self._cost, cost_ns, strict=True)):
            taken_ns = after - before
            share, event_us = taken_ns / 1e9 / elapsed_s, taken_ns / 1000 / read
            if share > settings.runaway_share and event_us >= settings.runaway_event_us:
                yield Runaway(number, share, event_us)
        self._begin(now_s, cost_ns, events)

    def _begin(self, now_s: float, cost_ns: Sequence[int], events: int) -> None:
        self._began, self._cost, self._events = now_s, list(cost_ns), events
