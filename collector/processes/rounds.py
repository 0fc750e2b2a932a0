"""The index process's own loop: does its work in small steps, tells how far it is, hears what its parent says."""

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry

from collector.processes.frames import Frame
from collector.processes.gathered import snapshot
from collector.processes.parent import Parent

#: Without news it looks after the files this often all the same.
_IDLE_S: Final = 0.5
#: What it did is told this often at most.
_METRICS_EVERY_S: Final = 0.25


class Rounds:
    """``step`` works for a moment and returns whether there is more to do at once.

    ``hear`` gets the frames of the parent; ``progress`` says how far the work is, as values for a frame.
    """

    def __init__(
        self,
        parent: Parent,
        registry: CollectorRegistry,
        *,
        step: Callable[[], bool],
        hear: Mapping[str, Callable[[Frame], None]],
        progress: Callable[[], dict[str, Any]],
    ) -> None:
        self._parent = parent
        self._registry = registry
        self._step = step
        self._hear = hear
        self._progress = progress
        self._told: dict[str, Any] = {}
        self._metrics_at = 0.0

    def run(self) -> None:
        """Work until the parent asks to stop; raises OSError when it is gone."""
        self._parent.send({"kind": "ready", "metrics": snapshot(self._registry)})
        more = True
        while self._take_in(0.0 if more else _IDLE_S):
            more = self._step()
            self._tell(pausing=not more)

    def _take_in(self, wait_s: float) -> bool:
        """Wait for frames and hear all there are; return False at the end."""
        try:
            while True:
                frame = self._parent.next_frame(wait_s)
                if frame is None:
                    return False
                if frame.kind in self._hear:
                    self._hear[frame.kind](frame)
                wait_s = 0.0
        except queue.Empty:
            return True

    def _tell(self, *, pausing: bool) -> None:
        """Tell progress at once, for somebody may wait for it; metrics come along before a pause, and now and then."""
        now = time.monotonic()
        since = now - self._metrics_at
        progress = self._progress()
        if progress == self._told and since < _IDLE_S:
            return
        self._told = progress
        if pausing or since >= _METRICS_EVERY_S:
            self._metrics_at = now
            self._parent.send({"kind": "progress", "progress": progress, "metrics": snapshot(self._registry)})
        else:
            self._parent.send({"kind": "progress", "progress": progress})
