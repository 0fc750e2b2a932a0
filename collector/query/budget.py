"""What one query may spend: time, and events decoded."""

import threading
import time
from collections.abc import Callable
from typing import Literal

Reason = Literal["deadline", "scan_budget", "stopping"]


class Budget:
    """Counts what a query spends and says when it must answer with what it has."""

    def __init__(
        self,
        deadline_s: float,
        events_max: int,
        stopping: threading.Event,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ends = monotonic() + deadline_s
        self._monotonic = monotonic
        self._events_max = events_max
        self._stopping = stopping
        self.scanned = 0

    def spend(self, events: int) -> None:
        """Note that so many events were decoded."""
        self.scanned += events

    def exhausted(self) -> Reason | None:
        """Return why the query must end now, None while it may go on."""
        if self._stopping.is_set():
            return "stopping"
        if self.scanned >= self._events_max:
            return "scan_budget"
        return "deadline" if self._monotonic() >= self._ends else None
