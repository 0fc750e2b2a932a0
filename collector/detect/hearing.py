"""The clock, as far as it may decide that nothing came.

That nothing came says something only when somebody was there to hear it.  While the collector was down, asleep or
stuck, or after its clock jumped, what senders kept for it is still on its way: for one lateness the clock then decides
nothing.
"""

from typing import Final

from collector.detect.group import TICK_EVERY_MAX_US

#: With more time between two looks at the clock, nobody listened in between.
_GAP_US: Final = 2 * TICK_EVERY_MAX_US


class Hearing:
    """Gives the time up to which the clock decides.  ``decided``: that of the run before, 0 when there was none."""

    def __init__(self, lateness_us: int, decided: int) -> None:
        self._lateness_us = lateness_us
        self._decided = decided
        self._seen = 0
        self._waits_until = 0
        #: How often the clock decided nothing for a while, the start after another run included.
        self.interrupted = 0

    def advance(self, now: int) -> int:
        """Return up to which time all decisions may be made at a moment; it goes back only when the clock does."""
        is_first, back = self._seen == 0, now < self._seen
        if (is_first and self._decided > 0) or (not is_first and (back or now - self._seen > _GAP_US)):
            self._waits_until = now + self._lateness_us
            self._decided = min(self._decided, now)
            self.interrupted += 1
        self._seen = now
        if now >= self._waits_until:
            self._decided = now
        return self._decided
