"""The clock, as far as it may decide that nothing came.

That nothing came says something only when somebody was there to hear it.  While the collector was down, asleep or
stuck, or after its clock jumped, what senders kept for it is still on its way: for one lateness the clock then decides
nothing.
"""

from typing import Final

from collector.detect.group import TICK_EVERY_MAX_US

#: With more time between two looks at the clock, nobody listened in between.
_GAP_US: Final = 2 * TICK_EVERY_MAX_US
_TICK_US: Final = 5_000_000


def tick_of(now: int) -> int:
    """Return the last time up to a moment at which the clock decides: every five seconds, for every reader the same.

    An event and the time at which the clock would decide without it come in the order of their times then, whether
    they are read as they arrive, later, or in a back-test.
    """
    return now - now % _TICK_US


class Hearing:
    """Gives the time up to which the clock decides: ``decided``, at first that of the run before, 0 without one."""

    def __init__(self, lateness_us: int, decided: int) -> None:
        self._lateness_us = lateness_us
        self.decided = decided
        self._seen = 0
        self._waits_until = 0
        #: How often the clock decided nothing for a while, the start after another run included.
        self.interrupted = 0

    def take_note(self, now: int) -> int:
        """Return what :meth:`advance` does for something that was received at a time, which may be long past."""
        return self.advance(now) if now > self._seen else self.decided

    def advance(self, now: int) -> int:
        """Return up to which time all decisions may be made at a moment; it goes back only when the clock does."""
        is_first, back = self._seen == 0, now < self._seen
        if (is_first and self.decided > 0) or (not is_first and (back or now - self._seen > _GAP_US)):
            self._waits_until = now + self._lateness_us
            self.decided = min(self.decided, now)
            self.interrupted += 1
        self._seen = now
        if now >= self._waits_until:
            self.decided = now
        return self.decided
