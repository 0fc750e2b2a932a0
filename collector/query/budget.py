"""What one query may spend: time, and events decoded."""

import time
from collections.abc import Callable
from typing import Final, Literal, Protocol

Reason = Literal["deadline", "scan_budget", "stopping"]

#: So many rows of an index cost about as much as one decoded event.
ROWS_PER_EVENT: Final = 256


class Stopping(Protocol):
    """Says whether queries must end, with what they have."""

    def is_set(self) -> bool:
        """Return whether they must."""
        ...


class Budget:
    """Counts what a query spends and says when it must answer with what it has."""

    def __init__(
        self,
        deadline_s: float,
        events_max: int,
        stopping: Stopping,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ends = monotonic() + deadline_s
        self._monotonic = monotonic
        self._events_max = events_max
        self._stopping = stopping
        self._rows = 0
        #: Events decoded.
        self.decoded = 0

    @property
    def scanned(self) -> int:
        """What was spent, in decoded events."""
        return self.decoded + self._rows // ROWS_PER_EVENT

    def spend(self, events: int) -> None:
        """Note that so many events were decoded."""
        self.decoded += events

    def spend_rows(self, rows: int) -> None:
        """Note that so many rows of an index were looked at."""
        self._rows += rows

    def left(self) -> int:
        """Return how many events may still be decoded."""
        return max(0, self._events_max - self.scanned)

    def exhausted(self) -> Reason | None:
        """Return why the query must end now, None while it may go on."""
        if self._stopping.is_set():
            return "stopping"
        if self.scanned >= self._events_max:
            return "scan_budget"
        return "deadline" if self._monotonic() >= self._ends else None

    def timed_out(self) -> bool:
        """Return whether not even what costs little may be done any more."""
        return self._stopping.is_set() or self._monotonic() >= self._ends
