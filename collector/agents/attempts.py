"""Counts what failed, by address, so that nobody can try one-time tokens without end.  Pure."""

from collections import OrderedDict
from typing import Final

from watchbook.clock import SECOND_US, Clock

WINDOW_S: Final = 60
#: Addresses that are remembered; the one that was quiet for longest is forgotten first.
_ADDRESSES_MAX: Final = 10_000


class FailedAttempts:
    """How often each address failed in the minute that began with its first failure."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._by_address: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Return for how many seconds an address must wait before it may try again, 0 when it may now."""
        began, failures = self._by_address.get(address, (0, 0))
        left_us = began + WINDOW_S * SECOND_US - self._clock()
        return -(-left_us // SECOND_US) if failures >= self._limit and left_us > 0 else 0

    def failed(self, address: str) -> None:
        """Note one more failure."""
        now = self._clock()
        began, failures = self._by_address.pop(address, (now, 0))
        if now - began >= WINDOW_S * SECOND_US:
            began, failures = now, 0
        self._by_address[address] = (began, failures + 1)
        if len(self._by_address) > _ADDRESSES_MAX:
            self._by_address.popitem(last=False)
